"""The application of the tests that talk to a started server."""

from typing import Annotated

from msgspec import Meta

from scenarist import ConfigRegistry, Frequency, Outcome, Scope

registry = ConfigRegistry()

start = registry.configure_data_node("start", default_data=1)
middle = registry.configure_data_node("middle")
end = registry.configure_json_data_node("end")
given = registry.configure_json_data_node("given")
table = registry.configure_csv_data_node("table")
shared = registry.configure_in_memory_data_node("shared", default_data=5, scope=Scope.GLOBAL)
monthly = registry.configure_pickle_data_node("monthly", default_data=7, scope=Scope.CYCLE)
gate = registry.configure_json_data_node("gate")
opened = registry.configure_json_data_node("opened")
counter = registry.configure_json_data_node("counter")
counted = registry.configure_json_data_node("counted")

first = registry.configure_task("first", "pipelines:increment", start, middle)
second = registry.configure_task("second", "pipelines:increment", middle, end)
third = registry.configure_task("third", "pipelines:increment", given, table)
chain = registry.configure_scenario(
    "chain",
    [first, second],
    sequences={"all of it": [first, second], "half": [first]},
)

apart = registry.configure_task("apart", "pipelines:increment", given, opened)
registry.configure_scenario("islands", [first, second, apart])

breaks = registry.configure_task("breaks", "pipelines:fail", start, middle)
needs_it = registry.configure_task("needs_it", "pipelines:increment", middle, end)
registry.configure_scenario("broken", [breaks, needs_it], sequences={"all": [breaks, needs_it]})

vanishes = registry.configure_task("vanishes", "pipelines:vanish", start, middle)
registry.configure_scenario("deadly", [vanishes], sequences={"all": [vanishes]})

odd = registry.configure_task("odd", "pipelines:unstorable", start, middle)
registry.configure_scenario("unstorable", [odd], sequences={"all": [odd]})

speaks = registry.configure_task("speaks", "pipelines:speak")
registry.configure_scenario("speaking", [speaks], sequences={"all": [speaks]})

holds = registry.configure_task("holds", "pipelines:hold_interpreter", [], middle)
registry.configure_scenario("holding", [holds], sequences={"all": [holds]})

speaks_ill = registry.configure_task("speaks_ill", "pipelines:speak_ill")
registry.configure_scenario("speaking_ill", [speaks_ill], sequences={"all": [speaks_ill]})

waits = registry.configure_task("waits", "pipelines:wait_for_file", gate, opened)
registry.configure_scenario("gated", [waits], sequences={"all": [waits]})

speaks_on = registry.configure_task("speaks_on", "pipelines:speak_and_wait", gate, opened)
registry.configure_scenario("speaking_on", [speaks_on], sequences={"all": [speaks_on]})

counts = registry.configure_task("counts", "pipelines:note", counter, counted)
registry.configure_scenario("counting", [counts], sequences={"all": [counts]})

sums = registry.configure_task("sums", "pipelines:add", [shared, monthly], end)
registry.configure_scenario("sharing", [sums], frequency=Frequency.MONTHLY)

tabled = registry.configure_task("tabled", "pipelines:nothing", table)
registry.configure_scenario("tables", [tabled])

fixed = registry.configure_json_data_node("fixed", default_data=1, read_only=True)
reads_fixed = registry.configure_task("reads_fixed", "pipelines:increment", fixed)
registry.configure_scenario("fixed_input", [reads_fixed])

big = registry.configure_data_node("big")
makes_big = registry.configure_task("makes_big", "pipelines:big_table", [], big)
registry.configure_scenario("large", [makes_big], sequences={"all": [makes_big]})

nap = registry.configure_task("nap", "pipelines:sleep_long", [], middle)
endless = registry.configure_scenario("endless", [nap, second], sequences={"all": [nap, second]})

stays = registry.configure_task("stays", "pipelines:stay", gate, opened)
registry.configure_scenario("stubborn", [stays], sequences={"all": [stays]})

tidies = registry.configure_task("tidies", "pipelines:tidy_up", gate, opened)
registry.configure_scenario("tidy", [tidies], sequences={"all": [tidies]})

requires = registry.configure_task("requires", "pipelines:require_file", gate, opened)
reports = registry.configure_task("reports", "pipelines:same", opened, counted)
registry.configure_scenario(
    "gated_pair", [requires, reports], sequences={"all": [requires, reports]}
)

registry.configure_task("lonely", "pipelines:increment", start, end)
registry.configure_task("deletable", "pipelines:nothing")

tells = registry.configure_task("tells", "pipelines:tell_process", gate, opened, retries=0)
registry.configure_scenario("telling", [tells], sequences={"all": [tells]})

spoiled, sound = (registry.configure_json_data_node(name) for name in ("spoiled", "sound"))
source = registry.configure_task("source", "pipelines:increment", start, middle)
spoils = registry.configure_task("spoils", "pipelines:fail", middle, spoiled)
sibling = registry.configure_task("sibling", "pipelines:increment", middle, sound)
registry.configure_scenario(
    "fan", [source, spoils, sibling], sequences={"all": [source, spoils, sibling]}
)

everywhere = registry.configure_json_data_node("everywhere", default_data=1, scope=Scope.GLOBAL)
quarterly = registry.configure_task("quarterly", "pipelines:increment", everywhere, end)
registry.configure_scenario("quarters", [quarterly], frequency=Frequency.QUARTERLY)

unlike = registry.configure_task("unlike", "pipelines:unlike_json", [], middle)
registry.configure_scenario("nans", [unlike], sequences={"all": [unlike]})

scored, noted, lengthy = (
    registry.configure_json_data_node(name) for name in ("scored", "noted", "lengthy")
)
kept = registry.configure_json_data_node("kept", default_path="kept.json")
weekly = registry.configure_data_node("weekly", default_data=7, scope=Scope.CYCLE)
weekly_sum = registry.configure_json_data_node("weekly_sum", scope=Scope.CYCLE)
scores = registry.configure_task("scores", "pipelines:increment", given, scored)
sums_weekly = registry.configure_task("sums_weekly", "pipelines:increment", weekly, weekly_sum)
registry.configure_scenario(
    "rated",
    [scores, sums_weekly],
    [noted, lengthy, kept],
    frequency=Frequency.WEEKLY,
    comparators={
        "scored": ["pipelines:in_order", "pipelines:span"],
        "given": "pipelines:fail",
        "noted": "pipelines:unstorable",
        "lengthy": "pipelines:at_length",
    },
    sequences={"scoring": [scores], "summing": [sums_weekly]},
    authorized_tags=["draft", "final"],
)

endless_pair = registry.configure_json_data_node("endless_pair", default_data=1)
sees_it = registry.configure_task("sees_it", "pipelines:nothing", [], endless_pair)
registry.configure_scenario(
    "endless_comparison", [sees_it], comparators={"endless_pair": "pipelines:compare_without_end"}
)

knows = registry.configure_json_data_node("knows")
traces = registry.configure_task("traces", "pipelines:trace_itself")
looks = registry.configure_task("looks", "pipelines:knows_opentelemetry", [], knows)
registry.configure_scenario("traced", [traces, looks], sequences={"all": [traces], "look": [looks]})

growth = registry.configure_data_node(
    "growth",
    default_data=0.05,
    schema=Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="Growth",
            description="Per year.",
            extra_json_schema={"unit": "%", "group": "Market", "order": 2},
        ),
    ],
)
price = registry.configure_json_data_node("price", schema={"minimum": 0, "order": 1})
pulled = registry.configure_data_node("pulled", default_data=1)
pulls = registry.configure_task("pulls", "own_types:tell_types", [pulled, growth, price], end)
registry.configure_scenario("levers", [pulls])

judged = Outcome(middle, unit="pieces", direction="maximize", title="Pieces")
registry.configure_scenario("judged", [first], outcomes={"pieces": judged})

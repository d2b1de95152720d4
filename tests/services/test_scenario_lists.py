"""Lists of scenarios: searched by words, and with columns that cost one statement a page each."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.db.tables import metadata
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import DeniedError, InvalidError
from scenarist.domain.listings import CREATION_DATE, PageRequest, ScenarioFilter
from scenarist.domain.permissions import ANYONE, Actor
from scenarist.domain.searching import split_search
from scenarist.domain.vocabulary import EntityType, Frequency, Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenario_lists import ListedScenario, ScenarioColumns
from scenarist.services.scenarios import NewScenario, ScenarioChange
from scenarist.services.submit_requests import SubmitOptions
from statements import noted, scanned

ALL = PageRequest(limit=100)
GROWING = tuple(metadata.tables)
WITH_SUBMISSIONS = ScenarioColumns(has_last_submission=True)


@pytest.fixture
def server(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Server]:
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=_registry(tmp_path), search_path=())
    with composition.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    ) as opened:
        yield opened


def _registry(tmp_path: Path) -> ConfigRegistry:
    registry = ConfigRegistry()
    growth = registry.configure_json_data_node("growth", default_data=0.05)
    shared = registry.configure_json_data_node("shared", scope=Scope.GLOBAL, default_data=1)
    monthly = registry.configure_json_data_node("monthly", scope=Scope.CYCLE, default_data=2)
    bulky = registry.configure_json_data_node("bulky", default_data=["x" * 2000])
    (tmp_path / "filed.json").write_text("1")
    filed = registry.configure_json_data_node("filed", default_path=str(tmp_path / "filed.json"))
    made, failed = (registry.configure_json_data_node(name) for name in ("made", "failed"))
    first = registry.configure_task("first", "pipelines:increment", shared, made)
    last = registry.configure_task("last", "pipelines:fail", made, failed)
    registry.configure_scenario(
        "heating",
        [first, last],
        [growth, monthly, bulky, filed],
        frequency=Frequency.MONTHLY,
        sequences={"half": [first]},
    )
    return registry


def create(server: Server, name: str | None = None, tags: Sequence[str] = ()) -> Scenario:
    new = NewScenario(config_id="heating", name=name, tags=tags)
    return server.services.scenarios.create(ANYONE, new)


def list_all(
    server: Server, columns: ScenarioColumns | None = None, **wanted: Any
) -> list[ListedScenario]:
    page = server.services.scenario_lists.list_page(
        ANYONE, ScenarioFilter(**wanted), columns or ScenarioColumns(), ALL
    )
    return page.items


def search(server: Server, text: str, **wanted: Any) -> list[str | None]:
    found = list_all(server, search=split_search(text), **wanted)
    return [listed.scenario.name for listed in found]


def submit(server: Server, kind: EntityType, entity_id: str) -> str:
    submissions = server.services.submissions
    return submissions.submit(ANYONE, kind, entity_id, SubmitOptions()).id


def run_jobs(server: Server) -> None:
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


class TestSearching:
    def test_every_word_is_a_part_of_the_name_of_a_tag_or_of_the_identifier(
        self, server: Server
    ) -> None:
        cold = create(server, "Cold winter", ["north", "100% gas"])
        create(server, "Mild winter", ["south"])
        unnamed = create(server)

        searches: Mapping[str, Sequence[str | None]] = {
            "winter": ["Cold winter", "Mild winter"],
            "WINT cold": ["Cold winter"],
            "winter north": ["Cold winter"],
            "100%": ["Cold winter"],
            "%": ["Cold winter"],
            "c_ld": [],
            "summer": [],
            cold.id: ["Cold winter"],
            f"heating {unnamed.id[-6:]}": [None],
        }
        assert {text: search(server, text) for text in searches} == searches

    def test_case_and_the_composition_of_letters_do_not_matter(self, server: Server) -> None:
        create(server, "Zürich STRASSE")

        words = ["zürich", "ZÜRICH", "zu\N{COMBINING DIAERESIS}rich", "straße", "Strasse"]
        assert [search(server, word) for word in words] == [["Zürich STRASSE"]] * 5
        assert search(server, "zurich") == []

    def test_a_changed_name_and_changed_tags_are_found(self, server: Server) -> None:
        scenario = create(server, "before", ["old"])

        change = ScenarioChange(name="after", tags=["new"])
        server.services.scenarios.change(ANYONE, scenario.id, change)

        assert search(server, "after new") == ["after"]
        assert search(server, "before") == search(server, "old") == []

    def test_other_filters_and_the_order_hold_too(self, server: Server) -> None:
        for number in range(3):
            create(server, f"winter {number}", ["even"] if number % 2 == 0 else [])

        request = PageRequest(limit=1, sort=CREATION_DATE, is_descending=True)
        wanted = ScenarioFilter(search=("winter",), tag=("even",))
        page = server.services.scenario_lists.list_page(ANYONE, wanted, ScenarioColumns(), request)

        assert [listed.scenario.name for listed in page.items] == ["winter 2"]
        assert page.next_position is not None
        assert search(server, "winter", name=("winter 1",)) == ["winter 1"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("  ", "give at least one word"),
            ("a\x00b", "has characters that are not printable"),
            (" ".join("abcdefghi"), "9 words; give at most 8"),
            ("x" * 257, "257 characters; give at most 256"),
        ],
    )
    def test_a_search_for_nothing_or_for_too_much_is_refused(self, text: str, said: str) -> None:
        with pytest.raises(InvalidError, match=said):
            split_search(text)


class TestColumns:
    def test_the_newest_submission_is_that_of_the_scenario_or_of_a_sequence(
        self, server: Server
    ) -> None:
        whole, half, never = (create(server, name) for name in ("whole", "half", "never"))
        submit(server, EntityType.SEQUENCE, whole.sequences[0].id)
        of_whole = submit(server, EntityType.SCENARIO, whole.id)
        submit(server, EntityType.SCENARIO, half.id)
        of_half = submit(server, EntityType.SEQUENCE, half.sequences[0].id)
        before = list_all(server, WITH_SUBMISSIONS)
        run_jobs(server)

        after = list_all(server, WITH_SUBMISSIONS)

        def told(listed: Sequence[ListedScenario]) -> dict[str, Any]:
            newest = {item.scenario.id: item.last_submission for item in listed}
            return {id_: one and (one.id, one.status) for id_, one in newest.items()}

        assert told(before) == {
            whole.id: (of_whole, "BLOCKED"),  # by the earlier submission, as is the other one
            half.id: (of_half, "BLOCKED"),
            never.id: None,
        }
        assert told(after) == {
            whole.id: (of_whole, "FAILED"),
            half.id: (of_half, "COMPLETED"),
            never.id: None,
        }

    def test_small_values_of_inputs_are_shown_and_no_others(self, server: Server) -> None:
        scenario = create(server)
        server.services.inputs.change(ANYONE, scenario.id, {"growth": 0.07})
        create(server)

        names = ("growth", "shared", "monthly", "bulky", "filed")
        found = list_all(server, ScenarioColumns(inputs=names))

        common = {"shared": "1", "monthly": "2"}
        assert [listed.inputs for listed in found] == [
            {"growth": "0.07", **common},
            {"growth": "0.05", **common},
        ]

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (("grwth",), "no scenario config has the input 'grwth'; known are bulky, "),
            (("made",), "no scenario config has the input 'made'"),
            (tuple("abcdefghi"), "9 inputs; give at most 8"),
        ],
    )
    def test_inputs_that_there_are_not_are_refused(
        self, server: Server, names: tuple[str, ...], said: str
    ) -> None:
        with pytest.raises(InvalidError, match=said):
            list_all(server, ScenarioColumns(inputs=names))

    def test_a_page_takes_as_many_statements_for_twenty_as_for_one_and_looks_through_no_table(
        self, server: Server
    ) -> None:
        columns = ScenarioColumns(has_last_submission=True, inputs=("growth", "shared"))
        submit(server, EntityType.SCENARIO, create(server).id)
        with noted(server.database) as few:
            list_all(server, columns)
        for _ in range(19):
            submit(server, EntityType.SCENARIO, create(server).id)

        with noted(server.database) as many:
            assert len(list_all(server, columns)) == 20

        assert len(few.said) == len(many.said) == 3
        beside = {said: plan for said, plan in many.plans().items() if "page_number" not in said}
        assert len(beside) == 2
        assert [step for plan in beside.values() for step in scanned(plan, GROWING)] == []


def test_only_readers_list(server: Server) -> None:
    with pytest.raises(DeniedError):
        server.services.scenario_lists.list_page(
            Actor("nina", frozenset()), ScenarioFilter(), ScenarioColumns(), ALL
        )

"""The Python client against a started server: what it does by noun."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from scenarist import Client, schemas
from scenarist.client import (
    ConflictError,
    InvalidError,
    NotFoundError,
    WaitTimeoutError,
)
from scenarist.domain.vocabulary import Frequency


def test_a_sequence_is_created_submitted_and_its_result_read(client: Client) -> None:
    scenario = client.scenarios.create(
        "chain", name="base case", tags=["draft"], properties={"author": "ines"}
    )
    sequence = client.sequences.create(scenario.id, "both", scenario.tasks)

    submission = client.sequences.submit(sequence.id).wait(timeout=30)

    assert (scenario.name, scenario.tags) == ("base case", ["draft"])
    assert scenario.properties == {"author": "ines"}
    assert submission.status == "COMPLETED"
    (end,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")
    assert client.data_nodes.read(end.id) == 3
    assert [job.status for job in client.jobs.list(submission_id=submission.id)] == [
        "COMPLETED",
        "COMPLETED",
    ]


def test_a_list_is_gone_through_counted_and_looked_into(
    client: Client, scenario: schemas.Scenario
) -> None:
    made = [client.sequences.create(scenario.id, f"s{n}", []).id for n in range(3)]

    listing = client.sequences.list(scenario_id=scenario.id, sort="-name")

    assert [sequence.id for sequence in listing][:3] == made[::-1]
    assert listing.count() == 5
    first = listing.first()
    assert first is not None
    assert first.id == made[2]
    assert client.sequences.list(name="nothing is called so").first() is None


def test_a_list_is_narrowed_by_several_values(client: Client, scenario: schemas.Scenario) -> None:
    first, other = (client.tasks.get(id).config_id for id in scenario.tasks[:2])

    found = client.tasks.list(scenario_id=scenario.id, config_id=[first, other])

    assert [task.id for task in found] == scenario.tasks[:2]
    with pytest.raises(ValueError, match="config_id has no value"):
        client.tasks.list(config_id=[])


def test_a_list_is_fetched_page_by_page(client: Client, scenario: schemas.Scenario) -> None:
    for number in range(501):
        client.sequences.create(scenario.id, f"s{number}", [])

    listed = [sequence.name for sequence in client.sequences.list(scenario_id=scenario.id)]

    assert listed[2:] == [f"s{number}" for number in range(501)]


def test_what_is_waited_for_without_end_may_be_given_up(client: Client) -> None:
    scenario = client.scenarios.create("endless")
    submitted = client.sequences.submit(scenario.sequences["all"].id)

    with pytest.raises(WaitTimeoutError, match=f"{submitted.id} is [A-Z]+ after 0.5 seconds"):
        submitted.wait(timeout=0.5)

    (job,) = [job for job in submitted.jobs() if not job.waiting_for]
    with pytest.raises(TimeoutError):
        client.jobs.wait(job.id, timeout=0)
    assert submitted.cancel().status == "CANCELED"
    assert submitted.wait().status == "CANCELED"
    assert client.jobs.wait(job.id).status == "CANCELED"


def test_what_is_paused_waits_until_it_is_resumed(
    client: Client, scenario: schemas.Scenario
) -> None:
    paused = client.orchestration.pause()
    submitted = client.scenarios.submit(scenario.id)
    client.submissions.pause(submitted.id)
    resumed = client.orchestration.resume()

    assert (paused.paused_by, resumed.paused_at) == ("anyone", None)
    assert client.orchestration.get() == resumed
    assert submitted.get().paused_at is not None
    with pytest.raises(WaitTimeoutError):
        submitted.wait(timeout=0)
    assert client.submissions.resume(submitted.id).paused_at is None
    assert submitted.wait(timeout=30).status == "COMPLETED"


def test_what_failed_is_tried_again(client: Client) -> None:
    scenario = client.scenarios.create("broken")
    submitted = client.scenarios.submit(scenario.id, priority=5, properties={"why": "to see"})
    failed = submitted.wait(timeout=30)
    assert (failed.status, failed.properties) == ("FAILED", {"why": "to see"})

    again = submitted.retry()

    assert again.submission.retry_of == submitted.id
    assert again.wait(timeout=30).status == "FAILED"
    assert [found.id for found in client.scenarios.submissions(scenario.id)] == [
        submitted.id,
        again.id,
    ]
    with pytest.raises(ConflictError):
        client.submissions.cancel(again.id)


def test_a_job_is_made_looked_at_and_deleted(client: Client) -> None:
    scenario = client.scenarios.create("speaking")
    job = client.jobs.create(scenario.tasks[0])

    assert client.jobs.wait(job.id, timeout=30).status == "COMPLETED"
    (attempt,) = client.jobs.log(job.id)
    assert "from print" in attempt.text
    client.jobs.delete(job.id)
    with pytest.raises(NotFoundError):
        client.jobs.get(job.id)


def test_scenarios_are_changed_promoted_compared_and_deleted(client: Client) -> None:
    scenarios = [client.scenarios.create("rated") for _ in range(2)]
    ids = [scenario.id for scenario in scenarios]
    for number, scenario in enumerate(scenarios):
        (given,) = client.data_nodes.list(scenario_id=scenario.id, config_id="given")
        client.data_nodes.write(given.id, number)
        (scoring,) = client.sequences.list(scenario_id=scenario.id, name="scoring")
        client.sequences.submit(scoring.id).wait(timeout=30)

    changed = client.scenarios.change(ids[1], name="other", properties={"a": 1})
    promoted = client.scenarios.promote(ids[1])
    compared = client.scenarios.compare(ids, data_node_config_ids=["scored", "noted"])
    foreseen = client.scenarios.delete(ids[0], dry_run=True)
    deleted = client.scenarios.delete(ids[0])

    assert (changed.name, changed.properties["a"]) == ("other", 1)
    assert client.scenarios.change(ids[1], name=None).name is None
    assert promoted.primary_scenario
    assert compared == {"scored": {"in_order": [1, 2], "span": 1}}
    assert [error.code for error in compared.errors] == ["data_node_not_written"]
    assert foreseen.deleted == deleted.deleted
    assert deleted.deleted["scenarios"] == [ids[0]]


def test_a_scenario_is_upgraded_to_its_config(client: Client) -> None:
    made = client.scenarios.create("rated")
    client.sequences.delete(made.sequences["scoring"].id)

    planned = client.scenarios.upgrade(made.id, dry_run=True)
    done = client.scenarios.upgrade(made.id)

    assert [change.name for change in planned.changes] == ["scoring"]
    assert [change.id for change in done.changes] == [made.sequences["scoring"].id]
    assert client.scenarios.upgrade(made.id).changes == []


def test_a_change_is_guarded_by_the_tag_of_what_was_seen(
    client: Client, scenario: schemas.Scenario
) -> None:
    seen = client.scenarios.get_tagged(scenario.id)

    client.scenarios.change(seen.value.id, name="mine", if_match=seen.tag)

    with pytest.raises(Exception, match="it has changed") as refusal:
        client.scenarios.delete(scenario.id, if_match=seen.tag)
    assert refusal.type.__name__ == "ChangedError"


def test_a_sequence_is_renamed_and_deleted(client: Client, scenario: schemas.Scenario) -> None:
    renamed = client.sequences.change(scenario.sequences["half"].id, name="one half")

    assert client.sequences.get(renamed.id).name == "one half"
    client.sequences.delete(renamed.id)
    with pytest.raises(NotFoundError):
        client.sequences.get(renamed.id)


def test_cycles_and_what_stands_alone_are_made_once(client: Client) -> None:
    when = datetime(2030, 5, 5, tzinfo=UTC)
    cycles = [client.cycles.create(Frequency.MONTHLY, creation_date=when) for _ in range(2)]
    tasks = [client.tasks.create("deletable") for _ in range(2)]
    nodes = [client.data_nodes.create("given") for _ in range(2)]

    assert cycles[0] == cycles[1]
    assert cycles[0].name == "2030-05"
    assert cycles[0] in list(client.cycles.list(frequency="MONTHLY"))
    assert client.cycles.delete(cycles[0].id).deleted["cycles"] == [cycles[0].id]
    assert tasks[0] == tasks[1]
    client.tasks.delete(tasks[0].id)
    assert nodes[0].id == nodes[1].id
    client.data_nodes.delete(nodes[0].id)


def test_a_subscriber_is_added_and_deleted(client: Client, scenario: schemas.Scenario) -> None:
    subscribers = client.scenarios.subscribers(scenario.id)

    made = subscribers.create("https://example.com/hook")

    assert made.secret.startswith("whsec_")
    assert subscribers.list() == [subscribers.get(made.subscriber.id)]
    subscribers.delete(made.subscriber.id)
    assert subscribers.list() == []


def test_threads_share_a_client(client: Client) -> None:
    def run_one(number: int) -> str:
        scenario = client.scenarios.create("chain", name=f"of thread {number}")
        ended = client.scenarios.submit(scenario.id).wait(timeout=30)
        return f"{client.scenarios.get(scenario.id).name} {ended.status}"

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(run_one, range(16)))

    assert told == [f"of thread {number} COMPLETED" for number in range(16)]


def test_the_server_is_asked_how_it_is(client: Client) -> None:
    assert client.check_health() == "alive"
    assert client.check_readiness() == "ready"
    assert "scenarist_jobs" in client.metrics()


def test_an_identifier_may_have_any_characters(client: Client) -> None:
    with pytest.raises(NotFoundError, match="no scenario has the identifier"):
        client.scenarios.get("a?limit=1#é%2F b")


def test_importing_the_client_brings_in_neither_the_server_nor_the_http_library() -> None:
    program = (
        "import sys, scenarist.client; "
        "print(sorted({'httpx', 'sqlalchemy', 'litestar', 'pandas'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_inputs_are_given_by_name(client: Client) -> None:
    scenario = client.scenarios.create("chain", inputs={"start": 5})
    client.scenarios.submit(scenario.id, inputs={"start": 10}).wait(timeout=30)
    (end,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")

    seen = client.scenarios.inputs(scenario.id)
    changed = client.scenarios.write_inputs(scenario.id, {"start": 20}, comment="more")

    assert client.data_nodes.read(end.id) == 12
    assert (seen["start"].value, changed["start"].value) == (10, 20)


def test_wrong_inputs_are_all_listed(client: Client, scenario: schemas.Scenario) -> None:
    with pytest.raises(InvalidError, match="did you mean 'start'") as error:
        client.scenarios.submit(scenario.id, inputs={"strat": 10, "end": 1})

    assert [fault.pointer for fault in error.value.errors] == ["/inputs/strat", "/inputs/end"]


def test_scenarios_are_judged_by_their_outcomes(client: Client) -> None:
    one, other = (client.scenarios.create("judged", inputs={"start": start}).id for start in (1, 4))
    for scenario_id in (one, other):
        client.scenarios.submit(scenario_id).wait(timeout=30)

    best = client.scenarios.list(sort="-outcomes.pieces", config_id="judged").first()
    few = client.scenarios.list(outcome_max={"pieces": 2}, id=[one, other])
    found = client.scenarios.differences([one, other])

    assert best is not None
    assert best.outcomes["pieces"].value == 5
    assert [scenario.id for scenario in few] == [one]
    assert found.outcomes[0].values[other].difference == 3

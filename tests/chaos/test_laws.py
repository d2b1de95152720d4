"""The randomized checker: what it finds in short runs is nothing, and what is planted it finds."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chaos.history import Answer, History, Made, Outcome, Submit
from chaos.laws import LAWS, broken_laws
from chaos.nemesis import FAKETIME
from chaos.records import Records, edit_of
from chaos.runner import Plan, Result, run
from postgres_server import PostgresServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DONE, NOT_DONE = Outcome.DONE, Outcome.NOT_DONE


def test_every_law_holds_on_sqlite_under_kills_stops_and_pauses(tmp_path: Path) -> None:
    plan = Plan(seed=11, servers=2, seconds=2, faults=("kill", "stop", "pause", "worker"))

    result = run(plan, tmp_path, f"sqlite:///{tmp_path}/scenarist.db")

    assert result.broken == {}
    assert result.faults


def test_every_law_holds_on_postgresql_with_connections_cut_around_commits(
    tmp_path: Path, postgres_url: str, postgres_server: PostgresServer
) -> None:
    plan = Plan(seed=26, servers=2, seconds=2, faults=("kill", "stop", "pause", "cut", "cut"))

    result = run(plan, tmp_path, postgres_url, postgres_server)

    assert result.broken == {}
    assert result.faults["cut"]


@pytest.mark.skipif(not FAKETIME, reason="libfaketime is not installed (Debian: faketime)")
def test_every_law_holds_while_clocks_are_set(tmp_path: Path) -> None:
    plan = Plan(seed=13, servers=1, seconds=2, faults=("clock",))

    result = run(plan, tmp_path, f"sqlite:///{tmp_path}/scenarist.db")

    assert result.broken == {}
    assert result.faults


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run without faults."""
    folder = tmp_path_factory.mktemp("recorded")
    url = f"sqlite:///{folder}/scenarist.db"
    return run(Plan(seed=14, servers=1, seconds=2, faults=()), folder, url)


Plant = Callable[[History, Records], None]
PLANTS: list[tuple[str, Plant]] = []


def breaks(law: str) -> Callable[[Plant], Plant]:
    def keep(plant: Plant) -> Plant:
        PLANTS.append((law, plant))
        return plant

    return keep


@breaks("clients_saw_nothing_untrue")
def an_answer_of_500(history: History, records: Records) -> None:
    history.add_fault("GET /jobs was answered 500")


@breaks("no_submit_is_lost_or_doubled")
def an_acknowledged_submit_is_lost(history: History, records: Records) -> None:
    history.submits.append(Submit("lost", answers=[(DONE, "SUBMISSION_lost")]))


@breaks("no_submit_is_lost_or_doubled")
def a_submit_is_stored_twice(history: History, records: Records) -> None:
    records.submissions.append({**acknowledged(history, records), "id": "SUBMISSION_again"})


@breaks("no_submit_is_lost_or_doubled")
def a_refused_submit_is_stored(history: History, records: Records) -> None:
    history.submits.append(Submit("refused", answers=[(NOT_DONE, "")]))
    row = {**records.submissions[0], "properties": {"mark": "refused"}, "id": "SUBMISSION_new"}
    records.submissions.append(row)


@breaks("no_submit_is_lost_or_doubled")
def an_idempotency_key_is_answered_with_another_submission(
    history: History, records: Records
) -> None:
    mark = acknowledged(history, records)["properties"]["mark"]
    made = next(made for made in history.submits if made.mark == mark)
    made.answers.append((DONE, "SUBMISSION_other"))


@breaks("every_job_ends")
def a_job_goes_on_for_ever(history: History, records: Records) -> None:
    completed(records)["status"] = "RUNNING"


@breaks("every_job_ends")
def a_job_that_has_ended_holds_a_data_node(history: History, records: Records) -> None:
    records.leftovers.append("a job has ended and holds a data node")


@breaks("jobs_move_as_they_may")
def a_job_completes_without_an_event_of_its_start(history: History, records: Records) -> None:
    job = completed(records)["id"]
    records.events = [
        (number, event)
        for number, event in records.events
        if (event["id"], event.get("status")) != (job, "RUNNING")
    ]


@breaks("jobs_move_as_they_may")
def a_job_completes_twice(history: History, records: Records) -> None:
    job = completed(records)["id"]
    records.events.append(("999999.0", {"kind": "JOB", "id": job, "status": "COMPLETED"}))


@breaks("submissions_sum_up_their_jobs")
def a_submission_ends_twice(history: History, records: Records) -> None:
    ends = [item for item in records.events if item[1]["kind"] == "SUBMISSION"]
    records.events.append(next(item for item in ends if item[1].get("status") == "COMPLETED"))


@breaks("submissions_sum_up_their_jobs")
def a_submission_is_completed_with_a_job_that_failed(history: History, records: Records) -> None:
    completed(records)["status"] = "FAILED"


@breaks("inputs_are_those_of_a_serial_order")
def a_job_reads_a_value_before_its_turn(history: History, records: Records) -> None:
    opened = [job for job in records.jobs if job["attempt"] and "open_outward" in job["task_id"]]
    read = records.inputs[opened[0]["number"]]
    read["left"] = next(edit for edit in records.edits if edit != read["left"])


@breaks("inputs_are_those_of_a_serial_order")
def the_last_value_is_not_the_newest(history: History, records: Records) -> None:
    node = next(row for row in records.nodes.values() if row["config_id"] == "left")
    node["last_edit_id"] = "EDIT_none"


@breaks("inputs_are_those_of_the_submit")
def a_job_reads_a_rate_from_before_an_acknowledged_write(
    history: History, records: Records
) -> None:
    for made in history.submits:
        made.least_rate = 1_000_000


@breaks("jobs_that_completed_made_one_value")
def an_outcome_is_recorded_twice(history: History, records: Records) -> None:
    edit = copy.copy(edit_of_job(records))
    edit.id = "EDIT_twice"
    records.edits[edit.id] = edit


@breaks("jobs_that_completed_made_one_value")
def a_result_is_lost(history: History, records: Records) -> None:
    del records.edits[edit_of_job(records).id]


@breaks("jobs_that_completed_made_one_value")
def a_result_is_that_of_another_job(history: History, records: Records) -> None:
    edit_of_job(records).value = {"digest": "another"}


@breaks("no_value_is_cut")
def a_value_is_cut(history: History, records: Records) -> None:
    edit_of_job(records).fault = "it has 3 bytes, not 300"


@breaks("functions_run_as_often_as_attempts_say")
def a_job_completes_that_never_ran(history: History, records: Records) -> None:
    digest = edit_of_job(records).value["digest"]
    records.runs = [run for run in records.runs if run != digest]


@breaks("functions_run_as_often_as_attempts_say")
def a_job_runs_without_an_attempt(history: History, records: Records) -> None:
    records.runs += [edit_of_job(records).value["digest"]] * 1000


@breaks("writes_are_kept_in_their_order")
def an_acknowledged_write_is_lost(history: History, records: Records) -> None:
    history.rates[1_000_000] = DONE


@breaks("writes_are_kept_in_their_order")
def a_refused_write_is_kept(history: History, records: Records) -> None:
    history.rates[of_config(records, "rate")[-1].value["number"]] = NOT_DONE


@breaks("writes_are_kept_in_their_order")
def a_later_write_is_kept_as_an_earlier_one(history: History, records: Records) -> None:
    of_config(records, "rate")[0].value = {"number": 1_000_000}


@breaks("appends_are_kept_once")
def an_acknowledged_append_is_lost(history: History, records: Records) -> None:
    history.appended["lost"] = DONE


@breaks("appends_are_kept_once")
def an_append_is_kept_twice(history: History, records: Records) -> None:
    journal = of_config(records, "journal")[-1]
    journal.value = journal.value + journal.value


@breaks("scenarios_are_kept_once")
def an_acknowledged_scenario_is_lost(history: History, records: Records) -> None:
    history.made.append(Made("lost", DONE))


@breaks("scenarios_are_kept_once")
def a_deleted_scenario_is_there(history: History, records: Records) -> None:
    history.made.append(Made(records.scenarios[0]["name"], DONE, deleted=DONE))


@breaks("scenarios_are_kept_once")
def an_acknowledged_change_is_lost(history: History, records: Records) -> None:
    row = records.scenarios[0]
    history.made.append(Made(row["name"], DONE, id=row["id"], least=1, most=1))


@breaks("cancels_are_true")
def what_was_canceled_has_completed(history: History, records: Records) -> None:
    done = next(row for row in records.submissions if row["status"] == "COMPLETED")
    history.cancels.append((done["id"], Answer(DONE, 204)))


@breaks("cancels_are_true")
def a_job_is_canceled_that_nobody_canceled(history: History, records: Records) -> None:
    history.cancels.clear()
    completed(records)["status"] = "CANCELED"


@breaks("jobs_fail_for_their_own_reasons")
def a_job_fails_for_what_was_done_to_its_server(history: History, records: Records) -> None:
    completed(records).update(status="FAILED", reason="the database is locked")


@breaks("streams_are_the_log")
def a_stream_lacks_an_event(history: History, records: Records) -> None:
    del history.streams[0][3]


@breaks("streams_are_the_log")
def a_stream_has_an_event_twice(history: History, records: Records) -> None:
    history.streams[1].insert(3, history.streams[1][3])


@breaks("streams_are_the_log")
def a_stream_is_out_of_order(history: History, records: Records) -> None:
    stream = history.streams[0]
    stream[3], stream[4] = stream[4], stream[3]


@breaks("streams_are_the_log")
def a_stream_tells_of_something_else(history: History, records: Records) -> None:
    number, told = history.streams[0][3]
    history.streams[0][3] = (number, {**told, "entity_id": "SCENARIO_other"})


@breaks("subscribers_are_told_in_order")
def a_subscriber_is_told_nothing(history: History, records: Records) -> None:
    history.deliveries.clear()


@breaks("subscribers_are_told_in_order")
def a_subscriber_is_told_out_of_order(history: History, records: Records) -> None:
    for sequence, messages in history.deliveries.items():
        history.deliveries[sequence] = dict(reversed(messages.items()))


@pytest.mark.parametrize(("law", "plant"), PLANTS, ids=[plant.__name__ for _, plant in PLANTS])
def test_what_is_planted_is_found(recorded: Result, law: str, plant: Plant) -> None:
    kept = {id(recorded.history.lock): recorded.history.lock}  # what cannot be copied
    history, records = copy.deepcopy((recorded.history, recorded.records), kept)

    plant(history, records)

    assert recorded.broken == {}
    assert law in broken_laws(history, records)


def test_for_each_law_something_is_planted() -> None:
    assert {law for law, _ in PLANTS} == {law.__name__ for law in LAWS}


def test_a_value_with_another_digest_is_not_what_was_written() -> None:
    row = {"id": "EDIT", "data_node_id": "DATANODE", "job_id": None, "content": b"[1]"}

    found = edit_of({**row, "size": 3, "digest": "sha256:0"})

    assert found.fault.startswith("it has 3 bytes of sha256:")


def acknowledged(history: History, records: Records) -> dict[str, Any]:
    """Return the submission of a submit that was acknowledged."""
    marks = {made.mark for made in history.submits if made.has(DONE)}
    return next(row for row in records.submissions if row["properties"].get("mark") in marks)


def completed(records: Records) -> dict[str, Any]:
    return next(job for job in records.jobs if job["status"] == "COMPLETED")


def edit_of_job(records: Records) -> Any:
    job = completed(records)["id"]
    return next(edit for edit in records.edits.values() if edit.job == job)


def of_config(records: Records, config: str) -> list[Any]:
    nodes = {row["id"] for row in records.nodes.values() if row["config_id"] == config}
    return [edit for edit in records.edits.values() if edit.data_node in nodes]

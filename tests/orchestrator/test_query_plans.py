"""No statement of a submission's life looks through a whole table, however much there is in it."""

import json
from typing import Any

from sqlalchemy import event

from builders import Draft
from orchestrator.world import World
from scenarist.db import sequences as sequence_rows
from scenarist.db import submissions as submission_rows
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.listings import (
    JobFilter,
    PagePosition,
    PageRequest,
    SequenceFilter,
    SubmissionFilter,
)
from scenarist.domain.permissions import ANYONE
from scenarist.services.sequences import SequenceService
from statements import first_of, noted_on_driver, plan_of

GROWING = (
    "jobs",
    "submissions",
    "edits",
    "job_inputs",
    "job_waits",
    "job_holds",
    "job_logs",
    "data_nodes",
    "tasks",
    "task_data_nodes",
    "sequences",
    "sequence_tasks",
    "scenarios",
    "scenario_tasks",
)


def is_first_page(statement: str, plan: list[str]) -> bool:
    """Whether it takes the first rows of a whole list, which lie in order."""
    return (
        " LIMIT " in statement
        and " WHERE " not in statement
        and not any("TEMP B-TREE" in step for step in plan)
    )


def whole_tables(statement: str, plan: list[str]) -> list[str]:
    """Steps of a plan that look through all rows of a table, by an index or not."""
    if is_first_page(statement, plan):
        return []
    return [
        step
        for step in plan
        if step.startswith("SCAN ")
        and step.split()[1] in GROWING
        and "ix_jobs_pending" not in step  # the queue itself, in its order
        and "ix_jobs_running" not in step  # all that runs, after a crash
    ]


def test_no_statement_looks_through_a_whole_table(world: World) -> None:
    seen: dict[str, Any] = {}

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        if statement.split()[0] in {"SELECT", "UPDATE", "DELETE", "INSERT", "WITH"}:
            seen.setdefault(statement, first_of(parameters, many))

    event.listen(world.database._engine, "before_cursor_execute", note)
    with noted_on_driver(world.database, lambda said, given: note(0, 0, said, given, 0, False)):
        live_a_life(world)

    assert len(seen) > 25
    faults = {
        statement: scans
        for statement, parameters in seen.items()
        if (scans := whole_tables(statement, plan_of(world.database, statement, parameters)))
    }
    assert faults == {}, json.dumps(faults, indent=1)


def live_a_life(world: World) -> None:
    """Go through all that can happen to submissions, and look at them as a client would."""

    def build(draft: Draft) -> tuple[str, list[TaskId], str]:
        given, start, middle = draft.node("given"), draft.node("start", 1), draft.node("middle")
        tasks = [
            draft.task("first", "increment", [start], [middle]),
            draft.task("second", "increment", [middle], [draft.node("end")]),
            draft.task("third", "increment", [given], [draft.node("last")]),
        ]
        return draft.id, tasks, given

    scenario_id, tasks, given = world.make(build)
    sequences = SequenceService(world.database, now=world.clock, version="test")
    sequence = sequences.create(ANYONE, scenario_id, "all", tasks[:2])
    submission = world.submit_sequence(sequence.id)
    later = world.submit_sequence(sequence.id)
    waiting = world.submit(tasks[2])
    world.step()
    world.executor.end(JobEvent.RAISED, "an accident")
    world.run_all()
    world.data_nodes.write(ANYONE, given, 1)
    world.run_all()
    world.orchestrator.recover()
    reader = world.database.reader
    for page in (
        submission_rows.list_page(reader, SubmissionFilter(), PageRequest(limit=100)),
        submission_rows.list_page(
            reader, SubmissionFilter(entity_id=(sequence.id,)), PageRequest(limit=100)
        ),
        job_rows.list_page(
            reader, JobFilter(submission_id=(submission.id,)), PageRequest(limit=100)
        ),
        job_rows.list_page(
            reader,
            JobFilter(task_id=(tasks[0],)),
            PageRequest(limit=100, after=PagePosition(None, 1)),
        ),
        sequence_rows.list_page(
            reader, SequenceFilter(scenario_id=(scenario_id,)), PageRequest(limit=100)
        ),
    ):
        assert page.items
    assert world.jobs(later)
    assert world.jobs(waiting)
    sequences.delete(ANYONE, sequence.id)

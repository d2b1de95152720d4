"""Jobs and edits have the version of the application that ran and wrote them."""

import pytest

from builders import Draft
from orchestrator.world import World
from scenarist.db import tasks as task_rows
from scenarist.db.edits import list_page
from scenarist.domain.behaviours import Behaviour, DeclaredConfigs, DeclaredTask
from scenarist.domain.identifiers import DataNodeId, TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import JobStatus


def adding(draft: Draft) -> tuple[TaskId, DataNodeId]:
    result = draft.node("result")
    return draft.task("adds", "increment", [draft.node("start", 1)], [result]), result


def declared(world: World, task_id: TaskId, version: str) -> DeclaredConfigs:
    """What an application of a version declares, for the one task."""
    (task,) = task_rows.get_many(world.database.reader, [task_id])
    adds = DeclaredTask(
        inputs=("start",), outputs=("result",), behaviour=Behaviour.of(task), code_digest=None
    )
    return DeclaredConfigs({"adds": adds}, frozenset(), version)


def test_a_job_and_what_it_writes_have_the_version_that_ran_it(world: World) -> None:
    task, result = world.make(adding)
    submission = world.submit(task)
    world.another_orchestrator(declared(world, task, "2.0"))
    accepted = world.jobs(submission)[0].version

    world.run_all()

    assert accepted == "test"
    assert world.jobs(submission)[0].version == "2.0"
    assert world.submission(submission).version == "test"
    assert world.edit(world.node(result)).version == "2.0"


@pytest.mark.parametrize(
    ("event", "status"),
    [(JobEvent.RAISED, JobStatus.FAILED), (JobEvent.WORKER_LOST, JobStatus.PENDING)],
)
def test_an_attempt_that_fails_is_one_of_the_version_that_ran_it(
    world: World, event: JobEvent, status: JobStatus
) -> None:
    task, _ = world.make(adding)
    submission = world.submit(task)
    world.another_orchestrator(declared(world, task, "2.0"))
    world.step()
    world.executor.end(event)

    world.orchestrator.drain()
    world.step()

    (job,) = world.jobs(submission)
    assert (job.status, job.version) == (status, "2.0")


def test_the_last_attempt_decides(world: World) -> None:
    task, result = world.make(adding)
    submission = world.submit(task)
    world.another_orchestrator(declared(world, task, "2.0"))
    world.step()
    world.executor.end(JobEvent.WORKER_LOST)
    world.orchestrator.drain()
    world.step()

    world.another_orchestrator(declared(world, task, "3.0"))
    world.run_all()

    assert world.jobs(submission)[0].version == "3.0"
    assert world.edit(world.node(result)).version == "3.0"


def test_an_edit_over_rest_has_the_version_of_the_server(world: World) -> None:
    _, result = world.make(adding)

    world.data_nodes.write(ANYONE, result, 7)

    assert world.edit(world.node(result)).version == "test"


def test_edits_are_listed_by_version(world: World) -> None:
    task, result = world.make(adding)
    world.data_nodes.write(ANYONE, result, 7)
    world.submit(task)
    world.another_orchestrator(declared(world, task, "2.0"))
    world.run_all()

    def count(*versions: str) -> int | None:
        request = PageRequest(limit=1, with_total=True)
        return list_page(world.database.reader, result, request, versions=versions).total

    assert [count(), count("test"), count("2.0"), count("test", "2.0"), count("1.0")] == (
        [2, 1, 1, 2, 0]
    )

"""Each list of tasks, data nodes, submissions and jobs is read in its order, from the cursor on."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from builders import NOON, Draft
from orchestrator.world import World
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import submissions as submission_rows
from scenarist.db import tasks as task_rows
from scenarist.db.jobs import rows as job_rows
from scenarist.db.paging import Page
from scenarist.domain.identifiers import TaskId
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.listings import (
    CREATION_DATE,
    DataNodeListFilter,
    JobFilter,
    PageRequest,
    SubmissionFilter,
    TaskFilter,
    TimeRange,
)
from scenarist.domain.vocabulary import EntityType, JobStatus, Scope, SubmissionStatus
from statements import GROWING, check_two_pages, noted, scanned

WINDOW = TimeRange(start=NOON, end=NOON + timedelta(hours=1))


@pytest.fixture
def busy(world: World) -> World:
    """A world with two or more of everything: jobs of every status that lists tell apart."""

    def build(draft: Draft) -> list[TaskId]:
        start, given = draft.node("start", 1), draft.node("given")
        return [
            draft.task("first", "increment", [start], [draft.node("middle")]),
            draft.task("waits", "increment", [given], [draft.node("end")]),
        ]

    first, waits = world.make(build)
    for _ in range(3):
        world.submit(first)
        world.run_all()
    for _ in range(3):
        world.submit(first)
        world.step()
        world.executor.end(JobEvent.RAISED, "an accident")
        world.step()
    for _ in range(3):
        world.submit(waits)
    for _ in range(3):
        world.submit_task(first, priority=0)
    return world


def every(sort: str | None) -> list[PageRequest]:
    return [
        PageRequest(limit=1, sort=sort, is_descending=is_descending)
        for is_descending in (False, True)
    ]


@pytest.mark.parametrize("request_", [*every(None), *every(CREATION_DATE)])
def test_without_a_filter(busy: World, request_: PageRequest) -> None:
    reader = busy.database.reader
    lists: list[Callable[[PageRequest], Page[Any]]] = [
        lambda request: task_rows.list_page(reader, TaskFilter(), request),
        lambda request: data_node_rows.list_page(reader, DataNodeListFilter(), request),
        lambda request: submission_rows.list_page(reader, SubmissionFilter(), request),
        lambda request: job_rows.list_page(reader, JobFilter(), request),
    ]
    for fetch in lists:
        check_two_pages(busy.database, fetch, request_)


@pytest.mark.parametrize("request_", every(None))
@pytest.mark.parametrize(
    "status",
    [
        (JobStatus.COMPLETED,),
        (JobStatus.FAILED,),
        (JobStatus.BLOCKED,),
        (JobStatus.FAILED, JobStatus.CANCELED),
        (JobStatus.BLOCKED, JobStatus.FAILED, JobStatus.COMPLETED),
    ],
)
def test_jobs_of_a_status_and_of_several(
    busy: World, status: tuple[JobStatus, ...], request_: PageRequest
) -> None:
    check_two_pages(
        busy.database,
        lambda request: job_rows.list_page(busy.database.reader, JobFilter(status=status), request),
        request_,
    )


@pytest.mark.parametrize("request_", every(None))
@pytest.mark.parametrize(
    "status",
    [
        (SubmissionStatus.COMPLETED,),
        (SubmissionStatus.FAILED,),
        (SubmissionStatus.COMPLETED, SubmissionStatus.FAILED),
    ],
)
def test_submissions_of_a_status_and_of_several(
    busy: World, status: tuple[SubmissionStatus, ...], request_: PageRequest
) -> None:
    wanted = SubmissionFilter(status=status)
    check_two_pages(
        busy.database,
        lambda request: submission_rows.list_page(busy.database.reader, wanted, request),
        request_,
    )


@pytest.mark.parametrize("request_", every(CREATION_DATE))
def test_of_a_window_of_time(busy: World, request_: PageRequest) -> None:
    reader = busy.database.reader
    check_two_pages(
        busy.database,
        lambda request: job_rows.list_page(reader, JobFilter(created=WINDOW), request),
        request_,
    )
    check_two_pages(
        busy.database,
        lambda request: submission_rows.list_page(
            reader, SubmissionFilter(created=WINDOW), request
        ),
        request_,
    )


@pytest.mark.parametrize("request_", every(None))
def test_by_what_they_belong_to(busy: World, request_: PageRequest) -> None:
    reader = busy.database.reader
    newest = job_rows.list_page(
        reader, JobFilter(), PageRequest(limit=1, is_descending=True)
    ).items[0]
    check_two_pages(
        busy.database,
        lambda request: job_rows.list_page(reader, JobFilter(task_id=(newest.task_id,)), request),
        request_,
    )
    check_two_pages(
        busy.database,
        lambda request: submission_rows.list_page(
            reader, SubmissionFilter(entity_id=(newest.submit_entity_id,)), request
        ),
        request_,
    )


@pytest.mark.parametrize("request_", every(None))
@pytest.mark.parametrize(
    "wanted",
    [
        DataNodeListFilter(scope=(Scope.SCENARIO,)),
        DataNodeListFilter(storage_type=("pickle",)),
        DataNodeListFilter(storage_type=("pickle", "json")),
    ],
)
def test_data_nodes_by_scope_and_storage(
    busy: World, wanted: DataNodeListFilter, request_: PageRequest
) -> None:
    check_two_pages(
        busy.database,
        lambda request: data_node_rows.list_page(busy.database.reader, wanted, request),
        request_,
    )


@pytest.mark.parametrize("request_", every(None))
@pytest.mark.parametrize("version", [("test",), ("test", "1.0")])
def test_of_a_version(busy: World, version: tuple[str, ...], request_: PageRequest) -> None:
    reader = busy.database.reader
    lists: list[Callable[[PageRequest], Page[Any]]] = [
        lambda request: task_rows.list_page(reader, TaskFilter(version=version), request),
        lambda request: data_node_rows.list_page(
            reader, DataNodeListFilter(version=version), request
        ),
        lambda request: submission_rows.list_page(
            reader, SubmissionFilter(version=version), request
        ),
        lambda request: job_rows.list_page(reader, JobFilter(version=version), request),
    ]
    for fetch in lists:
        check_two_pages(busy.database, fetch, request_)


def test_submissions_of_a_type_of_entity_are_those(busy: World) -> None:
    page = submission_rows.list_page(
        busy.database.reader,
        SubmissionFilter(entity_type=(EntityType.TASK,)),
        PageRequest(limit=100, with_total=True),
    )

    assert page.total == 3
    assert {item.entity_type for item in page.items} == {EntityType.TASK}


def test_jobs_and_submissions_of_a_scenario_are_looked_up_not_looked_through(busy: World) -> None:
    request = PageRequest(limit=10)
    with noted(busy.database) as statements:
        job_rows.list_page(busy.database.reader, JobFilter(newest_of=("SCENARIO_x",)), request)
        submission_rows.list_page(
            busy.database.reader, SubmissionFilter(scenario_id=("SCENARIO_x",)), request
        )

    assert [step for plan in statements.plans().values() for step in scanned(plan, GROWING)] == []

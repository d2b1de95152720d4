"""Submitting for several at once: one transaction, and an answer for each."""

import pytest

from builders import Clock, Draft
from scenarist.db.engine import Database
from scenarist.domain.entities import Submission
from scenarist.domain.errors import ConflictError, DeniedError, NotFoundError
from scenarist.domain.identifiers import TaskId
from scenarist.domain.listings import PageRequest, SubmissionFilter
from scenarist.domain.permissions import ANYONE, Actor, Role
from scenarist.domain.vocabulary import EntityType
from scenarist.services.cancellation import Canceller
from scenarist.services.submissions import SubmissionService
from scenarist.services.submit_requests import SubmitOptions, SubmitRequest

READER = Actor("reader", frozenset({Role.READER}))


@pytest.fixture
def service(database: Database, clock: Clock) -> SubmissionService:
    return SubmissionService(database, Canceller(database, now=clock), now=clock, version="test")


@pytest.fixture
def task(database: Database) -> TaskId:
    def work(connection: object) -> TaskId:
        draft = Draft(connection)  # type: ignore[arg-type]
        made = draft.task("free", "nothing")
        draft.finish()
        return made

    return database.write(work)


def wish(task_id: str, *, actor: Actor = ANYONE, key: str | None = None) -> SubmitRequest:
    return SubmitRequest(actor, EntityType.TASK, task_id, SubmitOptions(idempotency_key=key))


def test_each_wish_gets_its_own_answer_and_refusals_touch_no_other(
    service: SubmissionService, database: Database, task: TaskId
) -> None:
    commits = database.commits

    answers = service.submit_many(
        [wish(task), wish("TASK_nope"), wish(task, actor=READER), wish(task)]
    )

    assert [type(answer) for answer in answers] == [
        Submission,
        NotFoundError,
        DeniedError,
        Submission,
    ]
    assert database.commits == commits + 1
    assert len(service.list_page(ANYONE, SubmissionFilter(), PageRequest(limit=10)).items) == 2


def test_one_key_in_one_batch_makes_one_submission(
    service: SubmissionService, task: TaskId
) -> None:
    first, again = service.submit_many([wish(task, key="k"), wish(task, key="k")])

    assert isinstance(first, Submission)
    assert isinstance(again, Submission)
    assert first.id == again.id


def test_a_key_is_for_one_entity(
    service: SubmissionService, database: Database, task: TaskId
) -> None:
    def work(connection: object) -> TaskId:
        draft = Draft(connection)  # type: ignore[arg-type]
        made = draft.task("other", "nothing")
        draft.finish()
        return made

    other = database.write(work)
    service.submit(ANYONE, EntityType.TASK, task, SubmitOptions(idempotency_key="k"))

    with pytest.raises(ConflictError, match=f"another request, which submitted {task}"):
        service.submit(ANYONE, EntityType.TASK, other, SubmitOptions(idempotency_key="k"))


def test_a_key_belongs_to_the_actor_who_sent_it(service: SubmissionService, task: TaskId) -> None:
    ann, bob = (Actor(name, frozenset({Role.EXECUTOR})) for name in ("ann", "bob"))

    of_ann, of_bob, again = service.submit_many(
        [
            wish(task, actor=ann, key="k"),
            wish(task, actor=bob, key="k"),
            wish(task, actor=ann, key="k"),
        ]
    )

    assert isinstance(of_ann, Submission)
    assert isinstance(of_bob, Submission)
    assert isinstance(again, Submission)
    assert of_ann.id == again.id != of_bob.id


@pytest.mark.parametrize(
    "other",
    [
        SubmitOptions(idempotency_key="k", force=True),
        SubmitOptions(idempotency_key="k", priority=1),
        SubmitOptions(idempotency_key="k", properties={"why": "another"}),
    ],
)
def test_another_request_with_the_same_key_is_refused(
    service: SubmissionService, task: TaskId, other: SubmitOptions
) -> None:
    service.submit(ANYONE, EntityType.TASK, task, SubmitOptions(idempotency_key="k"))

    with pytest.raises(ConflictError) as refused:
        service.submit(ANYONE, EntityType.TASK, task, other)

    assert refused.value.reason == "idempotency_key_reused"


def test_jobs_are_numbered_in_the_order_in_which_they_were_accepted(
    service: SubmissionService, database: Database, task: TaskId
) -> None:
    made = [
        service.submit(ANYONE, EntityType.TASK, task, SubmitOptions()).job_ids[0] for _ in range(3)
    ]

    stored = database.reader.exec_driver_sql("SELECT id FROM jobs ORDER BY number").scalars()
    assert list(stored) == made

"""Rows of webhook messages, from the event that they report until they are delivered.

The messages of a subscriber are sent in order, so only the oldest of each is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from scenarist.db import event_log as event_rows
from scenarist.db.among import any_of
from scenarist.db.tables import deliveries, jobs, sequences, submissions, subscribers, tasks
from scenarist.domain.entities import Event
from scenarist.domain.identifiers import SubscriberId
from scenarist.domain.vocabulary import ChangeType, EntityKind

_IS_ACTIVE = subscribers.c.is_active == literal_column("1")
_JOBS = (
    select(
        jobs.c.id,
        jobs.c.task_id,
        submissions.c.id.label("submission_id"),
        submissions.c.entity_id,
        submissions.c.entity_type,
        func.coalesce(sequences.c.scenario_id, tasks.c.owner_id).label("scenario_id"),
    )
    .join(submissions, submissions.c.id == jobs.c.submission_id)
    .outerjoin(sequences, sequences.c.id == submissions.c.entity_id)
    .outerjoin(tasks, tasks.c.id == submissions.c.entity_id)
    .where(any_of(jobs.c.id, "ids"))
)
_ACTIVE_SUBSCRIBERS = (
    select(subscribers.c.id, subscribers.c.entity_id, subscribers.c.after_event)
    .where(any_of(subscribers.c.entity_id, "ids"), _IS_ACTIVE)
    .order_by(subscribers.c.number)
)
_INSERT = insert(deliveries)
_PENDING_SUBSCRIBERS = (
    select(deliveries.c.subscriber_id).where(deliveries.c.due_at.is_not(None)).distinct()
)
_COUNT_PENDING = select(func.count()).where(deliveries.c.due_at.is_not(None))
_OLDEST = (
    select(
        deliveries.c.id,
        deliveries.c.subscriber_id,
        deliveries.c.body,
        deliveries.c.attempts,
        deliveries.c.due_at,
        subscribers.c.url,
        subscribers.c.secret,
        subscribers.c.made_by_id,
    )
    .join(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
    .where(deliveries.c.subscriber_id == bindparam("subscriber"), _IS_ACTIVE)
    .order_by(deliveries.c.number)
    .limit(1)
)
_DELETE = delete(deliveries).where(deliveries.c.id == bindparam("id"))
_RESCHEDULE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of"))
    .values(
        attempts=deliveries.c.attempts + 1, due_at=bindparam("due_at"), fault=bindparam("fault")
    )
)
_DEACTIVATE = (
    update(subscribers)
    .where(subscribers.c.id == bindparam("of"), _IS_ACTIVE)
    .values(is_active=literal_column("0"))
)
_DELETE_OTHERS = delete(deliveries).where(
    deliveries.c.subscriber_id == bindparam("subscriber"), deliveries.c.id != bindparam("kept")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobOrigin:
    """Submission and entity that a job was created for."""

    task_id: str
    submission_id: str
    entity_id: str
    entity_type: str
    scenario_id: str | None  #: of the submitted sequence or task


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveSubscriber:
    """Active subscriber, which receives the events after `after_event`."""

    id: SubscriberId
    entity_id: str
    after_event: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDelivery:
    id: str
    subscriber_id: SubscriberId
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingDelivery:
    """Undelivered message, with its address."""

    id: str
    subscriber_id: SubscriberId
    url: str
    secret: str
    owner_id: str  #: the identity of the actor that created the subscriber
    body: str
    attempts: int  #: so far
    due_at: datetime


def find_origins(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobOrigin]:
    """Return the origins of jobs, by job; deleted jobs are omitted."""
    return {
        row.id: JobOrigin(
            task_id=row.task_id,
            submission_id=row.submission_id,
            entity_id=row.entity_id,
            entity_type=row.entity_type,
            scenario_id=row.scenario_id,
        )
        for row in connection.execute(_JOBS, {"ids": job_ids})
    }


def find_active_subscribers(
    connection: Connection, entity_ids: Sequence[str]
) -> dict[str, list[ActiveSubscriber]]:
    """Return the active subscribers of entities, by entity."""
    found: dict[str, list[ActiveSubscriber]] = {}
    for row in connection.execute(_ACTIVE_SUBSCRIBERS, {"ids": entity_ids}):
        found.setdefault(row.entity_id, []).append(
            ActiveSubscriber(
                id=SubscriberId(row.id), entity_id=row.entity_id, after_event=row.after_event
            )
        )
    return found


def add(connection: Connection, new: Sequence[NewDelivery], now: datetime) -> None:
    """Store messages, due at once."""
    connection.execute(
        _INSERT,
        [
            {
                "id": item.id,
                "subscriber_id": item.subscriber_id,
                "body": item.body,
                "created_at": now,
                "attempts": 0,
                "due_at": now,
            }
            for item in new
        ],
    )


def find_pending_subscribers(connection: Connection) -> list[SubscriberId]:
    """Return the subscribers that have undelivered messages."""
    return [SubscriberId(item) for item in connection.execute(_PENDING_SUBSCRIBERS).scalars()]


def count_pending(connection: Connection) -> int:
    """Count the messages that were neither delivered nor given up."""
    return connection.execute(_COUNT_PENDING).scalar_one()


def find_oldest(connection: Connection, subscriber_id: SubscriberId) -> PendingDelivery | None:
    """Return the next message of an active subscriber; None when it has none."""
    row = connection.execute(_OLDEST, {"subscriber": subscriber_id}).one_or_none()
    if row is None:
        return None
    return PendingDelivery(
        id=row.id,
        subscriber_id=SubscriberId(row.subscriber_id),
        url=row.url,
        secret=row.secret,
        owner_id=row.made_by_id or "",
        body=row.body,
        attempts=row.attempts,
        due_at=row.due_at,
    )


def delete_many(connection: Connection, delivery_ids: Sequence[str]) -> None:
    """Delete messages that were delivered."""
    connection.execute(_DELETE, [{"id": item} for item in delivery_ids])


def reschedule(connection: Connection, delivery_id: str, *, due_at: datetime, fault: str) -> None:
    """Count a failed attempt, and schedule the next one."""
    connection.execute(_RESCHEDULE, {"of": delivery_id, "due_at": due_at, "fault": fault})


def give_up(
    connection: Connection, delivery: PendingDelivery, *, fault: str, now: datetime
) -> None:
    """Deactivate a subscriber and delete its messages, except this one, whose fault is shown."""
    connection.execute(_RESCHEDULE, {"of": delivery.id, "due_at": None, "fault": fault})
    of = delivery.subscriber_id
    if connection.execute(_DEACTIVATE, {"of": of}).rowcount:
        connection.execute(_DELETE_OTHERS, {"subscriber": of, "kept": delivery.id})
        change = Event(kind=EntityKind.SUBSCRIBER, id=of, change=ChangeType.UPDATED)
        event_rows.add(connection, [change], now)

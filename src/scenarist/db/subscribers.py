"""Rows of the webhook subscribers of scenarios and sequences, and the state of their messages."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from scenarist.db import event_log as event_rows
from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import deliveries, event_readers, subscribers
from scenarist.domain.entities import Event, Subscriber
from scenarist.domain.identifiers import SubscriberId
from scenarist.domain.permissions import ref_of
from scenarist.domain.vocabulary import ChangeType, EntityKind

HAS_ANY: ColumnElement[bool] = (
    select(func.max(subscribers.c.number))
    .scalar_subquery()
    .is_not(None)
    .label("has_any_subscribers")
)
"""Column of a query: whether anything has subscribers at all, so that they have to be read."""

READER = "webhooks"
"""Name of the cursor into the event log up to which events have become messages."""

_IS_ACTIVE = subscribers.c.is_active == literal_column("1")
_WAITING = (
    select(func.count())
    .where(deliveries.c.subscriber_id == subscribers.c.id, deliveries.c.due_at.is_not(None))
    .scalar_subquery()
)
# Only the oldest message can have a fault: the later ones wait until it is delivered.
_FAULT = (
    select(deliveries.c.fault)
    .where(deliveries.c.subscriber_id == subscribers.c.id)
    .order_by(deliveries.c.number)
    .limit(1)
    .scalar_subquery()
)
_WITH_STATE = select(subscribers, _WAITING.label("waiting"), _FAULT.label("fault"))
_OF_ENTITIES = Query(
    _WITH_STATE.where(any_of(subscribers.c.entity_id, "ids")).order_by(subscribers.c.number)
)
_FIND = _WITH_STATE.where(
    subscribers.c.id == bindparam("id"), subscribers.c.entity_id == bindparam("entity")
)
_INSERT = insert(subscribers)
_COUNT = select(func.count()).where(subscribers.c.entity_id == bindparam("entity"))
_ANY_ACTIVE = Query(select(subscribers.c.number).where(_IS_ACTIVE).limit(1))
_DELETE = delete(subscribers).where(subscribers.c.id == bindparam("id"))
_DEACTIVATE = (
    update(subscribers)
    .where(any_of(subscribers.c.made_by_id, "makers"), _IS_ACTIVE)
    .values(is_active=literal_column("0"), stopped=bindparam("why"))
    .returning(subscribers.c.id)
)
_DELETE_MESSAGES = delete(deliveries).where(any_of(deliveries.c.subscriber_id, "ids"))
_POSITION = select(event_readers.c.event_number).where(event_readers.c.name == READER)
_SET_POSITION = upsert(event_readers).values(name=READER, event_number=bindparam("number"))
_SET_POSITION = _SET_POSITION.on_conflict_do_update(
    index_elements=[event_readers.c.name],
    set_={"event_number": _SET_POSITION.excluded.event_number},
)


def add(connection: Connection, subscriber: Subscriber) -> None:
    """Store a subscriber; it receives the events from the present transaction on."""
    _, newest = event_rows.find_bounds(connection)
    if not has_active(connection):
        # Without active subscribers nobody reads the event log, so the cursor is behind.
        set_position(connection, newest)
    connection.execute(
        _INSERT,
        {
            "id": subscriber.id,
            "entity_id": subscriber.entity_id,
            "url": subscriber.url,
            "secret": subscriber.secret,
            "after_event": newest,
            "is_active": int(subscriber.is_active),
            "created_at": subscriber.created_at,
            "made_by": None if subscriber.made_by is None else subscriber.made_by.name,
            "made_by_id": None if subscriber.made_by is None else subscriber.made_by.id,
        },
    )


def change_secrets(connection: Connection, changed: Callable[[str], str]) -> None:
    """Replace each secret by the result of a function of it."""
    for row in connection.execute(select(subscribers.c.number, subscribers.c.secret)).fetchall():
        connection.execute(
            update(subscribers)
            .where(subscribers.c.number == row.number)
            .values(secret=changed(row.secret))
        )


def of_entities(
    connection: Connection, entity_ids: Iterable[str]
) -> dict[str, tuple[Subscriber, ...]]:
    """Return the subscribers of entities, by entity, oldest first; entities without are omitted."""
    found: dict[str, list[Subscriber]] = {}
    for row in _OF_ENTITIES.fetch(connection, {"ids": list(entity_ids)}):
        found.setdefault(row.entity_id, []).append(_subscriber(row))
    return {entity_id: tuple(items) for entity_id, items in found.items()}


def find(connection: Connection, entity_id: str, subscriber_id: str) -> Subscriber | None:
    row = connection.execute(_FIND, {"id": subscriber_id, "entity": entity_id}).one_or_none()
    return None if row is None else _subscriber(row)


def count_of(connection: Connection, entity_id: str) -> int:
    return connection.execute(_COUNT, {"entity": entity_id}).scalar_one()


def has_active(connection: Connection) -> bool:
    return _ANY_ACTIVE.fetch_first(connection) is not None


def delete_one(connection: Connection, subscriber_id: str) -> None:
    """Delete a subscriber with its undelivered messages."""
    connection.execute(_DELETE, {"id": subscriber_id})


def deactivate_made_by(
    connection: Connection, actor_ids: Iterable[str], why: str, now: datetime
) -> None:
    """Deactivate the subscribers created by actors, and delete their messages; the rows stay."""
    stopped = (
        connection.execute(_DEACTIVATE, {"makers": list(actor_ids), "why": why}).scalars().all()
    )
    if stopped:
        connection.execute(_DELETE_MESSAGES, {"ids": stopped})
        changes = [
            Event(kind=EntityKind.SUBSCRIBER, id=item, change=ChangeType.UPDATED)
            for item in stopped
        ]
        event_rows.add(connection, changes, now)


def get_position(connection: Connection) -> int:
    """Return the number of the last transaction whose events have become messages."""
    return connection.execute(_POSITION).scalar() or 0


def set_position(connection: Connection, number: int) -> None:
    connection.execute(_SET_POSITION, {"number": number})


def _subscriber(row: Any) -> Subscriber:
    return Subscriber(
        id=SubscriberId(row.id),
        entity_id=row.entity_id,
        url=row.url,
        secret=row.secret,
        is_active=bool(row.is_active),
        waiting=row.waiting,
        fault=row.stopped or row.fault,
        created_at=row.created_at,
        made_by=ref_of(row.made_by, row.made_by_id),
    )

"""Event log: one row per transaction, with its changes (decision 16)."""

import itertools
import random
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from scenarist.db.each import execute_many
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import Topic
from scenarist.db.tables import events
from scenarist.domain.entities import Event
from scenarist.domain.vocabulary import FINISHED_JOB_STATUSES, JobStatus

_FINISHED = tuple(FINISHED_JOB_STATUSES)  # also those of submissions

MIN_KEPT = 100_000
"""Transactions whose changes are kept at least, for readers that resume after a break."""

_TRIM_EVERY = 1_000
_additions = itertools.count(random.randrange(_TRIM_EVERY))  # noqa: S311 - nothing to guess

_INSERT = insert(events).inline()
_NEWEST = select(func.max(events.c.number)).scalar_subquery()
_TRIM = delete(events).where(events.c.number <= _NEWEST - MIN_KEPT)
_AFTER = (
    select(events)
    .where(events.c.number >= bindparam("first"))
    .order_by(events.c.number)
    .limit(bindparam("limit"))
)
# Two subqueries, one index look-up each; SQLite would scan the log for min and max in one.
_BOUNDS = select(
    select(func.min(events.c.number)).scalar_subquery(),
    select(func.max(events.c.number)).scalar_subquery(),
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Event]).decode


def add(connection: Connection, changes: Sequence[Event], now: datetime) -> None:
    """Log the changes of a transaction, in order; log nothing when there are none.

    Publishes the topic NEWS, the topic WORK if they leave a job PENDING, and the identifiers of the
    jobs and submissions that they end.
    """
    if not changes:
        return
    row = {"created_at": now, "changes": _encode(changes).decode()}
    execute_many(connection, _INSERT, [row])
    statuses = {item.id: item.status for item in changes if item.status is not None}
    topics = [Topic.NEWS]
    if JobStatus.PENDING in statuses.values():
        topics.append(Topic.WORK)
    ended = [id for id, status in statuses.items() if status in _FINISHED]
    notifications.publish(connection, *topics, ended=ended)
    # Each process has its own counter with a random start, so that short-lived ones trim as well.
    if next(_additions) % _TRIM_EVERY == 0:
        connection.execute(_TRIM)


def read(
    connection: Connection, *, first: int, limit: int
) -> list[tuple[int, datetime, list[Event]]]:
    """Return transactions from number *first* on: number, time and changes of each."""
    rows = connection.execute(_AFTER, {"first": first, "limit": limit})
    return [(row.number, row.created_at, _decode(row.changes)) for row in rows]


def find_bounds(connection: Connection) -> tuple[int, int]:
    """Return the numbers of the oldest and the newest transaction in the log; 0 if it is empty."""
    oldest, newest = connection.execute(_BOUNDS).one()
    return oldest or 0, newest or 0

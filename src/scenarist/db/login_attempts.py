"""Counters of sign-in attempts within time windows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from scenarist.db.tables import tries

_FIND = select(tries).where(tries.c.who == bindparam("key"))
_INSERT = insert(tries)
_COUNT = update(tries).where(tries.c.who == bindparam("key")).values(tally=tries.c.tally + 1)
_UNCOUNT = (
    update(tries)
    .where(tries.c.who == bindparam("key"), tries.c.tally > 0)
    .values(tally=tries.c.tally - 1)
)
_DELETE = delete(tries).where(tries.c.who == bindparam("key"))
# A window that begins a window length or more in the future: the clock was set back (decision 91).
_DELETE_EXPIRED = delete(tries).where(
    or_(tries.c.since <= bindparam("before"), tries.c.since >= bindparam("after"))
)


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """Limit of sign-in attempts for one key (such as an address) within a time window."""

    key: str
    limit: int


def count_attempt(
    connection: Connection, limits: tuple[AttemptLimit, ...], *, window: timedelta, now: datetime
) -> dict[AttemptLimit, datetime]:
    """Count one attempt for each limit, unless one of them is used up.

    Returns:
        The limits that are used up, each with the end of its window; empty if the attempt counted.
    """
    connection.execute(_DELETE_EXPIRED, {"before": now - window, "after": now + window})
    rows = {limit: connection.execute(_FIND, {"key": limit.key}).first() for limit in limits}
    used_up: dict[AttemptLimit, datetime] = {
        limit: row.since + window
        for limit, row in rows.items()
        if row is not None and row.tally >= limit.limit
    }
    if used_up:
        return used_up
    for limit, row in rows.items():
        if row is None:
            connection.execute(_INSERT, {"who": limit.key, "tally": 1, "since": now})
        else:
            connection.execute(_COUNT, {"key": limit.key})
    return {}


def uncount_attempt(connection: Connection, limits: tuple[AttemptLimit, ...]) -> None:
    """Uncount an attempt, such as one that succeeded."""
    for limit in limits:
        connection.execute(_UNCOUNT, {"key": limit.key})


def reset(connection: Connection, key: str) -> None:
    """Reset the counter of a key."""
    connection.execute(_DELETE, {"key": key})

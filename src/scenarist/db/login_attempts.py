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

    who: str
    limit: int


def count_attempt(
    connection: Connection, bounds: tuple[AttemptLimit, ...], *, stretch: timedelta, now: datetime
) -> dict[AttemptLimit, datetime]:
    """Count one attempt for each bound, unless one of them is used up.

    Returns:
        The bounds that are used up, each with the end of its window; empty if the attempt counted.
    """
    connection.execute(_DELETE_EXPIRED, {"before": now - stretch, "after": now + stretch})
    rows = {bound: connection.execute(_FIND, {"key": bound.who}).first() for bound in bounds}
    used_up: dict[AttemptLimit, datetime] = {
        bound: row.since + stretch
        for bound, row in rows.items()
        if row is not None and row.tally >= bound.limit
    }
    if used_up:
        return used_up
    for bound, row in rows.items():
        if row is None:
            connection.execute(_INSERT, {"who": bound.who, "tally": 1, "since": now})
        else:
            connection.execute(_COUNT, {"key": bound.who})
    return {}


def uncount_attempt(connection: Connection, bounds: tuple[AttemptLimit, ...]) -> None:
    """Uncount an attempt, such as one that succeeded."""
    for bound in bounds:
        connection.execute(_UNCOUNT, {"key": bound.who})


def reset(connection: Connection, who: str) -> None:
    """Reset the counter of a key."""
    connection.execute(_DELETE, {"key": who})

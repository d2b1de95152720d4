"""Tries to sign in, counted in stretches of time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from scenarist.db.tables import tries

_FIND = select(tries).where(tries.c.who == bindparam("key"))
_INSERT = insert(tries)
_COUNT = update(tries).where(tries.c.who == bindparam("key")).values(tally=tries.c.tally + 1)
_GIVE_BACK = (
    update(tries)
    .where(tries.c.who == bindparam("key"), tries.c.tally > 0)
    .values(tally=tries.c.tally - 1)
)
_DELETE = delete(tries).where(tries.c.who == bindparam("key"))
# A stretch that begins later than one from now is of a clock that was set back since.
_FORGET = delete(tries).where(
    or_(tries.c.since <= bindparam("before"), tries.c.since >= bindparam("after"))
)


@dataclass(frozen=True, slots=True)
class Bound:
    """How many tries somebody has within a stretch of time."""

    who: str
    limit: int


def take(
    connection: Connection, bounds: tuple[Bound, ...], *, stretch: timedelta, now: datetime
) -> dict[Bound, datetime]:
    """Count one try for each bound, unless one is used up.

    Returns:
        The bounds that are used up, each with the end of its stretch; empty when the try counts.
    """
    connection.execute(_FORGET, {"before": now - stretch, "after": now + stretch})
    rows = {bound: connection.execute(_FIND, {"key": bound.who}).first() for bound in bounds}
    used_up: dict[Bound, datetime] = {
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


def give_back(connection: Connection, bounds: tuple[Bound, ...]) -> None:
    """Count a try no more, as one that succeeded."""
    for bound in bounds:
        connection.execute(_GIVE_BACK, {"key": bound.who})


def forget(connection: Connection, who: str) -> None:
    """Start anew."""
    connection.execute(_DELETE, {"key": who})

"""Rows of cycles."""

from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.paging import Page, apply_filters, fetch_page, match_any
from scenarist.db.tables import cycles
from scenarist.domain.entities import Cycle
from scenarist.domain.identifiers import CycleId
from scenarist.domain.listings import CREATION_DATE, CycleFilter, PageRequest
from scenarist.domain.vocabulary import Frequency

_KEYS = {CREATION_DATE: cycles.c.created_at}
_FIND = select(cycles).where(cycles.c.id == bindparam("id"))


def find_or_create(connection: Connection, cycle: Cycle) -> tuple[Cycle, bool]:
    """Return the stored cycle of the same period, and whether it is new."""
    made = connection.execute(
        insert_or_ignore(cycles)
        .values(
            id=cycle.id,
            name=cycle.name,
            frequency=cycle.frequency,
            properties=dict(cycle.properties),
            start_at=cycle.start_at,
            end_at=cycle.end_at,
            created_at=cycle.created_at,
        )
        .on_conflict_do_nothing()
        .returning(cycles.c.number)
    ).first()
    row = connection.execute(
        select(cycles).where(
            cycles.c.frequency == cycle.frequency, cycles.c.start_at == cycle.start_at
        )
    ).one()
    return _cycle(row), made is not None


def find(connection: Connection, cycle_id: str) -> Cycle | None:
    row = connection.execute(_FIND, {"id": cycle_id}).first()
    return None if row is None else _cycle(row)


def list_page(connection: Connection, wanted: CycleFilter, request: PageRequest) -> Page[Cycle]:
    query, branches = apply_filters(
        select(cycles),
        [match_any(cycles.c.id, wanted.id), match_any(cycles.c.frequency, wanted.frequency)],
    )
    found = fetch_page(
        connection, query, request, number=cycles.c.number, keys=_KEYS, branches=branches
    )
    return found.to_page([_cycle(row) for row in found.rows])


def _cycle(row: Any) -> Cycle:
    return Cycle(
        id=CycleId(row.id),
        name=row.name,
        frequency=Frequency(row.frequency),
        properties=row.properties,
        start_at=row.start_at,
        end_at=row.end_at,
        created_at=row.created_at,
    )

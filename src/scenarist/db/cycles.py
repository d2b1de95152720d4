"""Rows of cycles."""

from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from scenarist.db.paging import EntityList, Page, apply_filters, match_any
from scenarist.db.sql import Query
from scenarist.db.tables import cycles
from scenarist.domain.entities import Cycle
from scenarist.domain.identifiers import CycleId
from scenarist.domain.listings import CREATION_DATE, CycleFilter, PageRequest
from scenarist.domain.vocabulary import Frequency

_LIST = EntityList(
    select(cycles), number=cycles.c.number, keys={CREATION_DATE: cycles.c.created_at}
)
_FIND = Query(select(cycles).where(cycles.c.id == bindparam("id")))


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
    row = _FIND.fetch_first(connection, {"id": cycle_id})
    return None if row is None else _cycle(row)


def list_page(connection: Connection, wanted: CycleFilter, request: PageRequest) -> Page[Cycle]:
    query, branches = apply_filters(
        _LIST.query,
        [match_any(cycles.c.id, wanted.id), match_any(cycles.c.frequency, wanted.frequency)],
    )
    found = _LIST.fetch_page(connection, request, query, branches)
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

"""The audit is only added to, and each list of it is read by an index."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from builders import NOON
from scenarist.db import audit as audit_rows
from scenarist.db.engine import Database
from scenarist.db.tables import audit
from scenarist.domain.listings import (
    CREATION_DATE,
    AuditFilter,
    PagePosition,
    PageRequest,
    TimeRange,
)
from scenarist.domain.permissions import ANYONE, Actor, Origin
from scenarist.domain.retention import Retention
from scenarist.domain.users import AuditEntry
from scenarist.services.pruning import PruningService
from statements import check_two_pages, noted

HOUR = timedelta(hours=1)
WINDOW = TimeRange(start=NOON, end=NOON + 100 * HOUR)


@pytest.fixture
def kept(database: Database) -> Database:
    """Twelve rows in as many hours, of two actors, entities and operations; each third refused."""

    def work(connection: Any) -> None:
        for number in range(12):
            entry = AuditEntry(
                created_at=NOON + number * HOUR,
                actor=("ann", "ben")[number % 2],
                key_id="KEY_1" if number % 4 == 0 else None,
                address="192.0.2.1",
                operation=("createUser", "deleteUser")[number // 6],
                entity_id=("x", "y")[number // 3 % 2],
                is_allowed=number % 3 != 0,
            )
            audit_rows.add(connection, entry)

    database.write(work)
    return database


def numbers(database: Database, wanted: AuditFilter, **request: Any) -> list[int]:
    page = audit_rows.list_page(database.reader, wanted, PageRequest(limit=100, **request))
    return [entry.number - 1 for entry in page.items]


@pytest.mark.parametrize(
    "change",
    [
        update(audit).values(actor="somebody else"),
        update(audit).where(audit.c.number == 1).values(is_allowed=1),
        delete(audit),
        delete(audit).where(audit.c.number == 12),
    ],
    ids=str,
)
def test_a_row_can_be_neither_changed_nor_deleted(kept: Database, change: Any) -> None:
    before = audit_rows.list_page(kept.reader, AuditFilter(), PageRequest(limit=100))

    with pytest.raises(DBAPIError, match="the audit is only added to"):
        kept.write(lambda connection: connection.execute(change))

    assert audit_rows.list_page(kept.reader, AuditFilter(), PageRequest(limit=100)) == before


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AuditFilter(), range(12)),
        (AuditFilter(actor=("ann",)), [0, 2, 4, 6, 8, 10]),
        (AuditFilter(key_id=("KEY_1",)), [0, 4, 8]),
        (AuditFilter(entity_id=("y",)), [3, 4, 5, 9, 10, 11]),
        (AuditFilter(operation=("deleteUser",)), [6, 7, 8, 9, 10, 11]),
        (AuditFilter(is_allowed=False), [0, 3, 6, 9]),
        (AuditFilter(is_allowed=True), [1, 2, 4, 5, 7, 8, 10, 11]),
        (AuditFilter(created=TimeRange(start=NOON + 2 * HOUR, end=NOON + 4 * HOUR)), [2, 3]),
        (AuditFilter(actor=("ben",), is_allowed=False), [3, 9]),
        (
            AuditFilter(
                actor=("ann",), key_id=("KEY_1",), entity_id=("y",), operation=("createUser",)
            ),
            [4],
        ),
        (AuditFilter(actor=("nobody",)), []),
        (AuditFilter(actor=("nobody", "ben"), entity_id=("x", "y")), [1, 3, 5, 7, 9, 11]),
    ],
    ids=str,
)
def test_filters_narrow_together(kept: Database, wanted: AuditFilter, expected: list[int]) -> None:
    assert numbers(kept, wanted) == list(expected)
    assert numbers(kept, wanted, sort=CREATION_DATE, is_descending=True) == list(expected)[::-1]


@pytest.mark.parametrize("is_descending", [False, True])
def test_pages_of_the_same_moment_leave_nothing_out(
    database: Database, is_descending: bool
) -> None:
    actor = Actor("ann", origin=Origin("192.0.2.1", "createUser"))
    database.write(
        lambda connection: audit_rows.record_many_allowed(
            connection, [(actor, f"entity {number}") for number in range(10)], NOON
        )
    )
    found: list[str | None] = []
    after: PagePosition | None = None

    while True:
        page = audit_rows.list_page(
            database.reader,
            AuditFilter(),
            PageRequest(limit=3, sort=CREATION_DATE, is_descending=is_descending, after=after),
        )
        found += [entry.entity_id for entry in page.items]
        after = page.next_position
        if after is None:
            break

    expected = [f"entity {number}" for number in range(10)]
    assert found == (expected[::-1] if is_descending else expected)


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(
    "wanted",
    [
        AuditFilter(),
        AuditFilter(actor=("ann",)),
        AuditFilter(actor=("ann", "ben")),
        AuditFilter(entity_id=("x",)),
        AuditFilter(entity_id=("x", "y")),
        AuditFilter(operation=("createUser",)),
        AuditFilter(is_allowed=False),
        AuditFilter(created=WINDOW),
        AuditFilter(actor=("ann",), created=WINDOW),
        AuditFilter(actor=("ann",), is_allowed=False),
        AuditFilter(is_allowed=True, created=WINDOW),
    ],
    ids=str,
)
def test_each_list_is_read_in_its_order_from_the_cursor_on(
    kept: Database, wanted: AuditFilter, is_descending: bool
) -> None:
    check_two_pages(
        kept,
        lambda request: audit_rows.list_page(kept.reader, wanted, request),
        PageRequest(limit=1, sort=CREATION_DATE, is_descending=is_descending),
    )


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AuditFilter(actor=("ann",)), "ix_audit_actor_created_at_number (actor=?"),
        (AuditFilter(entity_id=("x",)), "ix_audit_entity_id_created_at_number (entity_id=?"),
        (
            AuditFilter(operation=("createUser",)),
            "ix_audit_operation_created_at_number (operation=?",
        ),
        (AuditFilter(is_allowed=False), "ix_audit_refused"),
        (AuditFilter(created=WINDOW), "ix_audit_created_at_number (created_at>? AND created_at<?"),
        (AuditFilter(actor=("ann",), created=WINDOW), "number (actor=? AND created_at>?"),
    ],
    ids=str,
)
def test_each_filter_has_an_index(kept: Database, wanted: AuditFilter, index: str) -> None:
    if kept.file is None:
        pytest.skip("PostgreSQL says the same in other words")
    request = PageRequest(limit=1, sort=CREATION_DATE, is_descending=True)

    with noted(kept) as statements:
        audit_rows.list_page(kept.reader, wanted, request)

    ((step,),) = statements.plans().values()
    assert index in step


def test_several_rows_are_added_by_one_statement_and_none_without_an_origin(
    database: Database,
) -> None:
    heard, silent = Actor("ann", origin=Origin("192.0.2.1", "submitJobs")), Actor("ben")

    database.write(
        lambda connection: audit_rows.record_many_allowed(
            connection, [(heard, "1"), (silent, "2"), (heard, "3")], NOON
        )
    )
    database.write(lambda connection: audit_rows.record_many_allowed(connection, [], NOON))

    page = audit_rows.list_page(database.reader, AuditFilter(), PageRequest(limit=10))
    assert [(entry.actor, entry.entity_id) for entry in page.items] == [("ann", "1"), ("ann", "3")]


def prune(database: Database, before: datetime, folder: Path, **more: bool) -> int:
    service = PruningService(
        database, folder=str(folder), now=lambda: before + HOUR, pause=lambda seconds: None
    )
    return service.prune(ANYONE, Retention(audit=HOUR), **more).audit


def test_rows_are_deleted_when_their_time_is_over_and_no_later_ones_ever(
    kept: Database, tmp_path: Path
) -> None:
    would = prune(kept, NOON + 5 * HOUR, tmp_path, is_dry_run=True)
    assert len(numbers(kept, AuditFilter())) == 12
    went = prune(kept, NOON + 5 * HOUR, tmp_path)

    assert (would, went) == (5, 5)
    assert numbers(kept, AuditFilter()) == list(range(5, 12))
    with pytest.raises(DBAPIError, match="the audit is only added to"):
        kept.write(lambda connection: connection.execute(delete(audit)))
    assert numbers(kept, AuditFilter()) == list(range(5, 12))
    assert prune(kept, NOON + 2 * HOUR, tmp_path) == 0


def test_old_rows_are_found_by_an_index(kept: Database) -> None:
    if kept.file is None:
        pytest.skip("PostgreSQL says the same in other words")
    with noted(kept) as statements:
        list(audit_rows.iter_old(kept.reader, NOON + 5 * HOUR))

    steps = [step for steps in statements.plans().values() for step in steps]
    assert steps
    assert all("USING COVERING INDEX ix_audit_created_at_number" in step for step in steps)

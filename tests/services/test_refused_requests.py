"""What is refused before it is known who asks: counted, a row for each minute and address."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Connection

from builders import Clock
from scenarist.db.engine import Database
from scenarist.domain.listings import AuditFilter, PageRequest
from scenarist.domain.users import AuditEntry
from scenarist.services import refused_requests
from scenarist.services.audit import AuditService
from scenarist.services.refused_requests import RefusalCounter
from servers import PATIENCE_SECONDS
from signed_in import ADMIN


@pytest.fixture
def counter(database: Database, clock: Clock) -> Iterator[RefusalCounter]:
    with closing(RefusalCounter(database, now=clock)) as counter:
        yield counter


def rows(database: Database, clock: Clock) -> list[AuditEntry]:
    request = PageRequest(limit=1000, sort="creation_date")
    return AuditService(database, now=clock).list_page(ADMIN, AuditFilter(), request).items


def test_a_flood_of_refusals_is_one_row_for_each_address_and_kind(
    database: Database, clock: Clock, counter: RefusalCounter
) -> None:
    for number in range(1000):
        counter.count("192.0.2.1", "origin_refused", f"reason {number}")
    counter.count("192.0.2.1", "too_many_connections", "no place")
    counter.count("192.0.2.2", "origin_refused", "another")
    counter.flush()

    kept = {(row.address, row.operation): row.reason for row in rows(database, clock)}
    assert kept == {
        ("192.0.2.1", "origin_refused"): "1000 times within a minute: reason 0",
        ("192.0.2.1", "too_many_connections"): "once within a minute: no place",
        ("192.0.2.2", "origin_refused"): "once within a minute: another",
    }
    assert not any(row.is_allowed or row.actor for row in rows(database, clock))


def test_addresses_beyond_a_bound_are_counted_together(
    database: Database, clock: Clock, counter: RefusalCounter
) -> None:
    for number in range(1000):
        counter.count(f"2001:db8::{number:x}", "login", "too many tries")
    counter.flush()

    kept = rows(database, clock)
    assert len(kept) == 201
    assert [row.reason for row in kept if row.address == "others"] == [
        "800 times within a minute: too many tries"
    ]


def test_what_was_counted_is_written_when_the_minute_is_over(
    database: Database, clock: Clock, counter: RefusalCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_requests, "_SECONDS", 0.01)
    is_written = threading.Event()
    write = database.write

    def write_and_tell(work: Callable[[Connection], None]) -> None:
        write(work)
        is_written.set()

    monkeypatch.setattr(database, "write", write_and_tell)

    counter.count("192.0.2.1", "login", "too many tries")

    assert is_written.wait(PATIENCE_SECONDS)
    assert [row.reason for row in rows(database, clock)] == ["once within a minute: too many tries"]


def test_what_was_counted_is_written_when_the_server_stops(
    database: Database, clock: Clock, counter: RefusalCounter
) -> None:
    counter.count("192.0.2.1", "login", "a reason with \0")

    counter.close()
    counter.close()

    assert [row.reason for row in rows(database, clock)] == [
        "once within a minute: a reason with \ufffd"
    ]


def test_nothing_is_written_where_nothing_was_refused(
    database: Database, clock: Clock, counter: RefusalCounter
) -> None:
    counter.flush()

    assert rows(database, clock) == []

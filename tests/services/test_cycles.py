"""Cycles in a time zone: whose midnights they start at."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.db.engine import Database
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import ANYONE
from scenarist.domain.timestamps import parse_timestamp
from scenarist.domain.vocabulary import Frequency
from scenarist.services.cycles import CycleService, NewCycle


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return parse_timestamp(text, ZoneInfo(zone))


def service(database: Database, zone: str) -> CycleService:
    return CycleService(database, now=Clock(), zone=ZoneInfo(zone))


def test_a_day_is_from_midnight_to_midnight_of_the_zone(database: Database) -> None:
    cycle, _ = service(database, "Europe/Berlin").create(
        ANYONE,
        NewCycle(
            frequency=Frequency.DAILY,
            created_at=at("2026-07-01T00:30:00"),
            start_at=at("2026-07-01T00:00:00"),
            last_at=at("2026-07-01T23:59:59.999999"),
        ),
    )

    assert cycle.name == "2026-07-01"
    assert cycle.created_at == datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    assert cycle.start_at == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert cycle.end_at == datetime(2026, 7, 1, 22, tzinfo=UTC)


def test_dates_with_a_zone_are_moments(database: Database) -> None:
    cycle, _ = service(database, "Europe/Berlin").create(
        ANYONE,
        NewCycle(frequency=Frequency.MONTHLY, created_at=datetime(2026, 6, 30, 23, tzinfo=UTC)),
    )

    assert cycle.name == "2026-07"


def test_a_day_without_a_midnight_starts_when_the_clocks_have_been_changed(
    database: Database,
) -> None:
    cycle, _ = service(database, "America/Sao_Paulo").create(
        ANYONE,
        NewCycle(
            frequency=Frequency.DAILY,
            created_at=at("2018-11-04T12:00:00", "America/Sao_Paulo"),
            start_at=at("2018-11-04", "America/Sao_Paulo"),
            last_at=at("2018-11-04T23:59:59.999999", "America/Sao_Paulo"),
        ),
    )

    assert cycle.start_at == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert cycle.end_at == datetime(2018, 11, 5, 2, tzinfo=UTC)


def test_a_date_that_is_not_of_the_period_is_refused_with_the_right_one(
    database: Database,
) -> None:
    with pytest.raises(InvalidError, match=r"from 2026-03-29T00:00:00\+01:00 to .*\+02:00"):
        service(database, "Europe/Berlin").create(
            ANYONE,
            NewCycle(
                frequency=Frequency.DAILY,
                created_at=at("2026-03-29T12:00:00"),
                start_at=datetime(2026, 3, 28, tzinfo=UTC),
            ),
        )

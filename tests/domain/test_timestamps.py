"""Timestamps as text, with and without a time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.timestamps import format_timestamp, parse_timestamp

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Berlin",
            "America/Sao_Paulo",
            "Africa/Cairo",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Pacific/Apia",
        )
    ]
)
TIMES = st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2100, 1, 1))  # noqa: DTZ001


@given(TIMES, ZONES)
def test_a_timestamp_with_a_zone_is_the_same_for_every_server(at: datetime, zone: ZoneInfo) -> None:
    moment = at.replace(tzinfo=UTC)

    assert parse_timestamp(format_timestamp(moment), zone) == moment
    assert parse_timestamp(moment.astimezone(BERLIN).isoformat(), zone) == moment


@given(TIMES, ZONES)
def test_a_timestamp_without_a_zone_is_what_the_clocks_of_the_server_show_then(
    at: datetime, zone: ZoneInfo
) -> None:
    moment = parse_timestamp(at.isoformat(), zone)

    shown = moment.astimezone(zone).replace(tzinfo=None)
    # Clocks that go forward skip a stretch of time: there it is later by as much.
    is_skipped = shown != at
    day = timedelta(days=1)
    before, after = ((moment + step).astimezone(zone).utcoffset() for step in (-day, day))
    assert before is not None
    assert after is not None
    assert not is_skipped or shown - at == after - before > timedelta()
    # Clocks that go back show a time twice: it is the first one.
    assert is_skipped or moment.astimezone(zone).fold == 0


@given(st.dates(date(1900, 1, 2), date(2100, 1, 1)), ZONES)
def test_a_date_is_the_start_of_its_day(day: date, zone: ZoneInfo) -> None:
    moment = parse_timestamp(day.isoformat(), zone)

    just_before = moment - timedelta(microseconds=1)
    assert moment.astimezone(zone).date() >= day
    assert just_before.astimezone(zone).date() < day


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-10-07", "2022-10-06T22:00:00Z"),
        ("2022-10-07T00:00:00", "2022-10-06T22:00:00Z"),
        ("2022-10-07 12:30", "2022-10-07T10:30:00Z"),
        ("2022-10-07T12:30:00.5", "2022-10-07T10:30:00.500000Z"),
        ("2022-10-07T12:30:00z", "2022-10-07T12:30:00Z"),
        ("2022-10-07T12:30:00-05:00", "2022-10-07T17:30:00Z"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
    ],
)
def test_what_is_read_in_berlin(text: str, expected: str) -> None:
    assert format_timestamp(parse_timestamp(text, BERLIN)) == expected


@pytest.mark.parametrize("text", ["", "soon", "2022-13-01", "2022-02-30", "12:00", "5", "null"])
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Invalid|must be|range|day|month"):
        parse_timestamp(text, BERLIN)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59-05:00"])
def test_what_is_no_time_in_utc_is_refused(text: str) -> None:
    with pytest.raises(OverflowError):
        parse_timestamp(text, BERLIN)

"""Periods: where they start and end, in a zone that changes its clocks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.cycles import period_around, period_label
from scenarist.domain.vocabulary import Frequency

BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")
MOMENT = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frequency", "start", "end", "label"),
    [
        (Frequency.DAILY, (2026, 11, 23), (2026, 11, 24), "2026-11-23"),
        (Frequency.WEEKLY, (2026, 11, 23), (2026, 11, 30), "2026 W48"),
        (Frequency.MONTHLY, (2026, 11, 1), (2026, 12, 1), "2026-11"),
        (Frequency.QUARTERLY, (2026, 10, 1), (2027, 1, 1), "2026 Q4"),
        (Frequency.YEARLY, (2026, 1, 1), (2027, 1, 1), "2026"),
    ],
)
def test_a_period_starts_and_ends_at_midnight(
    frequency: Frequency, start: tuple[int, int, int], end: tuple[int, int, int], label: str
) -> None:
    first, following = period_around(frequency, MOMENT, UTC_ZONE)

    assert first == datetime(*start, tzinfo=UTC)
    assert following == datetime(*end, tzinfo=UTC)
    assert period_label(frequency, first.date()) == label


def test_the_zone_decides_which_day_it_is() -> None:
    first, _ = period_around(Frequency.MONTHLY, datetime(2026, 10, 31, 23, 30, tzinfo=UTC), BERLIN)

    assert first == datetime(2026, 11, 1, tzinfo=BERLIN)


def test_a_day_of_a_change_to_summer_time_has_23_hours() -> None:
    first, following = period_around(Frequency.DAILY, datetime(2026, 3, 29, 12, tzinfo=UTC), BERLIN)

    assert following.astimezone(UTC) - first.astimezone(UTC) == timedelta(hours=23)


@given(
    st.sampled_from(Frequency),
    st.integers(631_152_000, 3_786_912_000).map(lambda at: datetime.fromtimestamp(at, UTC)),
)
def test_a_moment_is_in_its_period_and_periods_follow_without_a_gap(
    frequency: Frequency, at: datetime
) -> None:
    first, following = period_around(frequency, at, BERLIN)

    assert first <= at < following
    assert period_around(frequency, following, BERLIN)[0] == following

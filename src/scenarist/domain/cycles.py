"""Periods of cycles: start, end and label."""

from datetime import date, datetime, time, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from scenarist.domain.vocabulary import Frequency


def period_around(frequency: Frequency, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the start of the period that contains a timestamp, and the start of the next one.

    Both are at midnight in the zone, so a day on which summer time begins has 23 hours.
    """
    day = at.astimezone(zone).date()
    first = _first_day(frequency, day)
    following = _first_day(frequency, first + _MORE_THAN_A_PERIOD[frequency])
    return (
        datetime.combine(first, time(), tzinfo=zone),
        datetime.combine(following, time(), tzinfo=zone),
    )


def period_label(frequency: Frequency, start: date) -> str:
    """Return the label of a period, derived from its first day; independent of the locale."""
    match frequency:
        case Frequency.DAILY:
            return start.isoformat()
        case Frequency.WEEKLY:
            year, week, _ = start.isocalendar()
            return f"{year} W{week:02d}"
        case Frequency.MONTHLY:
            return f"{start.year}-{start.month:02d}"
        case Frequency.QUARTERLY:
            return f"{start.year} Q{(start.month + 2) // 3}"
        case Frequency.YEARLY:
            return str(start.year)
        case _:
            assert_never(frequency)


# Added to the first day of a period, this yields a day of the next one, never a later one.
_MORE_THAN_A_PERIOD = {
    Frequency.DAILY: timedelta(days=1),
    Frequency.WEEKLY: timedelta(days=7),
    Frequency.MONTHLY: timedelta(days=31),
    Frequency.QUARTERLY: timedelta(days=92),
    Frequency.YEARLY: timedelta(days=366),
}


def _first_day(frequency: Frequency, day: date) -> date:
    match frequency:
        case Frequency.DAILY:
            return day
        case Frequency.WEEKLY:
            return day - timedelta(days=day.weekday())
        case Frequency.MONTHLY:
            return day.replace(day=1)
        case Frequency.QUARTERLY:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case Frequency.YEARLY:
            return day.replace(month=1, day=1)
        case _:
            assert_never(frequency)

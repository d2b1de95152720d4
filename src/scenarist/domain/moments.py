"""Timestamps: as text in answers and requests, and compared where clocks may be set."""

from datetime import UTC, datetime, timedelta, tzinfo


def as_text(moment: datetime) -> str:
    """Write an aware moment in UTC (RFC 3339)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_moment(text: str, zone: tzinfo) -> datetime:
    """Read a timestamp or a date in ISO 8601; without a time zone it is in *zone*.

    A date stands for the start of its day. Where clocks go back, a time that occurs twice is the
    first of the two; where they go forward, a time that does not occur is as much later as they
    skip (PEP 495).

    Raises:
        ValueError: The text is neither.
        OverflowError: In UTC it is not within the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def is_within(now: datetime, since: datetime, span: timedelta) -> bool:
    """Whether less than *span* lies between two times, whichever of them is earlier.

    A time further ahead than *span* was recorded before the clock was set back. So what ends
    after a span ends after at most twice as long when a clock is set back once; clocks of several
    servers may differ by less than the span.
    """
    return -span < now - since < span


LONGEST_LOCK = timedelta(days=1)
"""How long an editor may lock a data node at a time."""

LONGEST_CLAIM = timedelta(seconds=120)
"""How long a write by a worker keeps others from its data node when the server ends meanwhile."""


def is_ahead(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether something that was to last for *longest* at most is not over yet.

    An end further ahead than that was recorded before the clock was set back, and counts no more.
    """
    return now < until <= now + longest

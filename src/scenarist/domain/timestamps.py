"""Timestamps: formatting, parsing, and comparisons that tolerate clocks being set back."""

from datetime import UTC, datetime, timedelta, tzinfo


def format_timestamp(moment: datetime) -> str:
    """Format an aware timestamp in UTC (RFC 3339)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_timestamp(text: str, zone: tzinfo) -> datetime:
    """Parse a timestamp or a date in ISO 8601; without a time zone it is in *zone*.

    A date means the start of its day. Where clocks go back, a time that occurs twice is the first
    of the two. Where clocks go forward, a time that does not occur is moved forward by the length
    of the gap (PEP 495).

    Raises:
        ValueError: The text is neither.
        OverflowError: In UTC it is not within the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def is_recent(now: datetime, since: datetime, span: timedelta) -> bool:
    """Whether two times are less than *span* apart, in either order.

    A time further in the future than *span* was recorded before the clock was set back. Setting a
    clock back once therefore at most doubles a period of this length; the clocks of several
    servers may differ by less than the span.
    """
    return -span < now - since < span


MAX_LOCK = timedelta(days=1)
"""How long an editor may lock a data node at a time."""

MAX_WRITE_CLAIM = timedelta(seconds=120)
"""How long a worker's write blocks other writes of its data node if the server dies meanwhile."""


def is_unexpired(until: datetime, now: datetime, longest: timedelta) -> bool:
    """Whether a period of at most *longest* has not ended yet.

    An end further in the future was recorded before the clock was set back, and is ignored.
    """
    return now < until <= now + longest

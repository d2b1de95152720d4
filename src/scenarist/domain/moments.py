"""Timestamps as text: how answers write them, and how requests are read."""

from datetime import UTC, datetime, tzinfo


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

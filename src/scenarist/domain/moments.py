"""Moments in messages, written as answers write them."""

from datetime import UTC, datetime


def as_text(moment: datetime) -> str:
    """Write an aware moment in UTC (RFC 3339)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

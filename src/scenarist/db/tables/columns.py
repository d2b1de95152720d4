"""Column types, and columns that many tables have."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Integer,
    MetaData,
    TypeDecorator,
)
from sqlalchemy import Text as PlainText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class TimestampColumn(TypeDecorator[datetime]):
    """Timestamp with a time zone, stored as microseconds since 1970 in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def result_processor(self, dialect: Any, coltype: Any) -> Any:
        # Instead of `process_result_value`, which would be called by two more functions.
        return _to_timestamp_if_any


def to_timestamp(microseconds: int) -> datetime:
    """Return the timestamp that is stored as a number."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _to_timestamp_if_any(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


class Seconds(TypeDecorator[timedelta]):
    """Duration, stored as seconds."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, dialect: Any) -> float | None:
        return None if value is None else value.total_seconds()

    def process_result_value(self, value: float | None, dialect: Any) -> timedelta | None:
        return None if value is None else timedelta(seconds=value)


# Sorted by code points, whatever the locale of the database.
Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")

# SQLite autoincrements only INTEGER columns.
Count = BigInteger().with_variant(Integer, "sqlite")


def number_column() -> "Column[int]":
    return Column("number", Count, primary_key=True, autoincrement=True)


def id_column() -> "Column[str]":
    return Column("id", Text, nullable=False, unique=True)


def created_at_column() -> "Column[datetime]":
    return Column("created_at", TimestampColumn, nullable=False)


def version_column() -> "Column[str]":
    return Column("version", Text, nullable=False)


def properties_column() -> "Column[Any]":
    return Column("properties", JSON, nullable=False)

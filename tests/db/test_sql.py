"""Queries that go to the driver return what SQLAlchemy returns for the same statements."""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.exc import IntegrityError

from scenarist.db.among import any_of
from scenarist.db.each import execute_many
from scenarist.db.engine import Database
from scenarist.db.sql import Query
from scenarist.db.tables.columns import Seconds, Text, TimestampColumn
from scenarist.domain.errors import UnavailableError
from scenarist.domain.short_reads import MAX_ROWS, LongReadError, run_short_read

samples = Table(
    "samples",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("name", Text),
    Column("is_so", Boolean),
    Column("size", BigInteger),
    Column("made_at", TimestampColumn),
    Column("lasts", Seconds),
    Column("properties", JSON),
    Column("content", LargeBinary),
)
ROWS = st.fixed_dictionaries(
    {
        "name": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        "is_so": st.none() | st.booleans(),
        "size": st.none() | st.integers(-(2**63), 2**63 - 1),
        "made_at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "lasts": st.none() | st.timedeltas(timedelta(0), timedelta(days=9)),
        "properties": st.none() | st.dictionaries(st.sampled_from("ab"), st.integers(0, 9)),
        "content": st.none() | st.binary(max_size=9),
    }
)

NEWER = select(samples).where(samples.c.made_at >= bindparam("since"))
AMONG = select(samples).where(any_of(samples.c.name, "names")).order_by(samples.c.number)
AS_LONG = select(samples.c.number).where(samples.c.lasts == bindparam("lasts"))
IS_SO = samples.c.is_so == bindparam("is_so")
OF_TWO_KINDS = union_all(
    select(literal_column("1").label("kind"), samples.c.name, samples.c.properties),
    select(literal_column("2"), samples.c.name, null()).where(IS_SO),
)
LIMITED = select(samples.c.number, func.coalesce(samples.c.name, "none")).limit(
    bindparam("limit", type_=Integer)
)
NOWHERE = Query(select(literal_column("1")).select_from(text("nowhere")))


@pytest.fixture
def sampled(database: Database) -> Database:
    database.write(samples.metadata.create_all)
    return database


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(rows=st.lists(ROWS, max_size=4))
def test_rows_are_those_of_sqlalchemy(sampled: Database, rows: list[dict[str, Any]]) -> None:
    def store(connection: Connection) -> None:
        connection.execute(delete(samples))
        if rows:
            connection.execute(insert(samples), rows)

    sampled.write(store)
    some = rows[0] if rows else {}
    asked: list[tuple[Any, dict[str, Any]]] = [
        (NEWER, {"since": datetime(2020, 1, 1, tzinfo=UTC)}),
        (AMONG, {"names": [row["name"] for row in rows if row["name"] is not None]}),
        (AS_LONG, {"lasts": some.get("lasts")}),
        (OF_TWO_KINDS, {"is_so": True}),
        (LIMITED, {"limit": 2}),
    ]

    for statement, parameters in asked:
        expected = sampled.reader.execute(statement, parameters).all()
        assert list(Query(statement).fetch(sampled.reader, parameters)) == expected


def test_values_of_a_row_are_its_attributes(sampled: Database) -> None:
    row = {"name": "a", "properties": {"b": 1}}
    sampled.write(lambda connection: connection.execute(insert(samples), row))

    found = Query(select(samples.c.name, samples.c.properties)).fetch_first(sampled.reader)

    assert found is not None
    assert (found.name, found.properties) == ("a", {"b": 1})


def test_there_may_be_no_row(sampled: Database) -> None:
    assert Query(select(samples)).fetch_first(sampled.reader) is None


def test_no_parameter_may_be_missing(sampled: Database) -> None:
    with pytest.raises(KeyError, match="since"):
        Query(NEWER).fetch(sampled.reader)


def test_a_transaction_sees_its_own_changes(sampled: Database) -> None:
    def work(connection: Connection) -> int:
        connection.execute(insert(samples), [{"name": "a"}, {"name": "b"}])
        return len(Query(select(samples)).fetch(connection))

    assert sampled.write(work) == 2


def test_trouble_of_the_database_is_an_error_of_ours(sampled: Database) -> None:
    with pytest.raises(UnavailableError, match="nowhere"):
        NOWHERE.fetch(sampled.reader)


def test_nothing_is_stored_after_trouble_in_a_transaction(sampled: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(insert(samples), {"name": "a"})
        with suppress(UnavailableError):
            NOWHERE.fetch(connection)

    with pytest.raises(UnavailableError, match="nowhere"):
        sampled.write(work)

    assert Query(select(samples)).fetch(sampled.reader) == []


COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {}) SELECT max(i) FROM n"
)


@pytest.mark.parametrize("fresh_url", ["sqlite"], indirect=True)
def test_a_statement_of_a_short_read_is_interrupted_when_it_takes_too_many_steps(
    sampled: Database,
) -> None:
    def read() -> Any:
        return sampled.reader.exec_driver_sql(COUNT.format(10_000_000)).scalar()

    with pytest.raises(LongReadError):
        run_short_read(read)

    assert sampled.reader.exec_driver_sql(COUNT.format(200_000)).scalar() == 200_000


@pytest.mark.parametrize("fresh_url", ["sqlite"], indirect=True)
def test_a_short_read_has_no_more_rows_than_it_may(sampled: Database) -> None:
    many = [{"name": str(number)} for number in range(MAX_ROWS + 1)]
    sampled.write(lambda connection: connection.execute(insert(samples), many))
    everything = Query(select(samples.c.number))

    with pytest.raises(LongReadError):
        run_short_read(lambda: everything.fetch(sampled.reader))

    assert len(everything.fetch(sampled.reader)) == MAX_ROWS + 1


def test_rows_that_are_there_already_are_refused_as_by_sqlalchemy(sampled: Database) -> None:
    rows = [{"number": 1, "name": "a"}, {"number": 1, "name": "b"}]

    with pytest.raises(IntegrityError):
        sampled.write(lambda connection: execute_many(connection, insert(samples), rows))

    assert Query(select(samples)).fetch(sampled.reader) == []


@pytest.mark.parametrize("fresh_url", ["sqlite"], indirect=True)
def test_an_error_that_is_not_about_the_database_is_the_drivers(sampled: Database) -> None:
    query = Query(select(samples.c.number).where(samples.c.number == bindparam("number")))

    with pytest.raises(sqlite3.Error) as caught:
        query.fetch(sampled.reader, {"number": object()})

    assert caught.value.__cause__ is None

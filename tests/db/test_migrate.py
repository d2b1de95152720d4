"""The migrations make the tables that the code expects, and refuse what they do not know."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from builders import Draft
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.db.tables import metadata
from scenarist.domain.errors import UnavailableError
from scenarist.domain.locations import digest_wiring
from scenarist.domain.vocabulary import Scope

# Names of constraints are not asked for: SQLite knows only some of them.
_SQLITE = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    'SELECT t.name, c.name, c.type, c."notnull", c.dflt_value, c.pk'
    " FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'",
    'SELECT t.name, k."from", k."table", k."to", k.on_delete'
    " FROM sqlite_master t, pragma_foreign_key_list(t.name) k WHERE t.type = 'table'",
    'SELECT t.name, i.name, i."unique", i.origin, i.partial'
    " FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table'",
)
_POSTGRESQL = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
    " FROM information_schema.columns WHERE table_schema = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind = 'r'",
)


def schema_of(connection: Connection) -> list[tuple[Any, ...]]:
    """The columns, keys and indexes of all tables; the order in which they were made is no matter.

    A table that a migration has altered has another text than one that was made at once.
    """
    questions = _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL
    return sorted(
        (
            (number, *(re.sub(r"\s+", " ", str(item)) for item in row))
            for number, question in enumerate(questions)
            for row in connection.execute(text(question))
            if not str(row[0]).startswith(("alembic", "sqlite", "pk_alembic"))
        ),
    )


def test_migrations_and_tables_agree(database: Database) -> None:
    migrated = schema_of(database.reader)

    def make_at_once(connection: Connection) -> list[tuple[Any, ...]]:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        return schema_of(connection)

    assert migrated == database.write(make_at_once)


def test_texts_are_in_the_order_of_their_code_points(database: Database) -> None:
    """On PostgreSQL a column has the order of some language, unless it is said."""
    if database.url.get_backend_name() == "sqlite":
        return
    found = database.reader.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'text'"
            " AND collation_name IS DISTINCT FROM 'C'"
        )
    )

    assert found.all() == []


def test_a_current_database_is_left_alone(database: Database) -> None:
    commits, revision = database.commits, migrate.find_revision(database)

    migrate.upgrade(database)

    assert database.commits == commits
    assert migrate.find_revision(database) == revision is not None


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


def test_a_migration_that_fails_changes_nothing(database: Database) -> None:
    def leave_one_in_the_way(connection: Connection) -> None:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("CREATE TABLE jobs (mine INTEGER)"))

    database.write(leave_one_in_the_way)

    with pytest.raises(UnavailableError):
        migrate.upgrade(database)

    assert inspect(database.reader).get_table_names() == ["jobs"]


def test_shared_tasks_of_earlier_versions_are_found_by_what_they_read_and_write(
    database: Database,
) -> None:
    """The migration records it as the code of today does, or each would be made a second time."""
    ends = ([("a", Scope.GLOBAL), ("b", Scope.CYCLE)], [("c", Scope.GLOBAL)])

    def make(connection: Connection) -> str:
        draft = Draft(connection)
        nodes = [draft.node(name) for name in ("a", "b", "c")]
        draft.task("t", "nothing", nodes[:2], nodes[2:])
        for (_, scope), node in zip(ends[0] + ends[1], nodes, strict=True):
            connection.execute(
                text("UPDATE data_nodes SET scope = :scope WHERE id = :id"),
                {"scope": scope, "id": node},
            )
        with Operations.context(MigrationContext.configure(connection)):
            import_module("scenarist.db.migrations.versions.0015_changing")._fill_in_wiring()
        return str(connection.execute(text("SELECT wiring FROM tasks")).scalar_one())

    assert database.write(make) == digest_wiring(*ends)


def test_scenarios_of_earlier_versions_are_searched_by_name_tags_and_identifier(
    database: Database,
) -> None:
    def make(connection: Connection) -> str:
        connection.execute(
            text(
                "INSERT INTO scenarios (id, config_id, name, is_primary, properties, created_at,"
                " version) VALUES ('SCENARIO_A', 'a', 'Größe', false, '{}', 1, 'test')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO scenario_tags (scenario_id, tag, created_at, number)"
                " SELECT id, 'North', created_at, number FROM scenarios"
            )
        )
        import_module("scenarist.db.migrations.versions.0024_searching").fill_in(connection)
        return str(connection.execute(text("SELECT searched_text FROM scenarios")).scalar_one())

    assert database.write(make) == "grösse\nnorth\nscenario_a"

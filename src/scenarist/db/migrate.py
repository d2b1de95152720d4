"""Migration of a database to the tables of this version of Scenarist."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from scenarist.db.engine import Database
from scenarist.db.tables import metadata
from scenarist.domain.errors import UnavailableError


def upgrade(database: Database) -> None:
    """Apply the migrations that a database lacks, all or none; do nothing when it is current.

    Raises:
        UnavailableError: A newer version of Scenarist made the database, or it is not writable.
    """
    with database.connect() as connection:
        now_at = _current(connection)
    scripts = _scripts()
    if now_at == scripts.get_current_head():
        return
    if now_at is not None and now_at not in {
        script.revision for script in scripts.walk_revisions()
    }:
        raise UnavailableError(
            f"{database.name} belongs to a newer version of Scenarist "
            f"(revision {now_at}); install that version, or use another database"
        )
    database.write(lambda connection: _run(connection, scripts))


def find_revision(database: Database) -> str | None:
    """Return the revision of a database; None before the first migration."""
    with database.connect() as connection:
        return _current(connection)


def is_current(database: Database) -> bool:
    """Whether a database has the tables of this version."""
    return find_revision(database) == _scripts().get_current_head()


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _run(connection: Connection, scripts: ScriptDirectory) -> None:
    def steps(revision: object, context: object) -> object:
        return scripts._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(
            connection=connection, target_metadata=metadata, transactional_ddl=False, fn=steps
        )
        environment.run_migrations()

"""Commands for the tables of the database."""

from typing import TYPE_CHECKING

from cyclopts import App

from scenarist.cli.options import (
    DatabaseUrl,
    Options,
    Switch,
    derive_options,
    read_option_settings,
)
from scenarist.server.settings import RETENTION_SETTINGS

group = App(name="db", help="Maintain the database.")

cache = App(name="cache", help="Maintain the cache of outputs.")

if TYPE_CHECKING:
    PruneOptions = Options
else:
    PruneOptions = derive_options("database", "storage", *RETENTION_SETTINGS)

_DEFAULT_PRUNE_OPTIONS = PruneOptions()


@cache.command
def clear(*, database: DatabaseUrl = None) -> None:
    """Forget all outputs that jobs could take from the cache; values stay."""
    from scenarist.server import admin

    cleared = admin.clear_cache(read_option_settings(database=database))
    print(f"Cleared {cleared} outputs from the cache.")


@group.command
def upgrade(*, database: DatabaseUrl = None) -> None:
    """Migrate the database to the tables of this version."""
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    print(f"The database is at revision {admin.upgrade_database(settings)}.")


@group.command
def current(*, database: DatabaseUrl = None) -> None:
    """Print the revision of the database."""
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    print(admin.get_database_revision(settings) or "none")


@group.command
def prune(*, options: PruneOptions = _DEFAULT_PRUNE_OPTIONS, dry_run: Switch = None) -> None:
    """Delete old records, also while a server is running.

    Args:
        dry_run: Only report what would be deleted.
    """
    from scenarist.server import admin

    settings = read_option_settings(options)
    pruned = admin.prune(settings, is_dry_run=bool(dry_run))
    print("Would delete:" if dry_run else "Deleted:")
    for line in (
        f"{pruned.submissions} submissions with {pruned.jobs} jobs",
        f"{pruned.logs} logs",
        f"{pruned.events} transactions of events",
        f"{pruned.audit} rows of the audit",
        f"{pruned.edits} edits with {pruned.files} files",
        f"{pruned.cached} entries of the cache without values",
        f"{pruned.leftovers} files that no record refers to",
    ):
        print(f"  {line}")


@group.command
def shrink(*, database: DatabaseUrl = None) -> None:
    """Return unused space in a SQLite file to the file system; writers wait meanwhile."""
    from scenarist.server import admin

    saved = admin.shrink(read_option_settings(database=database))
    print(f"The database is {saved} bytes smaller.")

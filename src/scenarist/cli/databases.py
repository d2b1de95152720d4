"""Commands for the tables of the database."""

from cyclopts import App

from scenarist.cli.options import Number, Switch, Text, read_option_settings

group = App(name="db", help="Maintain the database.")


@group.command
def upgrade(*, database: Text = None) -> None:
    """Migrate the database to the tables of this version.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    print(f"The database is at revision {admin.upgrade_database(settings)}.")


@group.command
def current(*, database: Text = None) -> None:
    """Print the revision of the database.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    print(admin.get_database_revision(settings) or "none")


@group.command
def prune(  # noqa: PLR0913 - one for each kind
    *,
    database: Text = None,
    storage: Text = None,
    keep_jobs_days: Number = None,
    keep_logs_days: Number = None,
    keep_events_days: Number = None,
    keep_audit_days: Number = None,
    keep_edits: Number = None,
    keep_leftovers_days: Number = None,
    dry_run: Switch = None,
) -> None:
    """Delete old records, also while a server is running.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes [.scenarist/data].
        keep_jobs_days: How many days ended submissions are kept, with their jobs [forever].
        keep_logs_days: How many days the logs of ended jobs are kept [as long as the jobs].
        keep_events_days: How many days events are kept, at most about the last 100,000
            transactions [no limit in days].
        keep_audit_days: How many days the rows of the audit are kept [forever].
        keep_edits: How many of the newest edits of each data node are kept [all].
        keep_leftovers_days: How many days files that no record refers to are kept [forever].
        dry_run: Only report what would be deleted.
    """
    from scenarist.server import admin

    settings = read_option_settings(
        database=database,
        storage=storage,
        keep_jobs_days=keep_jobs_days,
        keep_logs_days=keep_logs_days,
        keep_events_days=keep_events_days,
        keep_audit_days=keep_audit_days,
        keep_edits=keep_edits,
        keep_leftovers_days=keep_leftovers_days,
    )
    pruned = admin.prune(settings, is_dry_run=bool(dry_run))
    print("Would delete:" if dry_run else "Deleted:")
    for line in (
        f"{pruned.submissions} submissions with {pruned.jobs} jobs",
        f"{pruned.logs} logs",
        f"{pruned.events} transactions of events",
        f"{pruned.audit} rows of the audit",
        f"{pruned.edits} edits with {pruned.files} files",
        f"{pruned.leftovers} files that no record refers to",
    ):
        print(f"  {line}")


@group.command
def shrink(*, database: Text = None) -> None:
    """Return unused space in a SQLite file to the file system; writers wait meanwhile.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist.server import admin

    saved = admin.shrink(read_option_settings(database=database))
    print(f"The database is {saved} bytes smaller.")

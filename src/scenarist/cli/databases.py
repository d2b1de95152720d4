"""Commands for the tables of the database."""

from cyclopts import App

from scenarist.cli.options import Number, Switch, Text, settings_of

group = App(name="db", help="Look after the database.")


@group.command
def upgrade(*, database: Text = None) -> None:
    """Bring the database to the tables of this version.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import administration

    settings = settings_of(database=database)
    print(f"The database is at revision {administration.upgrade_database(settings)}.")


@group.command
def current(*, database: Text = None) -> None:
    """Say which revision the database is at.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import administration

    settings = settings_of(database=database)
    print(administration.database_revision(settings) or "none")


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
    """Delete what has ended long ago, beside a server that may be running.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes [.scenarist/data].
        keep_jobs_days: How many days submissions that have ended stay, with their jobs [for ever].
        keep_logs_days: How many days the logs of jobs that have ended stay [as their jobs].
        keep_events_days: How many days events stay [the last 100,000 transactions].
        keep_audit_days: How many days rows of the audit stay [for ever].
        keep_edits: How many edits of each data node stay, the newest ones [all].
        keep_leftovers_days: How many days files that no record points at stay [for ever].
        dry_run: Only say what would go.
    """
    from scenarist import administration

    settings = settings_of(
        database=database,
        storage=storage,
        keep_jobs_days=keep_jobs_days,
        keep_logs_days=keep_logs_days,
        keep_events_days=keep_events_days,
        keep_audit_days=keep_audit_days,
        keep_edits=keep_edits,
        keep_leftovers_days=keep_leftovers_days,
    )
    pruned = administration.prune(settings, is_dry_run=bool(dry_run))
    print("Would delete:" if dry_run else "Deleted:")
    for line in (
        f"{pruned.submissions} submissions with {pruned.jobs} jobs",
        f"{pruned.logs} logs",
        f"{pruned.events} transactions of events",
        f"{pruned.audit} rows of the audit",
        f"{pruned.edits} edits with {pruned.files} files",
        f"{pruned.leftovers} files that no record points at",
    ):
        print(f"  {line}")


@group.command
def shrink(*, database: Text = None) -> None:
    """Give the space that is free within a SQLite file back; whoever writes waits meanwhile.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import administration

    saved = administration.shrink(settings_of(database=database))
    print(f"The database is {saved} bytes smaller.")

"""Commands for the tables of the database."""

from cyclopts import App

from scenarist.cli.options import Text, settings_of

group = App(name="db", help="Look after the database.")


@group.command
def upgrade(*, database: Text = None) -> None:
    """Bring the database to the tables of this version.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import bootstrap

    settings = settings_of(database=database)
    print(f"The database is at revision {bootstrap.upgrade_database(settings)}.")


@group.command
def current(*, database: Text = None) -> None:
    """Say which revision the database is at.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import bootstrap

    settings = settings_of(database=database)
    print(bootstrap.database_revision(settings) or "none")

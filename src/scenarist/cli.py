"""The command line: parses, calls, prints; one line on standard error says what went wrong."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import App, Parameter

from scenarist.domain.errors import ScenaristError

app = App(
    name="scenarist",
    help="An open scenario server: declare scenarios in Python, work with them over REST.",
    version_flags=["--version"],
)
_db = App(name="db", help="Look after the database.")
app.command(_db)

Options = Annotated[str | None, Parameter(show_default=False)]


@app.command
def serve(  # noqa: PLR0913 - one parameter for each option
    application: str,
    /,
    *,
    host: Options = None,
    port: Annotated[int | None, Parameter(show_default=False)] = None,
    database: Options = None,
    storage: Options = None,
    workers: Annotated[int | None, Parameter(show_default=False)] = None,
    time_zone: Options = None,
    log_format: Annotated[Literal["text", "json"] | None, Parameter(show_default=False)] = None,
    webhook_private_addresses: Annotated[
        bool | None, Parameter(show_default=False, negative="")
    ] = None,
) -> None:
    """Serve an application over REST and run its jobs.

    Args:
        application: A module (package.module), a Python file or a TOML file.
        host: The address to listen on [127.0.0.1].
        port: The port to listen on [5000].
        database: Where records are kept, as a URL [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes [.scenarist/data].
        workers: How many jobs run at the same time [the number of cores].
        time_zone: The time zone whose midnights start and end cycles [UTC].
        log_format: How the server logs [text].
        webhook_private_addresses: Whether webhooks may be sent to private addresses [no].
    """
    from scenarist import bootstrap
    from scenarist.config import load_app, resolve
    from scenarist.settings import read_settings

    loaded = load_app(application)
    settings = read_settings(
        {
            "host": host,
            "port": port,
            "database": database,
            "storage": storage,
            "workers": workers,
            "time_zone": time_zone,
            "log_format": log_format,
            "webhook_private_addresses": webhook_private_addresses,
        },
        os.environ,
        resolve({"workers": loaded.registry.jobs.max_nb_of_workers, **loaded.registry.settings}),
    )
    bootstrap.serve(application, loaded, settings)


@app.command
def demo(
    *,
    port: Annotated[int | None, Parameter(show_default=False)] = None,
    database: Options = None,
    storage: Options = None,
) -> None:
    """Serve the example application, create a scenario of it, and print what to try.

    Args:
        port: The port to listen on [5000].
        database: Where records are kept, as a URL [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes [.scenarist/data].
    """
    from scenarist import bootstrap
    from scenarist.settings import read_settings

    settings = read_settings(
        {"port": port, "database": database, "storage": storage}, os.environ, {}
    )
    bootstrap.serve_demo(settings, print)


@app.command
def check(application: str, /) -> None:
    """Find every mistake in an application's configuration, without starting anything.

    Args:
        application: A module (package.module), a Python file or a TOML file.
    """
    from scenarist import bootstrap
    from scenarist.config import load_app

    loaded = load_app(application)
    bootstrap.check(loaded)
    registry = loaded.registry
    print(
        f"{application} can be served: {len(registry.scenarios)} scenario configs, "
        f"{len(registry.tasks)} task configs, {len(registry.data_nodes)} data node configs."
    )


@_db.command
def upgrade(*, database: Options = None) -> None:
    """Bring the database to the tables of this version.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import bootstrap
    from scenarist.settings import read_settings

    settings = read_settings({"database": database}, os.environ, {})
    print(f"The database is at revision {bootstrap.upgrade_database(settings)}.")


@_db.command
def current(*, database: Options = None) -> None:
    """Say which revision the database is at.

    Args:
        database: Its URL [sqlite:///.scenarist/scenarist.db].
    """
    from scenarist import bootstrap
    from scenarist.settings import read_settings

    settings = read_settings({"database": database}, os.environ, {})
    print(bootstrap.database_revision(settings) or "none")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 when the command failed, 2 when it was not understood."""
    try:
        app(list(arguments) if arguments is not None else None)
    except ScenaristError as error:
        print(f"scenarist: {error.message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

"""Commands that serve or check an application."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from scenarist.cli.options import (
    Options,
    Switch,
    Text,
    derive_options,
    find_option_names,
    read_option_settings,
)
from scenarist.domain.errors import InvalidError, ScenaristError
from scenarist.domain.redaction import redact
from scenarist.system.exiting import exit_soon

if TYPE_CHECKING:
    from scenarist.config import Application, ConfigProblem, ConfigRegistry
    from scenarist.server.settings import Settings

    ServerOptions = Options
    OrchestratorOptions = Options
    DemoOptions = Options
else:
    ServerOptions = derive_options(*find_option_names(serves=True))
    OrchestratorOptions = derive_options(*find_option_names(serves=False))
    DemoOptions = derive_options("port", "database", "storage")

_NewFile = Annotated[str | None, Parameter(show_default=False, allow_leading_hyphen=True)]

_DEFAULT_SERVER_OPTIONS = ServerOptions()
_DEFAULT_ORCHESTRATOR_OPTIONS = OrchestratorOptions()
_DEFAULT_DEMO_OPTIONS = DemoOptions()


def serve(
    application: str,
    /,
    *,
    reload: Switch = None,
    options: ServerOptions = _DEFAULT_SERVER_OPTIONS,
) -> None:
    """Serve an application over REST and run its jobs.

    Args:
        application: A module (package.module), a Python file or a TOML file.
        reload: For development: when a file of the application changes, serve it anew. Running jobs
            end with the code that they began with; what cannot be loaded is reported, and the
            server goes on as before.
    """
    if reload:
        sys.exit(_serve_and_reload(application, options))
    loaded, settings = load_with_settings(application, options)
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.serve(loaded, settings)
    exit_soon()


def _serve_and_reload(application: str, options: Options) -> int:
    """Serve an application, each version of its files in a process of its own.

    Returns:
        The exit code.
    """
    with _exempt_from_collection():
        from scenarist.server import composition, reloading

    def start(link: reloading.ReloadLink) -> int:
        try:
            loaded, settings = load_with_settings(application, options)
            reloading.require_local(settings.executor)
            composition.serve(loaded, settings, link=link)
        except ScenaristError as error:
            print(f"scenarist: {redact(error.message)}", file=sys.stderr)
            return 1
        return 0

    def report_refused() -> None:
        message = "the changed application is not served; the server goes on with the code it has"
        print(f"scenarist: {message}", file=sys.stderr, flush=True)

    return reloading.Supervisor(start, on_refused=report_refused).run()


def orchestrate(
    application: str, /, *, options: OrchestratorOptions = _DEFAULT_ORCHESTRATOR_OPTIONS
) -> None:
    """Run the jobs of an application beside other servers of its database, without serving REST.

    Args:
        application: A module (package.module), a Python file or a TOML file.
    """
    loaded, settings = load_with_settings(application, options)
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.orchestrate(loaded, settings)
    exit_soon()


def demo(*, options: DemoOptions = _DEFAULT_DEMO_OPTIONS) -> None:
    """Serve the example application, create a scenario of it, and print what to try."""
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.serve_demo(read_option_settings(options), print)
    exit_soon()


def check(
    application: str,
    /,
    *,
    database: Text = None,
    from_taipy: Switch = None,
    write: _NewFile = None,
    overwrite: Switch = None,
) -> None:
    """Check the configuration of an application and report every error, without starting anything.

    Args:
        application: A module (package.module), a Python file or a TOML file.
        database: Also report how the records in the database at this URL differ from the
            application.
        from_taipy: Instead, report every change that a module or file of Taipy needs.
        write: With --from-taipy, write the module with its import lines changed to this new file;
            - prints it.
        overwrite: With --write, replace the file if it exists.
    """
    if from_taipy:
        from scenarist.cli.taipy_changes import report_changes

        report_changes(application, write=write, may_overwrite=bool(overwrite))
        return
    if write is not None or overwrite:
        raise InvalidError("--write and --overwrite need --from-taipy")
    from scenarist.config import load_app
    from scenarist.server import preflight

    loaded = load_app(application)
    preflight.check_application(loaded, _find_setting_problems(loaded))
    for warning in preflight.find_warnings(loaded):
        print(f"scenarist: warning: {warning}", file=sys.stderr)
    registry = loaded.registry
    if database is not None:
        from scenarist.server import admin

        for difference in admin.find_drift_lines(read_option_settings(database=database), loaded):
            print(f"differs from the database: {redact(difference)}")
    counts = (
        (len(registry.scenarios), "scenario"),
        (len(registry.tasks), "task"),
        (len(registry.data_nodes), "data node"),
    )
    parts = [f"{count} {noun} config{'' if count == 1 else 's'}" for count, noun in counts]
    print(f"{application} can be served: {', '.join(parts)}.")


def _find_setting_problems(loaded: "Application") -> "list[ConfigProblem]":
    """Return the first invalid setting of the application.

    `check_application` itself reports unknown ones.
    """
    from scenarist.config import ConfigProblem
    from scenarist.server.settings import find_unknown_settings

    try:
        _read_application_settings(loaded, _DEFAULT_SERVER_OPTIONS)
    except InvalidError as error:
        if not find_unknown_settings(loaded.registry.settings):
            return [ConfigProblem("SCENARIST", error.message)]
    return []


@contextmanager
def _exempt_from_collection() -> Iterator[None]:
    """Exempt what is imported within the block from garbage collection, now and later.

    Collecting garbage takes a fifth of the time of importing a server.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def load_with_settings(application: str, options: Options) -> "tuple[Application, Settings]":
    """Load an application, and read the settings together with its own."""
    from scenarist.config import load_app

    loaded = load_app(application)
    return loaded, _read_application_settings(loaded, options)


def _read_application_settings(loaded: "Application", options: Options) -> "Settings":
    from scenarist.config import resolve
    from scenarist.server.settings import read_settings

    table = resolve({**_read_section_settings(loaded.registry), **loaded.registry.settings})
    return read_settings(asdict(options), os.environ, table)


def _read_section_settings(registry: "ConfigRegistry") -> dict[str, Any]:
    """Return the settings that documented sections of a configuration file contain."""
    authentication = registry.authentication
    return {
        "workers": registry.jobs.max_nb_of_workers,
        "auth": authentication.protocol,
        "session_seconds": authentication.auth_session_duration,
        "secret_key": authentication.secret_key,
    }

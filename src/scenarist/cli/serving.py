"""Commands that serve or check an application."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from scenarist.cli.options import Number, Switch, Text, read_option_settings
from scenarist.domain.errors import InvalidError
from scenarist.domain.redaction import redact

if TYPE_CHECKING:
    from scenarist.config import Application, ConfigProblem, ConfigRegistry
    from scenarist.server.settings import Settings


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OrchestratorOptions:
    """Settings of a process that runs jobs, except the secret key, which other users could see.

    Args:
        database: The URL of the database for records [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes, or a URL [.scenarist/data].
        workers: How many jobs run at the same time [the number of cores].
        worker_jobs: The number of jobs after which a worker process is replaced [never].
        worker_memory: A worker that holds more memory after a job is replaced [64 MiB of growth].
        executor: What runs jobs [local: processes on this machine].
        executor_address: The address of the Ray or Dask cluster [one on this machine is started].
        grace_seconds: How long a job that is being stopped may take before it is killed [2].
        drain_seconds: How long running jobs may continue when the server stops [5].
        lease_seconds: How long jobs run without a heartbeat before others take them over [15].
        log_format: The format of the server's log [text].
        log_level: The lowest level that the server logs [info].
        job_log_level: The lowest level that jobs log, unless the application sets it [as
            log_level].
        webhook_private_addresses: Whether webhooks may be sent to private addresses [no].
        keep_jobs_days: How many days ended submissions are kept, with their jobs [forever].
        keep_logs_days: How many days the logs of ended jobs are kept [as long as the jobs].
        keep_events_days: How many days events are kept, at most about the last 100,000
            transactions [no limit in days].
        keep_audit_days: How many days the rows of the audit are kept [forever].
        keep_edits: How many of the newest edits of each data node are kept [all].
        keep_leftovers_days: How many days files that no record refers to are kept [forever].
        secret_key_file: The file of secret keys [secret.key next to the database].
    """

    database: Text = None
    storage: Text = None
    workers: Number = None
    worker_jobs: Number = None
    worker_memory: Text = None
    executor: Annotated[Literal["local", "ray", "dask"] | None, Parameter(show_default=False)] = (
        None
    )
    executor_address: Text = None
    grace_seconds: Number = None
    drain_seconds: Number = None
    lease_seconds: Number = None
    log_format: Annotated[Literal["text", "json"] | None, Parameter(show_default=False)] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, Parameter(show_default=False)
    ] = None
    job_log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None, Parameter(show_default=False)
    ] = None
    webhook_private_addresses: Switch = None
    keep_jobs_days: Number = None
    keep_logs_days: Number = None
    keep_events_days: Number = None
    keep_audit_days: Number = None
    keep_edits: Number = None
    keep_leftovers_days: Number = None
    secret_key_file: Text = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ServerOptions(OrchestratorOptions):
    """Settings that only a server has.

    Args:
        host: The address to listen on [127.0.0.1].
        port: The port to listen on [5000].
        value_memory: How much memory a request may use for a value [2GiB].
        value_columns: How many columns a table of a request may have [16384].
        no_orchestrator: Whether other processes run the jobs and send the webhooks [no].
        time_zone: The time zone in which cycles start and end at midnight [UTC].
        access_log: Whether each request is logged [no].
        auth: How users are authenticated [none: authorization is off].
        session_seconds: How many seconds a session lasts after sign-in [28800].
        audit_refusals: How many refusals the audit records per second [10].
        open_metrics: Whether /metrics is accessible without a role [no].
        open_description: Whether /schema is accessible without a role [no].
        trusted_proxies: Proxies trusted to report the client's address, separated by commas [none].
        cors_origins: Origins whose pages may call the server, separated by commas [none].
        hosts: Host names that clients may use for the server, separated by commas [any; without
            authorization, those of loopback].
        insecure: Whether others get access while authorization is off: through addresses other than
            loopback, other users of the machine, and pages of all origins [no].
    """

    host: Text = None
    port: Number = None
    value_memory: Text = None
    value_columns: Number = None
    no_orchestrator: Switch = None
    time_zone: Text = None
    access_log: Switch = None
    auth: Annotated[
        Literal["none", "local", "taipy", "ldap", "oidc"] | None, Parameter(show_default=False)
    ] = None
    session_seconds: Number = None
    audit_refusals: Number = None
    open_metrics: Switch = None
    open_description: Switch = None
    trusted_proxies: Text = None
    cors_origins: Text = None
    hosts: Text = None
    insecure: Switch = None


_DEFAULT_SERVER_OPTIONS = ServerOptions()
_DEFAULT_ORCHESTRATOR_OPTIONS = OrchestratorOptions()


def serve(application: str, /, *, options: ServerOptions = _DEFAULT_SERVER_OPTIONS) -> None:
    """Serve an application over REST and run its jobs.

    Args:
        application: A module (package.module), a Python file or a TOML file.
    """
    loaded, settings = _load(application, options)
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.serve(loaded, settings)


def orchestrate(
    application: str, /, *, options: OrchestratorOptions = _DEFAULT_ORCHESTRATOR_OPTIONS
) -> None:
    """Run the jobs of an application beside other servers of its database, without serving REST.

    Args:
        application: A module (package.module), a Python file or a TOML file.
    """
    loaded, settings = _load(application, options)
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.orchestrate(loaded, settings)


def demo(
    *,
    port: Number = None,
    database: Text = None,
    storage: Text = None,
) -> None:
    """Serve the example application, create a scenario of it, and print what to try.

    Args:
        port: The port to listen on [5000].
        database: The URL of the database for records [sqlite:///.scenarist/scenarist.db].
        storage: The folder for values of data nodes [.scenarist/data].
    """
    with _exempt_from_collection():
        from scenarist.server import composition

    composition.serve_demo(
        read_option_settings(port=port, database=database, storage=storage), print
    )


def check(application: str, /, *, database: Text = None) -> None:
    """Check the configuration of an application and report every error, without starting anything.

    Args:
        application: A module (package.module), a Python file or a TOML file.
        database: Also report how the records in the database at this URL differ from the
            application.
    """
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


def _load(application: str, options: OrchestratorOptions) -> "tuple[Application, Settings]":
    """Load an application, and read the settings together with its own."""
    from scenarist.config import load_app

    loaded = load_app(application)
    return loaded, _read_application_settings(loaded, options)


def _read_application_settings(loaded: "Application", options: OrchestratorOptions) -> "Settings":
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

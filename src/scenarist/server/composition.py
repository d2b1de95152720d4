"""Composition root: builds a server from an application and settings, and runs it."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue

import structlog
from litestar import Litestar
from litestar.concurrency import set_asyncio_executor

from scenarist.api.app import create_app
from scenarist.api.middleware.auth import AuthMiddleware
from scenarist.config import Application, load_app
from scenarist.config.code_files import list_code_files
from scenarist.console import pages as console
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.demo.tour import render_tour
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import DataNodeListFilter, PageRequest, TaskFilter
from scenarist.domain.permissions import ANYONE
from scenarist.executors.base import Executor, OutcomeCallback
from scenarist.identity.encryption import SecretCipher
from scenarist.observability import tracing
from scenarist.observability.logs import configure_logging
from scenarist.observability.metrics import ProcessMetrics
from scenarist.server.auth_setup import (
    build_auth,
    build_auth_middleware,
    get_allowed_hosts,
    open_peer_check,
    require_safe_settings,
)
from scenarist.server.http_server import HttpServer, open_listener
from scenarist.server.paths import (
    log_folder_warnings,
    open_secret_keys,
    prepare_database_file,
    prepare_storage,
)
from scenarist.server.preflight import check_application, find_warnings
from scenarist.server.reloading import ReloadLink
from scenarist.server.runtime import OrchestratorRuntime
from scenarist.server.service_setup import build_services
from scenarist.server.settings import Settings, find_secrets
from scenarist.services.completions import CompletionNotifier
from scenarist.services.container import Services
from scenarist.services.placement import export_secrets
from scenarist.services.scenarios import NewScenario
from scenarist.system.exiting import open_thread_pool

REQUEST_THREADS = 16
"""Threads that run synchronous handlers; each holds one connection for reads."""

_SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter from the event loop, instead of Python's 5 ms. Several
threads that build long lists would hold the loop for as many times this."""

_DEMO = "scenarist.demo.app"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The parts of a running server, for callers that drive it themselves."""

    database: Database
    services: Services
    orchestration: OrchestratorRuntime
    auth: AuthMiddleware
    asgi: Litestar

    def stop_accepting(self) -> None:
        """Let the server stop: end streams and waiting requests, and claim no more jobs.

        Running jobs get their time to end (`drain_seconds`).
        """
        self.services.change_notifier.close()
        self.services.completions.close()
        self.orchestration.drain()


@contextmanager
def open_server(
    application: Application,
    settings: Settings,
    *,
    make_executor: Callable[[OutcomeCallback], Executor] | None = None,
    now: Callable[[], datetime] = _now,
) -> Iterator[Server]:
    """Open the database and build all parts; close everything at the end of the block.

    Args:
        application: An application that has passed `check_application`.
        make_executor: Replaces the pool of worker processes. The orchestrator is then attached
            without a thread, and the caller runs its steps.

    Raises:
        InvalidError: A setting is not valid.
        UnavailableError: The database or the storage folder cannot be used; says why.
    """
    export_secrets(application.registry, find_secrets(settings))
    folder = prepare_storage(settings)
    with ExitStack() as stack:
        database = stack.enter_context(_open_database(settings.database))
        log_folder_warnings(settings, database)
        completions = CompletionNotifier(database)
        orchestration = OrchestratorRuntime(application, settings, database, now=now)
        authorization = build_auth(database, settings, application.registry.authentication, now)
        auth = build_auth_middleware(settings, authorization, database)
        if authorization.refusals is not None:
            stack.callback(authorization.refusals.close)
        services = build_services(
            application, settings, folder, database, orchestration, completions, authorization, now
        )
        if make_executor is None:
            database.listen()
            stack.callback(completions.stop)
            completions.start()
            orchestration.start(stack, authorization.cipher)
        else:
            orchestration.attach(make_executor)
        yield Server(
            database=database,
            services=services,
            orchestration=orchestration,
            auth=auth,
            asgi=create_app(
                services,
                auth,
                ProcessMetrics(
                    database.metrics, orchestration.orchestrator, services.change_notifier
                ),
                zone=settings.zone,
                cors_origins=settings.cors_origins,
                hosts=get_allowed_hosts(settings),
                pages=[console.build_router(settings.auth)],
                # A database that is not a file is reached over the network.
                reads_in_threads=database.file is None,
                has_access_log=settings.access_log,
            ),
        )


def serve(
    application: Application,
    settings: Settings,
    *,
    when_up: Callable[[Server, str], None] | None = None,
    link: ReloadLink | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        link: The connection to the supervisor that replaces this process when its code changes.
        when_up: Called with the parts and the address (``http://host:port``) once the server
            accepts requests.

    Raises:
        InvalidError: A setting or the configuration is not valid.
        UnavailableError: The database, the storage folder or the port cannot be used; says why.
    """
    check_application(application)
    require_safe_settings(settings)
    sys.setswitchinterval(_SWITCH_SECONDS)
    with ExitStack() as stack:
        stack.enter_context(_observe(settings, application))
        address = (settings.host, settings.port)
        listener = stack.enter_context(
            open_listener(*address) if link is None else link.open_listener(address)
        )
        server = stack.enter_context(open_server(application, settings))
        threads = stack.enter_context(open_thread_pool(REQUEST_THREADS, "request"))
        set_asyncio_executor(threads)
        listener.listen(2048)
        host, port = listener.getsockname()[:2]
        url = f"http://{host}:{port}"
        http_server = HttpServer(
            server.asgi,
            stop_accepting=server.stop_accepting,
            on_force_exit=server.orchestration.orchestrator.force_exit,
            count_refusal=server.auth.count_refusal,
            check_peer=open_peer_check(settings, stack),
            trusted_proxies=settings.trusted_proxies,
        )
        # Signals before and after `run` must neither be lost nor prevent the cleanup after it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, http_server.handle_exit)
        structlog.get_logger(__name__).info(
            "serving",
            address=url,
            pid=os.getpid(),
            version=server.orchestration.versions.version,
        )
        if when_up is not None:
            when_up(server, url)
        if link is not None:

            def retire() -> None:
                server.orchestration.orchestrator.retire()
                http_server.retire()

            link.announce(list_code_files(application), on_retire=retire)
        http_server.run(sockets=[listener])


def orchestrate(application: Application, settings: Settings) -> None:
    """Run the jobs of a database, without serving requests, until SIGINT or SIGTERM.

    Raises:
        InvalidError: A setting or the configuration is not valid.
        UnavailableError: The database, the storage or the executor cannot be used; says why.
    """
    if settings.no_orchestrator:
        raise InvalidError(
            "without an orchestrator there is nothing to do; remove the setting no_orchestrator"
        )
    check_application(application)
    export_secrets(application.registry, find_secrets(settings))
    with ExitStack() as stack:
        stack.enter_context(_observe(settings, application))
        prepare_storage(settings)
        database = stack.enter_context(_open_database(settings.database))
        log_folder_warnings(settings, database)
        orchestration = OrchestratorRuntime(application, settings, database, now=_now)
        # Its `put` may interrupt its `get`, in the handler; a `threading` lock would deadlock.
        signals: SimpleQueue[int] = SimpleQueue()
        is_stopping = False

        def handle_exit(number: int, frame: object) -> None:
            nonlocal is_stopping
            if is_stopping:
                orchestration.orchestrator.force_exit()
            is_stopping = True
            signals.put(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle_exit)
        database.listen()
        orchestration.start(stack, SecretCipher(open_secret_keys(settings, database)))
        structlog.get_logger(__name__).info(
            "orchestrating", pid=os.getpid(), version=orchestration.versions.version
        )
        signals.get()
        orchestration.drain()


@contextmanager
def _observe(settings: Settings, application: Application) -> Iterator[None]:
    """Configure logging from the settings, and tracing from the environment.

    Raises:
        InvalidError: The environment names a trace exporter that is not installed.
    """
    tracing.start()
    configure_logging(settings.log_format, settings.log_level)
    for warning in find_warnings(application):
        structlog.get_logger(__name__).warning(warning)
    try:
        yield
    finally:
        tracing.stop()


def serve_demo(settings: Settings, show: Callable[[str], None]) -> None:
    """Serve the example application with a new scenario of it, and print what to try."""

    def when_up(server: Server, address: str) -> None:
        scenario = server.services.scenarios.create(ANYONE, NewScenario(config_id="heating"))
        tasks = server.services.tasks.list_page(
            ANYONE, TaskFilter(scenario_id=(scenario.id,)), PageRequest(limit=100)
        )
        nodes = server.services.data_nodes.list_page(
            ANYONE, DataNodeListFilter(scenario_id=(scenario.id,)), PageRequest(limit=100)
        )
        show(
            render_tour(
                address,
                scenario.id,
                sequence_ids={item.name: item.id for item in scenario.sequences},
                task_ids={item.config_id: item.id for item in tasks.items},
                data_node_ids={item.config_id: item.id for item in nodes.items},
            )
        )

    serve(load_app(_DEMO), settings, when_up=when_up)


@contextmanager
def _open_database(url: str) -> Iterator[Database]:
    with Database(url) as database:
        if database.file is not None:
            prepare_database_file(database.file)
        migrate.upgrade(database)
        yield database

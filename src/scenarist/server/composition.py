"""Composition root: builds a server from an application and settings, and runs it."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue

import structlog
from litestar import Litestar
from litestar.concurrency import set_asyncio_executor

from scenarist.api.app import create_app
from scenarist.api.middleware.auth import Gate
from scenarist.config import Application, load_app, resolve
from scenarist.console import pages as console
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.demo.tour import tour
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import DataNodeFilter, PageRequest, TaskFilter
from scenarist.domain.permissions import ANYONE
from scenarist.executors.base import Deliver, Executor
from scenarist.identity.encryption import Seal
from scenarist.observability import tracing
from scenarist.observability.logs import configure_logging
from scenarist.observability.metrics import ProcessFigures
from scenarist.server.auth_setup import (
    Authorization,
    gate_of,
    host_names,
    open_authorization,
    open_stranger_finder,
    require_safe,
)
from scenarist.server.http_server import Door, open_listener
from scenarist.server.paths import prepare_file, prepare_storage, secret_keys, warn_of_folders
from scenarist.server.preflight import check, warnings_of
from scenarist.server.runtime import Orchestration, limits_of
from scenarist.server.settings import Settings, secrets_of
from scenarist.server.worker_calls import compute_with
from scenarist.services.cancellation import Canceller
from scenarist.services.comparisons import ComparisonService
from scenarist.services.completions import Completions
from scenarist.services.configs import ConfigService
from scenarist.services.container import Services
from scenarist.services.cycles import CycleService
from scenarist.services.data_nodes import DataNodeService
from scenarist.services.edits import EditService
from scenarist.services.event_log import ChangeService, News
from scenarist.services.files import FileService
from scenarist.services.health import HealthService
from scenarist.services.jobs import JobService
from scenarist.services.orchestration import OrchestrationService
from scenarist.services.placement import keep_secrets
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.sequences import SequenceService
from scenarist.services.submissions import SubmissionService
from scenarist.services.subscribers import SubscriberService
from scenarist.services.tasks import TaskService
from scenarist.services.value_writer import Recorder
from scenarist.services.values import ValueService

REQUEST_THREADS = 16
"""Threads that run synchronous handlers; each holds one connection for reads."""

_DEMO = "scenarist.demo.app"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The parts of a running server, for callers that drive it themselves."""

    database: Database
    services: Services
    orchestration: Orchestration
    gate: Gate
    asgi: Litestar

    def hang_up(self) -> None:
        """Let the server stop: end streams and waiting requests, and claim no more jobs.

        Running jobs get their time to end (`drain_seconds`).
        """
        self.services.news.end()
        self.services.completions.end()
        self.orchestration.drain()


@contextmanager
def open_server(
    application: Application,
    settings: Settings,
    *,
    make_executor: Callable[[Deliver], Executor] | None = None,
    now: Callable[[], datetime] = _now,
) -> Iterator[Server]:
    """Open the database and build all parts; close everything at the end of the block.

    Args:
        application: An application that has passed `check`.
        make_executor: Replaces the pool of worker processes. The orchestrator is then attached
            without a thread, and the caller runs its steps.

    Raises:
        InvalidError: A setting is not valid.
        UnavailableError: The database or the storage folder cannot be used; says why.
    """
    keep_secrets(application.registry, secrets_of(settings))
    folder = prepare_storage(settings)
    with ExitStack() as stack:
        database = stack.enter_context(_database(settings.database))
        warn_of_folders(settings, database)
        completions = Completions(database)
        database.on_ring(completions.hear)
        orchestration = Orchestration(
            application, settings, database, announce=completions.announce, now=now
        )
        authorization = open_authorization(
            database, settings, application.registry.authentication, now
        )
        gate = gate_of(settings, authorization, database)
        if authorization.refusals is not None:
            stack.callback(authorization.refusals.close)
        services = _services(
            application, settings, folder, database, orchestration, completions, authorization, now
        )
        if make_executor is None:
            database.listen()
            orchestration.start(stack, authorization.seal)
        else:
            orchestration.attach(make_executor)
        yield Server(
            database=database,
            services=services,
            orchestration=orchestration,
            gate=gate,
            asgi=create_app(
                services,
                gate,
                ProcessFigures(database.figures, orchestration, services.news),
                zone=settings.zone,
                cors_origins=settings.cors_origins,
                hosts=host_names(settings),
                pages=[console.router(settings.auth)],
                # A database that is not a file is reached over the network.
                looks_up_in_threads=database.file is None,
                has_access_log=settings.access_log,
            ),
        )


def serve(
    application: Application,
    settings: Settings,
    *,
    when_up: Callable[[Server, str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        when_up: Called with the parts and the address (``http://host:port``) once the server
            accepts requests.

    Raises:
        InvalidError: A setting or the configuration is not valid.
        UnavailableError: The database, the storage folder or the port cannot be used; says why.
    """
    check(application)
    require_safe(settings)
    with ExitStack() as stack:
        stack.enter_context(_watched(settings, application))
        listener = stack.enter_context(open_listener(settings.host, settings.port))
        server = stack.enter_context(open_server(application, settings))
        threads = stack.enter_context(ThreadPoolExecutor(REQUEST_THREADS, "request"))
        set_asyncio_executor(threads)
        listener.listen(2048)
        host, port = listener.getsockname()[:2]
        address = f"http://{host}:{port}"
        door = Door(
            server.asgi,
            hang_up=server.hang_up,
            hurry=server.orchestration.hurry,
            count_refusal=server.gate.count_refusal,
            find_stranger=open_stranger_finder(settings, stack),
            trusted_proxies=settings.trusted_proxies,
        )
        # Signals before and after `run` must neither be lost nor prevent the cleanup after it.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, door.handle_exit)
        structlog.get_logger(__name__).info("serving", address=address, pid=os.getpid())
        if when_up is not None:
            when_up(server, address)
        door.run(sockets=[listener])


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
    check(application)
    keep_secrets(application.registry, secrets_of(settings))
    with ExitStack() as stack:
        stack.enter_context(_watched(settings, application))
        prepare_storage(settings)
        database = stack.enter_context(_database(settings.database))
        warn_of_folders(settings, database)
        orchestration = Orchestration(
            application, settings, database, announce=lambda ended: None, now=_now
        )
        # Its `put` may interrupt its `get`, in the handler; a `threading` lock would deadlock.
        signals: SimpleQueue[int] = SimpleQueue()
        is_stopping = False

        def handle_exit(number: int, frame: object) -> None:
            nonlocal is_stopping
            if is_stopping:
                orchestration.hurry()
            is_stopping = True
            signals.put(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handle_exit)
        database.listen()
        orchestration.start(stack, Seal(secret_keys(settings, database)))
        structlog.get_logger(__name__).info("orchestrating", pid=os.getpid())
        signals.get()
        orchestration.drain()


@contextmanager
def _watched(settings: Settings, application: Application) -> Iterator[None]:
    """Configure logging from the settings, and tracing from the environment.

    Raises:
        InvalidError: The environment names a trace exporter that is not installed.
    """
    tracing.start()
    configure_logging(settings.log_format, settings.log_level)
    for warning in warnings_of(application):
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
            ANYONE, DataNodeFilter(scenario_id=(scenario.id,)), PageRequest(limit=100)
        )
        show(
            tour(
                address,
                scenario.id,
                sequence_ids={item.name: item.id for item in scenario.sequences},
                task_ids={item.config_id: item.id for item in tasks.items},
                data_node_ids={item.config_id: item.id for item in nodes.items},
            )
        )

    serve(load_app(_DEMO), settings, when_up=when_up)


def _services(  # noqa: PLR0913 - all that services are made of
    application: Application,
    settings: Settings,
    folder: str,
    database: Database,
    orchestration: Orchestration,
    completions: Completions,
    authorization: Authorization,
    now: Callable[[], datetime],
) -> Services:
    registry = application.registry
    canceller = _canceller(database, orchestration, completions, now)
    wake = orchestration.wake
    recorder = Recorder(database, now=now, wake=wake)
    version = resolve(registry.core.version_number or "latest")
    zone, declared = settings.zone, orchestration.declared
    compute = compute_with(lambda: orchestration.asking)
    read = compute_with(lambda: orchestration.reading)
    limits = limits_of(settings)
    return Services(
        configs=ConfigService(registry),
        cycles=CycleService(database, now=now, zone=zone),
        scenarios=ScenarioService(
            database,
            registry,
            folder=folder,
            now=now,
            version=version,
            zone=zone,
            declared=declared,
        ),
        comparisons=ComparisonService(database, registry, compute, folder=folder, now=now),
        sequences=SequenceService(database, now=now, version=version),
        tasks=TaskService(
            database, registry, folder=folder, now=now, version=version, declared=declared
        ),
        data_nodes=DataNodeService(database, registry, folder=folder, now=now, version=version),
        values=ValueService(database, recorder, read, folder=folder, now=now, limits=limits),
        files=FileService(database, recorder, read, folder=folder, now=now, limits=limits),
        limits=limits,
        edits=EditService(database),
        submissions=SubmissionService(
            database, canceller, now=now, wake=wake, version=version, declared=declared
        ),
        jobs=JobService(
            database, canceller, now=now, executor_fault=orchestration.find_executor_fault
        ),
        orchestration=OrchestrationService(database, now=now, wake=wake),
        subscribers=_subscribers(database, settings, authorization, now),
        changes=ChangeService(database),
        news=_news(database),
        completions=completions,
        health=_health(database, orchestration, now),
        signing_in=authorization.signing_in,
        users=authorization.users,
        keys=authorization.keys,
        audit=authorization.audit,
    )


def _canceller(
    database: Database,
    orchestration: Orchestration,
    completions: Completions,
    now: Callable[[], datetime],
) -> Canceller:
    return Canceller(
        database,
        now=now,
        stop=orchestration.cancel,
        wake=orchestration.wake,
        announce=completions.announce,
    )


def _subscribers(
    database: Database,
    settings: Settings,
    authorization: Authorization,
    now: Callable[[], datetime],
) -> SubscriberService:
    return SubscriberService(
        database,
        now=now,
        may_be_private=settings.webhook_private_addresses,
        seal=authorization.seal.close,
    )


def _health(
    database: Database, orchestration: Orchestration, now: Callable[[], datetime]
) -> HealthService:
    return HealthService(
        database,
        now=now,
        is_orchestrating=lambda: orchestration.is_running,
        executor_fault=orchestration.find_executor_fault,
        step_fault=orchestration.find_step_fault,
    )


def _news(database: Database) -> News:
    news = News()
    database.on_commit(news.announce)
    return news


@contextmanager
def _database(url: str) -> Iterator[Database]:
    with Database(url) as database:
        if database.file is not None:
            prepare_file(database.file)
        migrate.upgrade(database)
        yield database

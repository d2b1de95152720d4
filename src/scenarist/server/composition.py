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
from scenarist.console import pages as console
from scenarist.db import migrate
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Topic
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
    AuthComponents,
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
from scenarist.server.runtime import OrchestratorRuntime, read_value_limits
from scenarist.server.settings import Settings, find_secrets
from scenarist.server.versions import VersionMonitor
from scenarist.server.worker_calls import build_compute
from scenarist.services.cancellation import Canceller
from scenarist.services.comparisons import ComparisonService
from scenarist.services.completions import CompletionNotifier
from scenarist.services.configs import ConfigService
from scenarist.services.container import Services
from scenarist.services.cycles import CycleService
from scenarist.services.data_nodes import DataNodeService
from scenarist.services.edits import EditService
from scenarist.services.event_log import ChangeNotifier, EventLogService
from scenarist.services.files import FileService
from scenarist.services.forks import ForkService
from scenarist.services.health import HealthService
from scenarist.services.inputs import InputService
from scenarist.services.jobs import JobService
from scenarist.services.orchestration import OrchestrationService
from scenarist.services.placement import export_secrets
from scenarist.services.plans import PlanService
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.sequences import SequenceService
from scenarist.services.submissions import SubmissionService
from scenarist.services.subscribers import SubscriberService
from scenarist.services.tasks import TaskService
from scenarist.services.value_maker import ValueMaker
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import ValueWriter
from scenarist.services.values import ValueService
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
        services = _build_services(
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
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
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
        listener = stack.enter_context(open_listener(settings.host, settings.port))
        server = stack.enter_context(open_server(application, settings))
        threads = stack.enter_context(open_thread_pool(REQUEST_THREADS, "request"))
        set_asyncio_executor(threads)
        listener.listen(2048)
        host, port = listener.getsockname()[:2]
        address = f"http://{host}:{port}"
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
            address=address,
            pid=os.getpid(),
            version=server.orchestration.versions.version,
        )
        if when_up is not None:
            when_up(server, address)
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


def _build_services(  # noqa: PLR0913 - the dependencies of all services
    application: Application,
    settings: Settings,
    folder: str,
    database: Database,
    orchestration: OrchestratorRuntime,
    completions: CompletionNotifier,
    authorization: AuthComponents,
    now: Callable[[], datetime],
) -> Services:
    registry, orchestrator = application.registry, orchestration.orchestrator
    version, declared, zone = orchestration.versions.version, orchestration.declared, settings.zone
    canceller = Canceller(database, now=now)
    writer = ValueWriter(database, now=now, version=version)
    compute = build_compute(lambda: orchestrator.worker_calls)
    read = build_compute(lambda: orchestration.value_calls)
    limits, schemas = read_value_limits(settings), ValueSchemas(registry.data_nodes)
    maker = ValueMaker(read, folder=folder, now=now, schemas=schemas)
    scenarios = ScenarioService(
        database, registry, folder=folder, now=now, version=version, zone=zone, declared=declared
    )
    forks = ForkService(database, registry, folder, now, version, zone, declared)
    submissions = SubmissionService(
        database, canceller, now=now, version=version, declared=declared
    )
    return Services(
        configs=ConfigService(registry),
        cycles=CycleService(database, now=now, zone=zone),
        scenarios=scenarios,
        forks=forks,
        inputs=InputService(
            database, registry, scenarios, forks, submissions, maker, writer, schemas, limits, now
        ),
        comparisons=ComparisonService(database, registry, compute, folder=folder, now=now),
        sequences=SequenceService(database, now=now, version=version),
        tasks=TaskService(
            database, registry, folder=folder, now=now, version=version, declared=declared
        ),
        data_nodes=DataNodeService(database, registry, folder=folder, now=now, version=version),
        values=ValueService(database, writer, read, schemas, folder=folder, now=now, limits=limits),
        files=FileService(database, writer, read, schemas, folder=folder, now=now, limits=limits),
        limits=limits,
        edits=EditService(database),
        plans=PlanService(database, now=now, declared=declared),
        submissions=submissions,
        jobs=JobService(
            database, canceller, now=now, executor_fault=lambda: orchestrator.executor_fault
        ),
        orchestration=_build_orchestration_service(database, orchestration.versions, now),
        subscribers=_build_subscriber_service(database, settings, authorization, now),
        event_log=EventLogService(database),
        change_notifier=_build_change_notifier(database),
        completions=completions,
        health=_build_health_service(database, orchestration, now),
        sessions=authorization.sessions,
        users=authorization.users,
        keys=authorization.keys,
        audit=authorization.audit,
    )


def _build_subscriber_service(
    database: Database,
    settings: Settings,
    authorization: AuthComponents,
    now: Callable[[], datetime],
) -> SubscriberService:
    return SubscriberService(
        database,
        now=now,
        may_be_private=settings.webhook_private_addresses,
        encrypt=authorization.cipher.encrypt,
    )


def _build_health_service(
    database: Database, orchestration: OrchestratorRuntime, now: Callable[[], datetime]
) -> HealthService:
    orchestrator = orchestration.orchestrator
    return HealthService(
        database,
        now=now,
        is_orchestrating=lambda: orchestrator.is_running,
        executor_fault=lambda: orchestrator.executor_fault,
        step_fault=lambda: orchestrator.step_fault,
        find_other_versions=orchestration.versions.find_others,
    )


def _build_orchestration_service(
    database: Database, versions: VersionMonitor, now: Callable[[], datetime]
) -> OrchestrationService:
    return OrchestrationService(
        database, now=now, version=versions.version, find_other_versions=versions.find_others
    )


def _build_change_notifier(database: Database) -> ChangeNotifier:
    notifier = ChangeNotifier()
    database.subscribe(frozenset({Topic.NEWS}), notifier.on_commit)
    return notifier


@contextmanager
def _open_database(url: str) -> Iterator[Database]:
    with Database(url) as database:
        if database.file is not None:
            prepare_database_file(database.file)
        migrate.upgrade(database)
        yield database

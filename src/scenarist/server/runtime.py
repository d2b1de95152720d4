"""Wires the orchestrator, webhooks and maintenance of a process, or their replacements."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from scenarist.config import Application
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Topic
from scenarist.domain.vocabulary import TABLE_STORAGE_TYPES
from scenarist.executors.base import Executor, OutcomeCallback, WorkerOptions
from scenarist.executors.local.executor import LocalExecutor
from scenarist.executors.registry import open_executor
from scenarist.identity.encryption import SecretCipher
from scenarist.orchestrator.base import AnyOrchestrator, NullOrchestrator
from scenarist.orchestrator.leases import LeaseOptions
from scenarist.orchestrator.loop import Orchestrator
from scenarist.orchestrator.output_flusher import OutputFlusher
from scenarist.orchestrator.process_watch import identify_own_process
from scenarist.server.code_watch import CodeWatch
from scenarist.server.paths import get_storage_location
from scenarist.server.settings import Settings
from scenarist.server.versions import VersionMonitor, find_app_version
from scenarist.server.worker_calls import VALUE_WORKERS, CallWorkers
from scenarist.services.file_watch import FileWatch
from scenarist.services.maintenance import Maintenance
from scenarist.services.outcomes import fill_outcomes
from scenarist.services.reconciliation import reconcile
from scenarist.storage.bounds import ValueLimits
from scenarist.webhooks.dispatcher import Dispatcher
from scenarist.webhooks.election import DispatcherElection
from scenarist.webhooks.sending import Sender


class OrchestratorRuntime:
    """The orchestrator of this process, and what runs beside it.

    Creating it updates the records in the database to the current declarations.
    """

    def __init__(
        self,
        application: Application,
        settings: Settings,
        database: Database,
        *,
        now: Callable[[], datetime],
    ) -> None:
        version = find_app_version(application, settings)
        self.versions = VersionMonitor(database, version, now=now)
        self.code_watch = CodeWatch(application)
        self._application = application
        self._settings = settings
        self._database = database
        self._now = now
        self.declared = reconcile(
            application,
            database,
            folder=get_storage_location(settings),
            now=now,
            version=version,
        )
        fill_outcomes(database, self.declared)
        self._call_workers = CallWorkers(self._open_workers)
        self._value_workers = CallWorkers(self._open_value_workers)
        self.value_calls = self._value_workers.calls
        self._job_runner = None if settings.no_orchestrator else self._make_orchestrator()
        self.orchestrator: AnyOrchestrator = self._job_runner or NullOrchestrator(
            self._call_workers.calls
        )

    def drain(self) -> None:
        """Claim no more jobs, and end calls to workers for requests; running jobs continue."""
        self.orchestrator.drain()
        self.value_calls.stop_accepting()

    def start(self, stack: ExitStack, cipher: SecretCipher) -> None:
        """Run jobs and send webhooks until the stack is closed, unless other processes do.

        Raises:
            InvalidError: The executor is not available here.
            UnavailableError: The database or the executor cannot be used.
        """
        orchestrator, settings = self._job_runner, self._settings
        stack.callback(self._value_workers.close)
        stack.callback(self.versions.stop)
        self.versions.start()
        stack.callback(self.code_watch.stop)
        self.code_watch.start()
        if orchestrator is None:
            stack.callback(self._call_workers.close)
            return
        executor = open_executor(
            settings.executor,
            orchestrator.deliver,
            address=settings.executor_address,
            size=settings.workers,
            options=self._worker_options(),
        )
        stack.callback(orchestrator.stop)
        self._start_output_flusher(stack, executor)
        orchestrator.start(executor)
        self._start_webhooks(stack, cipher)
        self._start_file_watch(stack)
        self._start_maintenance(stack)

    def attach(self, make_executor: Callable[[OutcomeCallback], Executor]) -> None:
        """Attach the orchestrator without a thread: the caller runs its steps."""
        if self._job_runner is not None:
            self.value_calls = self._job_runner.worker_calls
            self._job_runner.attach(make_executor(self._job_runner.deliver))

    def _make_orchestrator(self) -> Orchestrator:
        settings = self._settings
        return Orchestrator(
            self._database,
            folder=get_storage_location(settings),
            now=self._now,
            grace_seconds=settings.grace_seconds,
            drain_seconds=settings.drain_seconds,
            lease_options=LeaseOptions(
                seconds=settings.lease_seconds, process=identify_own_process()
            ),
            declared=self.declared,
        )

    def _open_workers(self, deliver: OutcomeCallback) -> Executor:
        return LocalExecutor(deliver, size=self._settings.workers, options=self._worker_options())

    def _open_value_workers(self, deliver: OutcomeCallback) -> Executor:
        options = replace(self._worker_options(), limits=read_value_limits(self._settings))
        return LocalExecutor(deliver, size=VALUE_WORKERS, options=options)

    def _worker_options(self) -> WorkerOptions:
        return WorkerOptions(
            search_path=self._application.search_path,
            modules=find_worker_modules(self._application),
            max_jobs=self._settings.worker_jobs,
            max_memory=self._settings.worker_bytes,
            log_level=self._settings.job_log_level or self._settings.log_level,
        )

    def _start_output_flusher(self, stack: ExitStack, executor: Executor) -> None:
        flusher = OutputFlusher(self._database, executor.read_output)
        executor.on_output(flusher.wake)
        stack.callback(flusher.stop)
        flusher.start()

    def _start_webhooks(self, stack: ExitStack, cipher: SecretCipher) -> None:
        def make() -> Dispatcher:
            sender = Sender(
                now=self._now,
                may_be_private=self._settings.webhook_private_addresses,
                decrypt=cipher.decrypt,
            )
            return Dispatcher(self._database, sender, now=self._now)

        election = DispatcherElection(self._database.leader_lock("webhooks"), make)
        self._database.subscribe(frozenset({Topic.NEWS}), election.on_commit)
        stack.callback(election.stop)
        election.start()

    def _start_file_watch(self, stack: ExitStack) -> None:
        watch = FileWatch(self._database, now=self._now)
        stack.callback(watch.stop)
        watch.start()

    def _start_maintenance(self, stack: ExitStack) -> None:
        if self._settings.retention.is_unlimited:
            return
        folder = get_storage_location(self._settings)
        maintenance = Maintenance(
            self._database, self._settings.retention, folder=folder, now=self._now
        )
        stack.callback(maintenance.stop)
        maintenance.start()


def read_value_limits(settings: Settings) -> ValueLimits:
    """Return the limits for values in requests from the settings."""
    return ValueLimits(memory=settings.value_bytes, columns=settings.value_columns)


def find_worker_modules(application: Application) -> tuple[str, ...]:
    """Return the modules that jobs need, which workers import before the first job."""
    registry = application.registry
    names = {task.function.partition(":")[0] for task in registry.tasks.values()}
    storage_types = {node.storage_type for node in registry.data_nodes.values()}
    if not storage_types.isdisjoint(TABLE_STORAGE_TYPES):
        names.add("pandas")
    if "excel" in storage_types:
        # It registers names of XML: a worker whose job imported it would have to be replaced.
        names.add("openpyxl")
    return tuple(sorted(names - {""}))

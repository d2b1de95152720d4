"""Wires the orchestrator, webhooks and maintenance of a process, or their replacements."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from scenarist.config import Application
from scenarist.db.engine import Database
from scenarist.domain.redaction import redact
from scenarist.executors.base import Executor, OutcomeCallback, WorkerOptions
from scenarist.executors.local.executor import LocalExecutor
from scenarist.executors.registry import open_executor
from scenarist.identity.encryption import SecretCipher
from scenarist.observability.metrics import OrchestratorMetrics
from scenarist.orchestrator.leases import LeaseOptions
from scenarist.orchestrator.loop import Announce, Orchestrator
from scenarist.orchestrator.output_flusher import OutputFlusher
from scenarist.orchestrator.process_watch import identify_own_process
from scenarist.orchestrator.worker_calls import WorkerCalls
from scenarist.server.paths import get_storage_location
from scenarist.server.settings import Settings
from scenarist.server.worker_calls import VALUE_WORKERS, CallWorkers
from scenarist.services.file_watch import FileWatch
from scenarist.services.maintenance import Maintenance
from scenarist.services.reconciliation import reconcile
from scenarist.storage.bounds import ValueLimits
from scenarist.webhooks.dispatcher import Dispatcher
from scenarist.webhooks.election import DispatcherElection
from scenarist.webhooks.sending import Sender

_NO_METRICS = OrchestratorMetrics()
_TABLES = frozenset({"csv", "excel", "parquet", "sql", "sql_table"})


class OrchestratorRuntime:
    """The orchestrator of this process, or a replacement if other processes run the jobs.

    Creating it updates the records in the database to the current declarations.

    Args:
        announce: Called with the identifiers of entities that have ended.
    """

    def __init__(
        self,
        application: Application,
        settings: Settings,
        database: Database,
        *,
        announce: Announce,
        now: Callable[[], datetime],
    ) -> None:
        self._application = application
        self._settings = settings
        self._database = database
        self._now = now
        self.declared = reconcile(
            application, database, folder=get_storage_location(settings), now=now
        )
        self.orchestrator: Orchestrator | None = None
        self._own_workers: CallWorkers | None = None
        self._readers = CallWorkers(self._open_readers)
        self.reading = self._readers.asking
        if settings.no_orchestrator:
            self._own_workers = CallWorkers(self._open_workers)
            self.asking: WorkerCalls = self._own_workers.asking
        else:
            self.orchestrator = Orchestrator(
                database,
                folder=get_storage_location(settings),
                now=now,
                announce=announce,
                grace_seconds=settings.grace_seconds,
                drain_seconds=settings.drain_seconds,
                terms=LeaseOptions(seconds=settings.lease_seconds, process=identify_own_process()),
                declared=self.declared,
            )
            self.asking = self.orchestrator.asking

    @property
    def is_running(self) -> bool | None:
        """Whether this process claims jobs; None if other processes do."""
        return None if self.orchestrator is None else self.orchestrator.is_running

    def find_executor_fault(self) -> str | None:
        """Return why this process cannot run jobs now; None if it can."""
        fault = None if self.orchestrator is None else self.orchestrator.executor_fault
        return None if fault is None else redact(fault)

    def find_step_fault(self) -> str | None:
        """Return why this process does not record outcomes; None if it does."""
        return None if self.orchestrator is None else self.orchestrator.step_fault

    @property
    def figures(self) -> OrchestratorMetrics:
        """Metrics of the orchestrator of this process."""
        return _NO_METRICS if self.orchestrator is None else self.orchestrator.figures

    @property
    def running(self) -> int:
        return 0 if self.orchestrator is None else self.orchestrator.running

    @property
    def slots(self) -> int:
        return 0 if self.orchestrator is None else self.orchestrator.slots

    def drain(self) -> None:
        """Claim no more jobs, and end calls to workers for requests; running jobs continue."""
        self.asking.hang_up()
        self.reading.hang_up()
        if self.orchestrator is not None:
            self.orchestrator.drain()

    def hurry(self) -> None:
        """Stop waiting for running jobs; safe in a signal handler."""
        if self.orchestrator is not None:
            self.orchestrator.hurry()

    def wake(self) -> None:
        """Look for runnable jobs; other processes are notified by the commit."""
        if self.orchestrator is not None:
            self.orchestrator.wake()

    def cancel(self, numbers: Sequence[int]) -> None:
        """Stop the jobs that run here; other processes are notified by the commit."""
        if self.orchestrator is not None:
            self.orchestrator.cancel(numbers)

    def start(self, stack: ExitStack, seal: SecretCipher) -> None:
        """Run jobs and send webhooks until the stack is closed, unless other processes do.

        Raises:
            InvalidError: The executor is not available here.
            UnavailableError: The database or the executor cannot be used.
        """
        orchestrator, settings = self.orchestrator, self._settings
        stack.callback(self._readers.close)
        if orchestrator is None:
            if self._own_workers is not None:
                stack.callback(self._own_workers.close)
            return
        executor = open_executor(
            settings.executor,
            orchestrator.deliver,
            address=settings.executor_address,
            size=settings.workers,
            terms=self._worker_terms(),
        )
        stack.callback(orchestrator.stop)
        self._keep_outputs(stack, executor)
        self._database.on_ring(orchestrator.hear)
        orchestrator.start(executor)
        self._send_webhooks(stack, seal)
        self._watch_files(stack)
        self._keep_up(stack)

    def attach(self, make_executor: Callable[[OutcomeCallback], Executor]) -> None:
        """Attach the orchestrator without a thread: the caller runs its steps."""
        if self.orchestrator is not None:
            self.reading = self.asking
            self.orchestrator.attach(make_executor(self.orchestrator.deliver))

    def _open_workers(self, deliver: OutcomeCallback) -> Executor:
        return LocalExecutor(deliver, size=self._settings.workers, terms=self._worker_terms())

    def _open_readers(self, deliver: OutcomeCallback) -> Executor:
        terms = replace(self._worker_terms(), limits=read_value_limits(self._settings))
        return LocalExecutor(deliver, size=VALUE_WORKERS, terms=terms)

    def _worker_terms(self) -> WorkerOptions:
        return WorkerOptions(
            search_path=_find_search_path(self._application),
            modules=_find_modules(self._application),
            jobs=self._settings.worker_jobs,
            memory=self._settings.worker_bytes,
            log_level=self._settings.job_log_level or self._settings.log_level,
        )

    def _keep_outputs(self, stack: ExitStack, executor: Executor) -> None:
        keeper = OutputFlusher(self._database, executor.read_output)
        executor.on_output(keeper.note)
        stack.callback(keeper.stop)
        keeper.start()

    def _send_webhooks(self, stack: ExitStack, seal: SecretCipher) -> None:
        def make() -> Dispatcher:
            sender = Sender(
                now=self._now,
                may_be_private=self._settings.webhook_private_addresses,
                unseal=seal.open,
            )
            return Dispatcher(self._database, sender, now=self._now)

        dispatching = DispatcherElection(self._database.turn("webhooks"), make)
        self._database.on_commit(dispatching.wake)
        stack.callback(dispatching.stop)
        dispatching.start()

    def _watch_files(self, stack: ExitStack) -> None:
        watch = FileWatch(self._database, now=self._now, wake=self.wake)
        stack.callback(watch.stop)
        watch.start()

    def _keep_up(self, stack: ExitStack) -> None:
        if self._settings.retention.is_for_ever:
            return
        folder = get_storage_location(self._settings)
        upkeep = Maintenance(self._database, self._settings.retention, folder=folder, now=self._now)
        stack.callback(upkeep.stop)
        upkeep.start()


def read_value_limits(settings: Settings) -> ValueLimits:
    """Return the limits for values in requests from the settings."""
    return ValueLimits(memory=settings.value_bytes, columns=settings.value_columns)


def _find_search_path(application: Application) -> tuple[str, ...]:
    """Return the search path of workers: that of this process, including the current folder."""
    try:
        current = os.getcwd()
    except OSError:  # it has been removed
        return application.search_path
    is_searched = "" in sys.path or current in sys.path
    if not is_searched or current in application.search_path:
        return application.search_path
    return (*application.search_path, current)


def _find_modules(application: Application) -> tuple[str, ...]:
    """Return the modules that jobs need, which workers import before the first job."""
    registry = application.registry
    names = {task.function.partition(":")[0] for task in registry.tasks.values()}
    if any(node.storage_type in _TABLES for node in registry.data_nodes.values()):
        names.add("pandas")
    return tuple(sorted(names - {""}))

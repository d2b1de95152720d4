"""What a server sees of its orchestrator, and the one of a server that leaves jobs to others."""

from typing import Protocol

from scenarist.observability.metrics import OrchestratorMetrics
from scenarist.orchestrator.worker_calls import WorkerCalls


class AnyOrchestrator(Protocol):
    """Orchestrator of a process: `Orchestrator` runs jobs, `NullOrchestrator` does not."""

    @property
    def is_running(self) -> bool | None:
        """Whether it claims jobs; None if it leaves them to other processes."""

    @property
    def running(self) -> int:
        """How many attempts the executor has."""

    @property
    def slots(self) -> int:
        """How many jobs the executor can run at the same time now."""

    @property
    def metrics(self) -> OrchestratorMetrics: ...

    @property
    def worker_calls(self) -> WorkerCalls:
        """Calls of functions in the workers of this process."""

    @property
    def executor_fault(self) -> str | None:
        """Why no job can run at the moment; None if jobs can run. Contains no secrets."""

    @property
    def step_fault(self) -> str | None:
        """Why outcomes are not recorded and jobs are not claimed; None if steps succeed."""

    def drain(self) -> None:
        """Claim no more jobs and accept no more worker calls; running jobs continue."""

    def retire(self) -> None:
        """Claim no more jobs, since another process does; running jobs may take their time."""

    def force_exit(self) -> None:
        """Wait no longer for running jobs; safe to call in a signal handler."""


class NullOrchestrator:
    """Orchestrator of a server that leaves the jobs to other processes.

    Args:
        worker_calls: Calls of functions in worker processes that run no jobs.
    """

    is_running = None
    running = 0
    slots = 0
    executor_fault = None
    step_fault = None

    def __init__(self, worker_calls: WorkerCalls) -> None:
        self.worker_calls = worker_calls
        self.metrics = OrchestratorMetrics()

    def drain(self) -> None:
        self.worker_calls.stop_accepting()

    def retire(self) -> None:
        """Do nothing: no job is claimed here."""

    def force_exit(self) -> None:
        """Do nothing: no job is running here."""

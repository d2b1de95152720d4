"""The orchestrator of a server that leaves the jobs to other processes."""

import pytest

from scenarist.domain.errors import UnavailableError
from scenarist.executors.base import JobRequest
from scenarist.executors.inline import InlineExecutor
from scenarist.observability.metrics import OrchestratorMetrics
from scenarist.orchestrator.base import AnyOrchestrator, NullOrchestrator
from scenarist.orchestrator.worker_calls import WorkerCalls


def test_it_runs_no_jobs_and_has_no_faults() -> None:
    orchestrator: AnyOrchestrator = NullOrchestrator(WorkerCalls(lambda: None))

    assert orchestrator.is_running is None
    assert (orchestrator.running, orchestrator.slots) == (0, 0)
    assert (orchestrator.executor_fault, orchestrator.step_fault) == (None, None)
    assert isinstance(orchestrator.metrics, OrchestratorMetrics)


def test_it_accepts_calls_of_workers_until_it_drains() -> None:
    calls = WorkerCalls(lambda: executor)
    executor = InlineExecutor(calls.deliver)
    orchestrator: AnyOrchestrator = NullOrchestrator(calls)
    request = JobRequest(number=0, attempt=1, function="builtins:int")
    call = orchestrator.worker_calls.submit(request)

    orchestrator.drain()
    orchestrator.force_exit()

    assert call.outcome.done()
    with pytest.raises(UnavailableError, match="no worker is available"):
        orchestrator.worker_calls.submit(request)

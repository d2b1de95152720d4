"""Runs functions in worker processes for requests: in those of jobs, or in separate ones."""

import threading
from collections.abc import Callable

from scenarist.domain.errors import UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import Executor, JobRequest, OutcomeCallback
from scenarist.observability import tracing
from scenarist.orchestrator.worker_calls import WorkerCalls
from scenarist.services.worker_calls import (
    CALL_TIMEOUT_SECONDS,
    CallInWorker,
    CallResult,
    FunctionCall,
)

VALUE_WORKERS = 2
"""Worker processes that only read and write values for requests, which thus never wait for jobs."""


class CallWorkers:
    """Worker processes that run no jobs, only calls of requests; the first call starts them."""

    def __init__(self, open_executor: Callable[[OutcomeCallback], Executor]) -> None:
        self._open_executor = open_executor
        self._lock = threading.Lock()
        self._executor: Executor | None = None
        self.calls = WorkerCalls(self._get_executor)

    def close(self) -> None:
        self.calls.stop_accepting()
        with self._lock:
            if self._executor is not None:
                self._executor.close()

    def _get_executor(self) -> Executor:
        with self._lock:
            if self._executor is None:
                self._executor = self._open_executor(self.calls.deliver)
            return self._executor


def build_compute(get_calls: Callable[[], WorkerCalls]) -> CallInWorker:
    """Return a function that runs calls in the available workers."""

    def compute(call: FunctionCall) -> CallResult:
        pending = get_calls().submit(
            JobRequest(
                number=0,
                attempt=1,
                function=call.function,
                inputs=call.inputs,
                outputs=call.outputs,
                timeout_seconds=CALL_TIMEOUT_SECONDS,
                traceparent=tracing.get_traceparent(),
            )
        )
        try:
            outcome = pending.outcome.result(CALL_TIMEOUT_SECONDS)
        except TimeoutError:
            pending.cancel()
            raise UnavailableError(
                f"no worker completed this within {CALL_TIMEOUT_SECONDS:g} s; try again later"
            ) from None
        return CallResult(
            written=outcome.written,
            reason=outcome.reason,
            is_successful=outcome.event is JobEvent.SUCCEEDED,
            is_lost=outcome.event is JobEvent.WORKER_LOST,
        )

    return compute

"""Registry of executors: opens one by its name."""

from scenarist.domain.vocabulary import ExecutorName
from scenarist.executors.base import Executor, OutcomeCallback, WorkerOptions
from scenarist.executors.cluster.executor import ClusterExecutor
from scenarist.executors.local.executor import LocalExecutor


def open_executor(
    name: ExecutorName,
    deliver: OutcomeCallback,
    *,
    address: str | None,
    size: int,
    options: WorkerOptions,
) -> Executor:
    """Start an executor.

    Args:
        address: The address of the cluster; if None, a cluster on this machine is started.
        size: How many jobs run at the same time; ignored for a cluster with an address.
        options: Settings of the worker processes.

    Raises:
        InvalidError: The library of the engine is not installed.
        UnavailableError: The cluster cannot be used; the message says why.
    """
    if name == "local":
        return LocalExecutor(deliver, size=size, options=options)
    return ClusterExecutor(deliver, engine=name, address=address, size=size, options=options)

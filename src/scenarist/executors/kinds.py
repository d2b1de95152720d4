"""The executors by name."""

from typing import Literal

from scenarist.executors.base import Deliver, Executor, WorkerTerms
from scenarist.executors.clusters import ClusterExecutor
from scenarist.executors.local import LocalExecutor


def open_executor(
    name: Literal["local", "ray", "dask"],
    deliver: Deliver,
    *,
    address: str | None,
    size: int,
    terms: WorkerTerms,
) -> Executor:
    """Start what runs jobs.

    Args:
        address: Where the cluster is; without one, a cluster of this machine is started.
        size: How many jobs run at the same time, unless it is a cluster with an address.
        terms: What workers are made of, and how long each is kept.

    Raises:
        InvalidError: The library that it needs is not installed.
        UnavailableError: The cluster cannot be used; says why.
    """
    if name == "local":
        return LocalExecutor(deliver, size=size, terms=terms)
    return ClusterExecutor(deliver, engine=name, address=address, size=size, terms=terms)

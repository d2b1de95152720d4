"""The executors by name."""

from collections.abc import Sequence
from typing import Literal

from scenarist.executors.base import Deliver, Executor
from scenarist.executors.clusters import ClusterExecutor
from scenarist.executors.local import LocalExecutor


def open_executor(
    name: Literal["local", "ray", "dask"],
    deliver: Deliver,
    *,
    address: str | None,
    size: int,
    search_path: Sequence[str],
    log_level: str,
) -> Executor:
    """Start what runs jobs.

    Args:
        address: Where the cluster is; without one, a cluster of this machine is started.
        size: How many jobs run at the same time, unless it is a cluster with an address.
        search_path: Folders that workers put first on their module search path.
        log_level: What jobs log at least, where their application sets no level itself.

    Raises:
        InvalidError: The library that it needs is not installed.
        UnavailableError: The cluster cannot be used; says why.
    """
    if name == "local":
        return LocalExecutor(deliver, size=size, search_path=search_path, log_level=log_level)
    return ClusterExecutor(
        deliver,
        engine=name,
        address=address,
        size=size,
        search_path=search_path,
        log_level=log_level,
    )

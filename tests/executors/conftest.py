"""Clusters of Ray and Dask, each started once for all tests of a session that need it."""

from collections.abc import Iterator

import pytest

from executors.desks import TERMS, Relay
from scenarist.executors.cluster.executor import ClusterExecutor
from scenarist.executors.messages import EngineName


@pytest.fixture(scope="session")
def dask_relay() -> Iterator[Relay]:
    yield from _opened("dask")


@pytest.fixture(scope="session")
def ray_relay(ray_environment: None) -> Iterator[Relay]:
    yield from _opened("ray")


def _opened(engine: EngineName) -> Iterator[Relay]:
    relay = Relay()
    relay.executor = ClusterExecutor(relay.deliver, engine=engine, size=2, options=TERMS)
    yield relay
    relay.executor.close()

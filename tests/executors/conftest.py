"""Clusters of Ray and Dask, each started once for all tests of a session that need it."""

import shutil
import tempfile
from collections.abc import Iterator

import pytest

from executors.desks import TESTS, Relay
from scenarist.executors.clusters import ClusterExecutor
from scenarist.executors.messages import EngineName


@pytest.fixture(scope="session")
def ray_environment() -> Iterator[None]:
    """Keep what Ray writes out of the home folder, and its ports on the loopback address."""
    # Not a folder of pytest: the names of Ray's sockets would become too long.
    folder = tempfile.mkdtemp(prefix="ray-")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", "only-for-the-tests-of-this-machine")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dask_relay() -> Iterator[Relay]:
    yield from _opened("dask")


@pytest.fixture(scope="session")
def ray_relay(ray_environment: None) -> Iterator[Relay]:
    yield from _opened("ray")


def _opened(engine: EngineName) -> Iterator[Relay]:
    relay = Relay()
    relay.executor = ClusterExecutor(relay.deliver, engine=engine, size=2, search_path=[TESTS])
    yield relay
    relay.executor.close()

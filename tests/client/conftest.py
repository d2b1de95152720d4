from collections.abc import Iterator

import pytest

from client.unsteady_proxy import UnsteadyProxy
from scenarist import Client, schemas
from servers import StartedServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """One started server for all tests of this room; each makes scenarios of its own."""
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def client(server: StartedServer) -> Iterator[Client]:
    with Client(server.address) as opened:
        yield opened


@pytest.fixture
def scenario(client: Client) -> schemas.Scenario:
    """A new scenario of two tasks in a row."""
    return client.scenarios.create("chain")


@pytest.fixture
def proxy(server: StartedServer) -> Iterator[UnsteadyProxy]:
    with UnsteadyProxy(server.address) as started:
        yield started


@pytest.fixture
def through(proxy: UnsteadyProxy) -> Iterator[Client]:
    """A client whose connections a test may break."""
    with Client(proxy.address) as opened:
        yield opened

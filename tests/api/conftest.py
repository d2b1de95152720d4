from collections.abc import Iterator
from typing import Any

import pytest

from servers import StartedServer


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """One started server for all tests of this room; each makes scenarios of its own."""
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def chain(server: StartedServer) -> dict[str, Any]:
    """A new scenario of two tasks in a row."""
    return server.create("chain")

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


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """A started server with data nodes of every kind of storage, which has made its database."""
    folder = tmp_path_factory.mktemp("shelves")
    made = f"sqlite:///{folder}/scenarist.db"
    with StartedServer(folder, app="shelf.py", database=made) as started:
        yield started


@pytest.fixture
def shelf(shelves: StartedServer) -> dict[str, str]:
    """New data nodes of that server by config, none of them written yet."""
    nodes: dict[str, str] = shelves.create("shelf")["node_of"]
    return nodes

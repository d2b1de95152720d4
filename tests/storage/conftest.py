"""Servers of others, started once for all tests of the room that need them."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from external_servers import MongoServer, ObjectStore
from postgres_server import PostgresServer


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    if importlib.util.find_spec("secantus") is None:
        pytest.skip("SecantusDB, which speaks MongoDB's protocol, has no wheel for this platform")
    folder = str(tmp_path_factory.mktemp("mongo"))
    with MongoServer(folder, "--enable-test-commands") as server:
        yield server


@pytest.fixture
def machines(mongo_server: MongoServer) -> Iterator[dict[str, Any]]:
    """The properties of a data node whose collection does not exist yet."""
    yield mongo_server.properties("machines")
    with mongo_server.database() as database:
        for name in database.list_collection_names():
            database.drop_collection(name)


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.stop()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server whose database is empty."""
    yield postgres_server
    postgres_server.clear()

"""Servers of others, started once for all tests of the room that need them."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from external_servers import MongoServer, ObjectStore
from postgres_server import PostgresServer
from storage.homes import BucketHome, FolderHome, Home


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


@pytest.fixture(params=["folder", "s3"])
def home(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Home]:
    """Where the system puts files: a folder and a bucket in turn."""
    if request.param == "folder":
        yield FolderHome(tmp_path)
        return
    store: ObjectStore = request.getfixturevalue("object_store")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    yield BucketHome(store, tmp_path.name)


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A server whose database is empty."""
    yield postgres_server
    postgres_server.clear()

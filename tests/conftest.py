"""Fixtures that many rooms share: the clock, and a fresh database of each kind."""

import gc
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

import empty_databases
from browsers import started_browser
from builders import Clock
from external_servers import ObjectStore
from postgres_server import PostgresServer
from scenarist.db import migrate
from scenarist.db.engine import Database

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A change is judged by the same examples each time, and never by how long one takes;
# HYPOTHESIS_PROFILE=searching tries new ones.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.register_profile("searching", print_blob=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

# A fifth of the processor time of a run went into looking for garbage among thousands of tests.
gc.set_threshold(50_000, 20, 20)

# Started in the background of a script, the tests and all they start would ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FreshUrl = Callable[[], AbstractContextManager[str]]

_TEMPLATE = "migrated"
_numbers = itertools.count()


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One for the tests of a module: while there is one, its thread has an event loop that runs.

    So nothing else in that thread can run one, nor drive a second browser.
    """
    with started_browser() as started:
        yield started


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def empty_sqlite() -> Path:
    """A migrated database file, to be copied."""
    return empty_databases.migrated_file()


@pytest.fixture(scope="session")
def empty_postgres(postgres_server: PostgresServer) -> PostgresServer:
    """A server with a migrated database, to be copied."""
    postgres_server.run(f"CREATE DATABASE {_TEMPLATE}")
    with Database(postgres_server.url(_TEMPLATE)) as database:
        migrate.upgrade(database)
    return postgres_server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FreshUrl:
    """Make migrated databases, of one kind in turn; each is there for the length of a block."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("databases")
        return lambda: _new_sqlite(folder)
    server: PostgresServer = request.getfixturevalue("empty_postgres")
    return lambda: _postgres_like(server, _TEMPLATE)


@contextmanager
def _new_sqlite(folder: Path) -> Iterator[str]:
    file = folder / f"scenarist{next(_numbers)}.db"
    empty_databases.copy_to(file)
    yield f"sqlite:///{file}"
    for left in folder.glob(f"{file.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def _postgres_like(server: PostgresServer, template: str) -> Iterator[str]:
    name = f"scenarist_{next(_numbers)}"
    # Copied file by file, not page by page through the log: half the work.
    server.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield server.url(name)
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(fresh_url: FreshUrl) -> Iterator[str]:
    """The URL of a migrated database of the test's own: one of each kind in turn."""
    with fresh_url() as url:
        yield url


@pytest.fixture
def postgres_url(empty_postgres: PostgresServer) -> Iterator[str]:
    with _postgres_like(empty_postgres, _TEMPLATE) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(database_url) as opened:
        yield opened


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

"""Fixtures that many rooms share: the clock and a fresh database."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from builders import Clock
from scenarist.db import migrate
from scenarist.db.engine import Database

# A change is judged by the same examples each time; HYPOTHESIS_PROFILE=searching tries new ones.
hypothesis.settings.register_profile("steady", derandomize=True)
hypothesis.settings.register_profile("searching", print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "empty.db"
    with Database(f"sqlite:///{file}") as database:
        migrate.upgrade(database)
    return file


@pytest.fixture
def database(empty_database: Path, tmp_path: Path) -> Iterator[Database]:
    file = tmp_path / "scenarist.db"
    shutil.copy(empty_database, file)
    with Database(f"sqlite:///{file}") as opened:
        yield opened

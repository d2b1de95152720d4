from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import Clock
from orchestrator.world import World
from scenarist.db.engine import Database
from webhooks.post import Post
from webhooks.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture
def post(database: Database, clock: Clock, tmp_path: Path) -> Post:
    return Post(World(database, clock, tmp_path / "data"), clock)

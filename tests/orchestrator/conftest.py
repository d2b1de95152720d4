from pathlib import Path

import pytest

from builders import Clock
from orchestrator.world import World
from scenarist.db.engine import Database


@pytest.fixture
def world(database: Database, clock: Clock, tmp_path: Path) -> World:
    return World(database, clock, tmp_path / "data")

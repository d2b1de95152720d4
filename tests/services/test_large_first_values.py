"""First values that are too large for a row are written before the transaction, not within it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import fsspec  # type: ignore[import-untyped]
import pytest
from sqlalchemy import func, select, text

from builders import Clock
from scenarist.config import ConfigRegistry
from scenarist.db.engine import Database
from scenarist.db.tables import data_nodes, edits
from scenarist.domain.errors import UnavailableError
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import Scope
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.storage.base import INLINE_LIMIT
from servers import PATIENCE_SECONDS
from silent_server import SilentServer

LARGE = ["z" * INLINE_LIMIT]


def _scenarios(database: Database, clock: Clock, folder: str) -> ScenarioService:
    registry = ConfigRegistry()
    registry.configure_scenario(
        "plan",
        additional_data_nodes=[
            registry.configure_json_data_node("own", default_data=LARGE),
            registry.configure_json_data_node("of_all", default_data=LARGE, scope=Scope.GLOBAL),
            registry.configure_json_data_node("small", default_data=1),
        ],
    )
    return ScenarioService(
        database, registry, folder=folder, now=clock, version="test", zone=ZoneInfo("UTC")
    )


def test_each_is_written_once_and_recorded(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    scenarios = _scenarios(database, clock, str(tmp_path))

    for _ in range(2):
        scenarios.create(ANYONE, NewScenario(config_id="plan"))

    uris = database.reader.execute(select(edits.c.uri)).scalars().all()
    recorded = sorted(uri for uri in uris if uri is not None)
    assert len(uris) == 5
    assert recorded == sorted(str(path) for path in tmp_path.rglob("*.json"))
    assert len(recorded) == 3


def test_a_scenario_that_cannot_be_made_leaves_no_file(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    scenarios = _scenarios(database, clock, str(tmp_path))
    database.write(lambda connection: connection.execute(text("ALTER TABLE events RENAME TO gone")))

    with pytest.raises(UnavailableError):
        scenarios.create(ANYONE, NewScenario(config_id="plan"))

    assert list(tmp_path.rglob("*.json")) == []


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentServer]:
    with SilentServer() as server:
        monkeypatch.setitem(fsspec.config.conf, "s3", server.s3_settings)
        yield server


def test_others_write_while_the_storage_says_nothing(
    database: Database, clock: Clock, silent: SilentServer
) -> None:
    scenarios = _scenarios(database, clock, "s3://bucket/folder")
    with ThreadPoolExecutor() as threads:
        made = threads.submit(scenarios.create, ANYONE, NewScenario(config_id="plan"))
        assert silent.is_asked.wait(PATIENCE_SECONDS)

        database.write(lambda connection: None)
        is_waiting = not made.done()
        silent.close()

        with pytest.raises(UnavailableError):
            made.result(PATIENCE_SECONDS)

    assert is_waiting
    assert database.reader.execute(select(func.count(data_nodes.c.id))).scalar_one() == 0

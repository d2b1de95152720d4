"""A process that is killed while it forks or deletes a scenario loses no shared value."""

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.config import ConfigRegistry
from scenarist.db.engine import Database
from scenarist.domain.listings import PageRequest, ScenarioFilter
from scenarist.domain.permissions import ANYONE
from scenarist.services import scenarios as scenario_module
from scenarist.services.forks import ForkService, NewFork
from scenarist.services.scenarios import NewScenario, ScenarioService

ALL = PageRequest(limit=100)
LARGE = "x" * 100_000

_context = multiprocessing.get_context("forkserver")


def die(*arguments: object, **named: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


class Office:
    """Services of a process on a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        registry = ConfigRegistry()
        node = registry.configure_json_data_node("node", default_data=LARGE)
        registry.configure_scenario("one", additional_data_node_configs=[node])
        now, zone = Clock(), ZoneInfo("UTC")
        self.database, self.folder = database, folder
        self.scenarios = ScenarioService(
            database, registry, folder=str(folder), now=now, version="test", zone=zone
        )
        self.forks = ForkService(
            database, registry, folder=str(folder), now=now, version="test", zone=zone
        )

    def ids(self) -> list[str]:
        page = self.scenarios.list_page(ANYONE, ScenarioFilter(), ALL)
        return [scenario.id for scenario in page.items]

    def files(self) -> list[str]:
        return [path.name for path in self.folder.rglob("*") if path.is_file()]


def act_and_die(action: str, point: str, url: str, folder: Path) -> None:
    with Database(url) as database:
        office = Office(database, folder)
        if point == "before the commit":
            database._dialect.commit = die  # type: ignore[method-assign]
        elif action == "delete":
            scenario_module.remove_files = die  # type: ignore[attr-defined]
        else:
            database._notify = die  # type: ignore[method-assign]
        first = office.ids()[0]
        if action == "fork":
            office.forks.fork(ANYONE, first, NewFork())
        else:
            office.scenarios.delete(ANYONE, first)


@pytest.mark.parametrize(
    ("action", "point", "left"),
    [
        ("fork", "before the commit", 2),
        ("fork", "after the commit", 3),
        ("delete", "before the commit", 2),
        ("delete", "after the commit", 1),
    ],
)
def test_a_kill_while_scenarios_share_bytes_leaves_each_of_them_whole(
    database_url: str, tmp_path: Path, action: str, point: str, left: int
) -> None:
    with Database(database_url) as database:
        office = Office(database, tmp_path)
        source = office.scenarios.create(ANYONE, NewScenario(config_id="one"))
        office.forks.fork(ANYONE, source.id, NewFork())
    killed = _context.Process(target=act_and_die, args=(action, point, database_url, tmp_path))
    killed.start()
    killed.join()

    with Database(database_url) as database:
        office = Office(database, tmp_path)
        files = [office.files()]
        ids = office.ids()
        for scenario_id in ids:
            files.append(office.files())
            office.scenarios.delete(ANYONE, scenario_id)
        last = office.files()

    assert killed.exitcode == -signal.SIGKILL
    assert len(ids) == left
    assert [len(names) for names in files] == [1] * (left + 1)
    assert last == []

"""Upgrades that are killed at each point: all of it, or nothing, and the next one completes it."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from scenarist.config import ConfigRegistry
from scenarist.db import event_log
from scenarist.db import upgrades as upgrade_rows
from scenarist.db.engine import Database
from scenarist.db.tables import metadata
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.upgrades import ScenarioUpgrade
from scenarist.services import factory
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.upgrades import UpgradeService

pytestmark = pytest.mark.e2e

EDDA = Actor("edda", frozenset({Role.EDITOR}), origin=Origin("::1", "upgradeScenario"))
_context = multiprocessing.get_context("forkserver")


def declare(*, is_changed: bool) -> ConfigRegistry:
    """Declare a task; in the changed version with another input, which has a large first value."""
    registry = ConfigRegistry()
    left = registry.configure_data_node("left", default_data=1)
    gone = registry.configure_data_node("gone", default_data=2)
    bulky = registry.configure_json_data_node("bulky", default_data="x" * 100_000)
    total = registry.configure_data_node("total")
    inputs = [left, bulky] if is_changed else [left, gone]
    task = registry.configure_task("mix", "pipelines:mix", inputs, total)
    registry.configure_scenario("plan", task, sequences={"all": [task]} if is_changed else {})
    return registry


def create(database: Database, folder: Path) -> str:
    return (
        ScenarioService(
            database,
            declare(is_changed=False),
            folder=str(folder),
            now=lambda: datetime.now(UTC),
            version="1",
            zone=ZoneInfo("UTC"),
        )
        .create(EDDA, NewScenario(config_id="plan"))
        .id
    )


def upgrade(database: Database, folder: Path, scenario_id: str) -> ScenarioUpgrade:
    service = UpgradeService(
        database,
        declare(is_changed=True),
        folder=str(folder),
        now=lambda: datetime.now(UTC),
        version="2",
    )
    return service.upgrade(EDDA, scenario_id)[1]


def die(*arguments: object, **named: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def upgrade_and_die(point: str, url: str, folder: Path, scenario_id: str) -> None:
    """Upgrade in this process, and kill the process at a point of it."""
    with Database(url) as database:
        if point == "after the values":
            write = vars(factory)["write_value"]

            def write_and_die(*arguments: Any) -> Any:
                written = write(*arguments)
                return die() if written.uri is not None else written

            vars(factory)["write_value"] = write_and_die
        elif point == "within the transaction":
            upgrade_rows.replace_structure = die
        elif point == "after the last statement":
            event_log.add = die
        elif point == "before the commit":
            database._dialect.commit = die  # type: ignore[method-assign]
        upgrade(database, folder, scenario_id)
        die()


def dump(database: Database) -> dict[str, list[str]]:
    return {
        name: sorted(map(repr, database.reader.execute(select(table))))
        for name, table in metadata.tables.items()
    }


@pytest.mark.parametrize(
    ("point", "is_upgraded"),
    [
        ("after the values", False),
        ("within the transaction", False),
        ("after the last statement", False),
        ("before the commit", False),
        ("after the commit", True),
    ],
)
def test_a_killed_upgrade_has_changed_all_or_nothing_and_is_completed_by_the_next(
    tmp_path: Path, database_url: str, point: str, is_upgraded: bool
) -> None:
    with Database(database_url) as database:
        scenario_id = create(database, tmp_path)
        before = dump(database)
    arguments = (point, database_url, tmp_path, scenario_id)
    killed = _context.Process(target=upgrade_and_die, args=arguments)
    killed.start()
    killed.join()

    with Database(database_url) as database:
        left = dump(database)
        made = upgrade(database, tmp_path, scenario_id)
        again = upgrade(database, tmp_path, scenario_id)

    assert killed.exitcode == -signal.SIGKILL
    assert (left == before) is not is_upgraded
    changes = [(str(change.action), change.name) for change in made.changes]
    assert changes == (
        []
        if is_upgraded
        else [
            ("CREATED", "bulky"),
            ("DETACHED", "gone"),
            ("REPLACED", "mix"),
            ("CREATED", "all"),
        ]
    )
    assert again.changes == []

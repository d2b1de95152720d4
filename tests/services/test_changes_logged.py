"""Every change of scenarios, sequences and cycles is logged, in the transaction that makes it."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.config import ConfigRegistry
from scenarist.db import event_log
from scenarist.db.engine import Database
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ConflictError
from scenarist.domain.permissions import Actor, ActorRef, Role
from scenarist.domain.vocabulary import ChangeType, EntityKind, Frequency, Scope
from scenarist.services.cycles import CycleService, NewCycle
from scenarist.services.scenarios import NewScenario, ScenarioChange, ScenarioService
from scenarist.services.sequences import SequenceChange, SequenceService

INES = Actor("ines", frozenset({Role.EDITOR}))
ZONE = ZoneInfo("Europe/Berlin")


class Log:
    """Services over one database, and what was logged since it was last asked."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self.database = database
        self.scenarios = ScenarioService(
            database, configs(), folder=str(folder), now=clock, version="test", zone=ZONE
        )
        self.sequences = SequenceService(database, now=clock, version="test")
        self.cycles = CycleService(database, now=clock, zone=ZONE)
        self._next = 1

    def create(self) -> Scenario:
        return self.scenarios.create(INES, NewScenario(config_id="plan"))

    def news(self) -> list[tuple[ChangeType, EntityKind, str]]:
        """Return what changed since the last time; all of it by one actor."""
        found = []
        for number, _, changes in event_log.read(self.database.reader, first=self._next, limit=100):
            self._next = number + 1
            assert {change.actor for change in changes} == {ActorRef("ines", "ines")}
            found += [(change.change, change.kind, change.id) for change in changes]
        return found


def configs() -> ConfigRegistry:
    registry = ConfigRegistry()
    shared = registry.configure_data_node("shared", scope=Scope.GLOBAL)
    own = registry.configure_data_node("own", default_data=1)
    task = registry.configure_task("task", "pipelines:increment", shared, own)
    registry.configure_scenario(
        "plan", [task], frequency=Frequency.DAILY, sequences={"all": [task]}
    )
    return registry


@pytest.fixture
def log(database: Database, clock: Clock, tmp_path: Path) -> Log:
    return Log(database, clock, tmp_path)


def test_a_creation_names_all_that_was_made_and_nothing_that_was_there(log: Log) -> None:
    first = log.create()
    news_of_first = log.news()

    second = log.create()

    created = {(kind, identifier) for _, kind, identifier in news_of_first}
    assert {change for change, _, _ in news_of_first} == {ChangeType.CREATED}
    assert created == {
        (EntityKind.CYCLE, first.cycle_id),
        (EntityKind.SCENARIO, first.id),
        (EntityKind.SEQUENCE, first.sequences[0].id),
        (EntityKind.TASK, first.task_ids[0]),
        *((EntityKind.DATA_NODE, node_id) for node_id in first.data_node_ids),
    }
    assert len(news_of_first) == len(created)
    assert {kind for _, kind, _ in log.news()} == {
        EntityKind.SCENARIO,
        EntityKind.SEQUENCE,
        EntityKind.TASK,
        EntityKind.DATA_NODE,
    }
    assert second.cycle_id == first.cycle_id


def test_a_change_is_an_update_and_what_changes_nothing_is_none(log: Log) -> None:
    scenario = log.create()
    log.news()

    log.scenarios.change(INES, scenario.id, ScenarioChange(name="a name", tags=["a tag"]))
    log.scenarios.change(INES, scenario.id, ScenarioChange(name="a name", tags=["a tag"]))
    log.sequences.change(INES, scenario.sequences[0].id, SequenceChange(task_ids=[]))
    log.sequences.change(INES, scenario.sequences[0].id, SequenceChange(name="all"))
    log.scenarios.promote(INES, scenario.id)

    assert log.news() == [
        (ChangeType.UPDATED, EntityKind.SCENARIO, scenario.id),
        (ChangeType.UPDATED, EntityKind.SEQUENCE, scenario.sequences[0].id),
    ]


def test_a_promotion_updates_both(log: Log) -> None:
    former, chosen = log.create(), log.create()
    log.news()

    log.scenarios.promote(INES, chosen.id)

    assert log.news() == [
        (ChangeType.UPDATED, EntityKind.SCENARIO, former.id),
        (ChangeType.UPDATED, EntityKind.SCENARIO, chosen.id),
    ]


def test_a_rename_ends_one_identifier_and_makes_another(log: Log) -> None:
    former = log.create().sequences[0].id
    log.news()

    renamed = log.sequences.change(INES, former, SequenceChange(name="new"))

    assert log.news() == [
        (ChangeType.DELETED, EntityKind.SEQUENCE, former),
        (ChangeType.CREATED, EntityKind.SEQUENCE, renamed.id),
    ]


def test_a_deletion_names_all_that_went(log: Log) -> None:
    scenario = log.create()
    sequence = log.sequences.create(INES, scenario.id, "extra", [])
    made = log.news()

    log.sequences.delete(INES, sequence.id)
    log.scenarios.delete(INES, scenario.id, dry_run=True)
    gone = log.scenarios.delete(INES, scenario.id)

    first, *others = log.news()
    shared = next(item for item in scenario.data_node_ids if item.startswith("DATANODE_shared"))
    assert first == (ChangeType.DELETED, EntityKind.SEQUENCE, sequence.id)
    assert {(ChangeType.CREATED, kind, identifier) for _, kind, identifier in others} == {
        item for item in made if item[2] not in {sequence.id, shared}
    }
    assert gone.cycles == (scenario.cycle_id,)


def test_a_cycle_is_logged_when_it_is_made_and_not_when_it_was_there(log: Log) -> None:
    cycle, is_new = log.cycles.create(INES, NewCycle(frequency=Frequency.YEARLY))
    again, is_new_again = log.cycles.create(INES, NewCycle(frequency=Frequency.YEARLY))
    log.cycles.delete(INES, cycle.id)

    assert (is_new, is_new_again, again) == (True, False, cycle)
    assert log.news() == [
        (ChangeType.CREATED, EntityKind.CYCLE, cycle.id),
        (ChangeType.DELETED, EntityKind.CYCLE, cycle.id),
    ]


def test_what_is_refused_is_not_logged(log: Log) -> None:
    scenario = log.create()
    log.create()
    log.news()

    with pytest.raises(ConflictError, match="promote one of them first"):
        log.scenarios.delete(INES, scenario.id)
    with pytest.raises(ConflictError, match="already has a sequence named 'all'"):
        log.sequences.create(INES, scenario.id, "all", [])

    assert log.news() == []

"""How the records of a database differ from an application: what check and each start tell."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from builders import NOON
from scenarist.config import Application, ConfigRegistry
from scenarist.db.engine import Database
from scenarist.db.tables import data_nodes
from scenarist.domain.errors import NotFoundError, UnavailableError
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import ANYONE, Actor, Role
from scenarist.executors.inline import InlineExecutor
from scenarist.server import admin, composition
from scenarist.server.settings import Settings
from scenarist.services.declarations import load_declared
from scenarist.services.drift import DriftService
from scenarist.services.reconciliation import reconcile
from scenarist.services.scenarios import NewScenario


def application(**changes: Any) -> Application:
    """Return an application of one task; what is given is declared otherwise."""
    registry = ConfigRegistry()
    path = changes.get("path", "in.json")
    node = registry.configure_json_data_node("x", default_path=path, scope=changes.get("scope"))
    more = [registry.configure_json_data_node("more")] if changes.get("more") else []
    if not changes.get("is_empty"):
        task = registry.configure_task("t", "pipelines:mix", [node, *more])
        table = registry.configure_sql_table_data_node(
            "table",
            db_name="d",
            db_engine="postgresql",
            table_name="t",
            db_username="u",
            db_password=changes.get("password", "one secret"),
        )
        registry.configure_scenario("s", [task], [table])
    return Application(registry, ())


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings(database=database_url, storage=str(tmp_path / "data"))


@pytest.fixture
def scenario(settings: Settings) -> str:
    with composition.open_server(application(), settings, make_executor=InlineExecutor) as server:
        return server.services.scenarios.create(ANYONE, NewScenario(config_id="s")).id


def test_nothing_differs_from_the_application_that_made_the_records(
    settings: Settings, scenario: str
) -> None:
    assert admin.find_drift_lines(settings, application()) == []


def test_another_password_is_no_difference_and_needs_no_environment(
    settings: Settings, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCENARIST_DATANODE_table_db_password")

    assert admin.find_drift_lines(settings, application(password="another")) == []


def test_a_place_that_changed_is_told_until_a_server_has_started(
    settings: Settings, scenario: str
) -> None:
    changed = application(path="other.json")
    before = admin.find_drift_lines(settings, changed)
    with composition.open_server(changed, settings, make_executor=InlineExecutor):
        pass

    assert before == ["1 data node of 'x': default_path 'in.json' -> 'other.json'"]
    assert admin.find_drift_lines(settings, changed) == []


def test_a_start_that_moves_no_data_node_takes_no_turn_from_other_writers(
    settings: Settings, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a write")

    with Database(str(settings.database)) as database:
        monkeypatch.setattr(Database, "write", refuse)
        declared = reconcile(
            application(more=True), database, folder="data", now=lambda: NOON, version="2"
        )

    assert declared.tasks["t"].inputs == ("x", "more")


def test_a_task_of_other_ends_and_a_scope_are_told(settings: Settings, scenario: str) -> None:
    assert admin.find_drift_lines(settings, application(more=True, scope="GLOBAL")) == [
        "1 data node of 'x': existing ones keep the scope SCENARIO, new ones get the scope GLOBAL; "
        "upgrade the scenarios",
        f"1 task (such as {scenario}) cannot be run: task 't' was created as (x) -> (), but the "
        "application now declares it as (x, more) -> (); upgrade the scenario, or restore the "
        "declaration",
    ]


def test_what_is_gone_is_told(settings: Settings, scenario: str) -> None:
    task, of_config = admin.find_drift_lines(settings, application(is_empty=True))

    assert "the application no longer declares the task 't'" in task
    assert "1 scenario cannot be submitted: the application no longer declares the" in of_config


def test_parts_that_scenarios_lack_or_no_longer_need_are_told_until_they_are_upgraded(
    settings: Settings, scenario: str
) -> None:
    changed = application()
    registry = changed.registry
    more = registry.configure_task("u", "pipelines:mix", registry.data_nodes["x"])
    registry.configure_scenario("s", [more], [], sequences={"all": [more]})
    told = admin.find_drift_lines(settings, changed)

    with composition.open_server(changed, settings, make_executor=InlineExecutor) as server:
        _, before = server.services.drift.list_differences(ANYONE)
        server.services.upgrades.upgrade(Actor("edda", frozenset({Role.EDITOR})), scenario)
        _, after = server.services.drift.list_differences(ANYONE)

    assert told == [
        "scenarios of 's' differ from the config: 1 has no task 'u', 1 has the task 't', which is "
        "no longer declared, 1 has the data node 'table', which is no longer declared, 1 has no "
        "sequence 'all'; upgrade them: scenarist scenario upgrade --all-of s"
    ]
    assert [(item.message, item.scenario_config_ids) for item in before] == [(told[0], ("s",))]
    assert list(after) == []


def test_a_task_that_an_upgrade_has_replaced_is_told_no_longer(
    settings: Settings, scenario: str
) -> None:
    changed = application(more=True)
    with composition.open_server(changed, settings, make_executor=InlineExecutor) as server:
        server.services.upgrades.upgrade(Actor("edda", frozenset({Role.EDITOR})), scenario)

    assert admin.find_drift_lines(settings, changed) == []


def test_a_comparison_of_many_records_is_used_for_a_while(settings: Settings) -> None:
    class SlowClock:
        """Each look takes a second."""

        at = NOON

        def __call__(self) -> datetime:
            self.at += timedelta(seconds=1)
            return self.at

    now = SlowClock()
    registry = application().registry
    with Database(settings.database) as database:
        declared = load_declared(Application(registry, ()))
        drift = DriftService(database, registry, now=now, declared=declared)
        first, _ = drift.list_differences(ANYONE)
        again, _ = drift.list_differences(ANYONE)
        now.at += timedelta(seconds=10)
        later, _ = drift.list_differences(ANYONE)

    assert first == again < later


def test_a_database_that_is_not_there_or_of_another_version_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none.db"
    settings = Settings(database=f"sqlite:///{file}")
    with pytest.raises(NotFoundError, match="there is no database"):
        admin.find_drift_lines(settings, application())
    file.touch()

    with pytest.raises(UnavailableError, match="scenarist db upgrade first"):
        admin.find_drift_lines(settings, application())


def test_a_secret_that_older_versions_recorded_in_clear_becomes_a_reference_without_a_move(
    settings: Settings, scenario: str
) -> None:
    with Database(settings.database) as database:
        database.write(
            lambda connection: connection.execute(
                update(data_nodes)
                .where(data_nodes.c.config_id == "table")
                .values(
                    properties={**recorded_properties(connection), "db_password": "one secret"},
                    declaration="that of an older version",
                )
            )
        )
    before = admin.find_drift_lines(settings, application())

    with composition.open_server(application(), settings, make_executor=InlineExecutor) as server:
        (node,) = server.services.data_nodes.list_page(
            ANYONE, DataNodeListFilter(config_id=("table",)), PageRequest(limit=10)
        ).items
        edits = server.services.edits.list_page(ANYONE, node.id, PageRequest(limit=10)).items

    assert before == []
    assert node.properties["db_password"] == "ENV[SCENARIST_DATANODE_table_db_password]"
    assert [edit.kept_as for edit in edits] == [None]  # the one that it was made with


def recorded_properties(connection: Connection) -> dict[str, Any]:
    found: dict[str, Any] = connection.execute(
        select(data_nodes.c.properties).where(data_nodes.c.config_id == "table")
    ).scalar_one()
    return found


def test_a_sequence_of_other_tasks_is_told_until_it_is_upgraded(
    settings: Settings, scenario: str
) -> None:
    def declare(order: int) -> Application:
        changed = application()
        registry = changed.registry
        tasks = [
            registry.configure_task(name, "pipelines:mix", registry.data_nodes["x"])
            for name in ("t", "u")
        ]
        registry.configure_scenario("s", tasks, sequences={"all": tasks[::order]})
        return changed

    with composition.open_server(declare(1), settings, make_executor=InlineExecutor) as server:
        server.services.upgrades.upgrade(Actor("edda", frozenset({Role.EDITOR})), scenario)

    assert admin.find_drift_lines(settings, declare(1)) == []
    assert admin.find_drift_lines(settings, declare(-1)) == [
        "scenarios of 's' differ from the config: 1 has other tasks in the sequence 'all'; upgrade "
        "them: scenarist scenario upgrade --all-of s"
    ]


def test_a_shared_task_that_no_scenario_has_any_more_is_to_be_deleted(
    settings: Settings, scenario: str
) -> None:
    shared = application(scope="GLOBAL")
    changed = application(scope="GLOBAL", more=True)
    with composition.open_server(shared, settings, make_executor=InlineExecutor) as server:
        server.services.upgrades.upgrade(Actor("edda", frozenset({Role.EDITOR})), scenario)
    with composition.open_server(changed, settings, make_executor=InlineExecutor) as server:
        server.services.upgrades.upgrade(Actor("edda", frozenset({Role.EDITOR})), scenario)

    assert admin.find_drift_lines(settings, changed) == [
        "1 task of no scenario cannot be run: task 't' was created as (x) -> (), but the "
        "application now declares it as (x, more) -> (); delete it, or restore the declaration"
    ]

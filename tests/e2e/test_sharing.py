"""A process that is killed while scenarios share bytes, or take them from the cache, loses none."""

import itertools
import multiprocessing
import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.db.engine import Database
from scenarist.domain.entities import Submission
from scenarist.domain.listings import (
    DataNodeListFilter,
    PageRequest,
    ScenarioFilter,
    SubmissionFilter,
)
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services import scenarios as scenario_module
from scenarist.services.forks import ForkService, NewFork
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.submit_requests import SubmitOptions

ALL = PageRequest(limit=100)
LARGE = "x" * 100_000

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["scenarist.server.composition", "scenarist.executors.inline"])


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


def cached_application() -> Application:
    registry = ConfigRegistry()
    start = registry.configure_json_data_node("start", default_data=LARGE)
    end = registry.configure_json_data_node("end")
    task = registry.configure_task("lengthen", "pipelines:lengthen", start, end, cache=True)
    registry.configure_scenario("one", [task])
    return Application(registry=registry, search_path=())


def open_cached(url: str, folder: Path) -> AbstractContextManager[Server]:
    return composition.open_server(
        cached_application(),
        Settings(database=url, storage=str(folder)),
        make_executor=InlineExecutor,
    )


def run_one(server: Server) -> Submission:
    services = server.services
    scenario = services.scenarios.create(ANYONE, NewScenario(config_id="one"))
    submission = services.submissions.submit(
        ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions()
    )
    step_all(server)
    return submission


def step_all(server: Server) -> None:
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


def run_and_die(number: int, *, is_before: bool, url: str, folder: Path) -> None:
    """Submit a scenario, and die around a commit of the steps that follow."""
    with open_cached(url, folder) as server:
        orchestrator = server.orchestration.orchestrator
        assert isinstance(orchestrator, Orchestrator)
        step, database = orchestrator.step, server.database
        name = "commit" if is_before else "_notify"
        owner: Any = database._dialect if is_before else database
        then, count = getattr(owner, name), itertools.count(1)

        def die_at_last(*arguments: Any) -> Any:
            return die() if next(count) == number else then(*arguments)

        def step_with_death() -> bool:
            setattr(owner, name, die_at_last)
            return step()

        orchestrator.step = step_with_death  # type: ignore[method-assign,assignment]
        run_one(server)


@pytest.mark.parametrize(
    ("is_in_cache", "number", "is_before"),
    [(False, 1, False), (False, 2, True), (False, 2, False), (True, 1, True), (True, 1, False)],
)
def test_a_kill_while_outputs_go_into_the_cache_or_come_from_it_costs_nothing(
    database_url: str, tmp_path: Path, number: int, *, is_in_cache: bool, is_before: bool
) -> None:
    if is_in_cache:
        with open_cached(database_url, tmp_path) as server:
            run_one(server)
    how = {"is_before": is_before, "url": database_url, "folder": tmp_path}
    killed = _context.Process(target=run_and_die, args=(number,), kwargs=how)
    killed.start()
    killed.join()

    with open_cached(database_url, tmp_path) as server:
        orchestrator = server.orchestration.orchestrator
        assert isinstance(orchestrator, Orchestrator)
        orchestrator.recover()
        step_all(server)
        last = run_one(server)
        services = server.services
        ended = [
            services.submissions.get(ANYONE, item.id).status
            for item in services.submissions.list_page(ANYONE, SubmissionFilter(), ALL).items
        ]
        (job_id,) = last.job_ids
        job = services.jobs.get(ANYONE, job_id)
        values = [
            services.values.read(ANYONE, node.id).show().text
            for node in services.data_nodes.list_page(
                ANYONE, DataNodeListFilter(config_id=("end",)), ALL
            ).items
        ]

    assert killed.exitcode == -signal.SIGKILL
    assert ended == [SubmissionStatus.COMPLETED] * (3 if is_in_cache else 2)
    assert job.status is JobStatus.SKIPPED
    assert len(set(values)) == 1

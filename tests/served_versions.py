"""Versions of an application that are served over one database in turn, and what clients do."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scenarist.config import Application, ConfigRegistry
from scenarist.domain.entities import Scenario
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.upgrades import ScenarioUpgrade
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions

INES = Actor(
    "ines", frozenset({Role.EDITOR, Role.EXECUTOR}), origin=Origin("::1", "upgradeScenario")
)
ALL = PageRequest(limit=1000)
Declare = Callable[[ConfigRegistry], object]


@dataclass
class Lab:
    """One database, and the versions of an application that are served over it in turn."""

    settings: Settings

    @contextmanager
    def serve(self, declare: Declare) -> Iterator[Server]:
        registry = ConfigRegistry()
        declare(registry)
        application = Application(registry=registry, search_path=())
        with composition.open_server(
            application, self.settings, make_executor=InlineExecutor
        ) as server:
            yield server

    def make(self, declare: Declare, *, config_id: str = "plan", run: bool = False) -> Scenario:
        with self.serve(declare) as server:
            made = server.services.scenarios.create(INES, NewScenario(config_id=config_id))
            if run:
                submit(server, made)
        return made


def run_jobs(server: Server) -> None:
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass


def submit(server: Server, scenario: Scenario) -> dict[str, JobStatus]:
    """Submit a scenario, run its jobs, and return their statuses by task config."""
    submission = server.services.submissions.submit(
        INES, EntityType.SCENARIO, scenario.id, SubmitOptions()
    )
    run_jobs(server)
    jobs = [server.services.jobs.get(INES, job_id) for job_id in submission.job_ids]
    return {job.task_id.split("_")[1]: job.status for job in jobs}


def upgrade(server: Server, scenario: Scenario, **options: Any) -> ScenarioUpgrade:
    return server.services.upgrades.upgrade(INES, scenario.id, **options)[1]


def get(server: Server, scenario: Scenario) -> Scenario:
    return server.services.scenarios.get(INES, scenario.id).scenario


def nodes_of(server: Server, scenario: Scenario) -> dict[str, str]:
    listed = server.services.data_nodes.list_page(
        INES, DataNodeListFilter(scenario_id=(scenario.id,)), ALL
    )
    return {node.config_id: node.id for node in listed.items}


def value_of(server: Server, data_node_id: str) -> Any:
    return json.loads(server.services.values.read(INES, data_node_id).show().text)

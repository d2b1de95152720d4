"""Who may not: every use case asks for its permission before it does anything else."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import FreshUrl
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.errors import DeniedError
from scenarist.domain.permissions import Actor, Permission, Role
from scenarist.domain.vocabulary import EntityType
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.container import Services
from statements import noted

NEEDS = {
    "drift.list_differences": Permission.READ,
    "configs.get_scenario": Permission.READ,
    "configs.list_scenarios": Permission.READ,
    "inputs.change": Permission.EDIT,
    "inputs.create_scenario": Permission.EDIT,
    "inputs.list_inputs": Permission.READ,
    "inputs.plan": Permission.READ,
    "inputs.submit": Permission.EXECUTE,
    "cycles.create": Permission.EDIT,
    "cycles.delete": Permission.EDIT,
    "cycles.get": Permission.READ,
    "cycles.list_page": Permission.READ,
    "comparisons.compare": Permission.EXECUTE,
    "side_by_side.compare": Permission.READ,
    "scenarios.change": Permission.EDIT,
    "scenarios.create": Permission.EDIT,
    "scenarios.create_with_eligibility": Permission.EDIT,
    "scenarios.delete": Permission.EDIT,
    "scenarios.get": Permission.READ,
    "scenarios.list_page": Permission.READ,
    "scenarios.promote": Permission.EDIT,
    "scenario_lists.list_page": Permission.READ,
    "sequences.change": Permission.EDIT,
    "sequences.create": Permission.EDIT,
    "sequences.delete": Permission.EDIT,
    "sequences.get": Permission.READ,
    "sequences.list_page": Permission.READ,
    "tasks.create": Permission.EDIT,
    "tasks.delete": Permission.EDIT,
    "jobs.cancel": Permission.EXECUTE,
    "jobs.delete": Permission.EDIT,
    "submissions.cancel": Permission.EXECUTE,
    "submissions.pause": Permission.EXECUTE,
    "submissions.resume": Permission.EXECUTE,
    "orchestration.get": Permission.READ,
    "orchestration.get_versions": Permission.READ,
    "orchestration.list_changed_files": Permission.READ,
    "orchestration.pause": Permission.OPERATE,
    "orchestration.resume": Permission.OPERATE,
    "submissions.delete": Permission.EDIT,
    "tasks.get": Permission.READ,
    "tasks.list_page": Permission.READ,
    "data_nodes.create": Permission.EDIT,
    "data_nodes.delete": Permission.EDIT,
    "data_nodes.get": Permission.READ,
    "data_nodes.list_page": Permission.READ,
    "data_nodes.lock": Permission.EDIT,
    "data_nodes.unlock": Permission.EDIT,
    "values.append": Permission.EDIT,
    "values.read": Permission.READ,
    "values.write": Permission.EDIT,
    "files.download": Permission.READ,
    "files.upload": Permission.EDIT,
    "edits.get": Permission.READ,
    "edits.list_page": Permission.READ,
    "subscribers.create": Permission.EDIT,
    "subscribers.delete": Permission.EDIT,
    "subscribers.get": Permission.READ,
    "subscribers.list_all": Permission.READ,
    "event_log.find_start": Permission.READ,
    "plans.plan": Permission.READ,
    "upgrades.upgrade": Permission.EDIT,
    "forks.fork": Permission.EDIT,
    "inputs.fork_scenario": Permission.EDIT,
    "submissions.get": Permission.READ,
    "submissions.list_page": Permission.READ,
    "submissions.submit": Permission.EXECUTE,
    "submissions.submit_after": Permission.EXECUTE,
    "jobs.get": Permission.READ,
    "jobs.get_log": Permission.READ,
    "jobs.list_page": Permission.READ,
    "users.change": Permission.ADMINISTER,
    "users.create": Permission.ADMINISTER,
    "users.sync_declared": Permission.ADMINISTER,
    "users.delete": Permission.ADMINISTER,
    "users.get": Permission.ADMINISTER,
    "users.list_page": Permission.ADMINISTER,
    "keys.create": Permission.ADMINISTER,
    "keys.delete": Permission.ADMINISTER,
    "keys.delete_named": Permission.ADMINISTER,
    "keys.get": Permission.ADMINISTER,
    "keys.list_page": Permission.ADMINISTER,
    "audit.list_page": Permission.ADMINISTER,
}
# What anybody may do who is signed in.
NEEDS_NOTHING = {"sessions.sign_out", "sessions.change_password"}
LACKING = {
    Permission.READ: [],
    Permission.EDIT: [Role.READER, Role.EXECUTOR],
    Permission.EXECUTE: [Role.READER, Role.EDITOR],
    Permission.OPERATE: [Role.READER, Role.EDITOR, Role.EXECUTOR],
    Permission.ADMINISTER: [Role.READER, Role.EDITOR, Role.EXECUTOR],
}


@pytest.fixture(scope="module")
def server(fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server of each database for all tests of this file, which change nothing."""
    application = Application(registry=ConfigRegistry(), search_path=())
    with fresh_url() as url:
        settings = Settings(database=url, storage=str(tmp_path_factory.mktemp("data")))
        with composition.open_server(application, settings, make_executor=InlineExecutor) as opened:
            yield opened


def use_cases(services: Services) -> Iterator[tuple[str, Any]]:
    for noun in Services.__dataclass_fields__:
        service = getattr(services, noun)
        for name, method in inspect.getmembers(service, inspect.ismethod):
            if not name.startswith("_") and "actor" in inspect.signature(method).parameters:
                yield f"{noun}.{name}", method


def call(method: Any, actor: Actor) -> None:
    """Call a use case with an argument for each parameter that needs one."""
    particular = {"limit": 10, "entity_type": EntityType.TASK}
    required = {
        name: particular.get(name, "anything")
        for name, parameter in inspect.signature(method).parameters.items()
        if name != "actor" and parameter.default is inspect.Parameter.empty
    }
    method(actor, **required)


def test_the_table_names_every_use_case(server: Server) -> None:
    assert {name for name, _ in use_cases(server.services)} == {*NEEDS, *NEEDS_NOTHING}


@pytest.mark.parametrize("use_case", NEEDS)
def test_an_actor_without_the_permission_is_denied(server: Server, use_case: str) -> None:
    method = dict(use_cases(server.services))[use_case]

    with noted(server.database) as statements:
        for roles in [[], LACKING[NEEDS[use_case]]]:
            with pytest.raises(DeniedError, match="somebody lacks the role TAIPY_"):
                call(method, Actor("somebody", frozenset(roles)))

    assert not [said for said in statements.said if not said.startswith("SELECT")]

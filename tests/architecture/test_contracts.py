"""The import contracts of pyproject.toml: each one is kept, and each one finds a violation."""

from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter import Contract
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

OPTIONS = read_configuration(str(Path(__file__).parents[2] / "pyproject.toml"))
TYPES: dict[str, type[Contract]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "forbidden": ForbiddenContract,
    "layers": LayersContract,
    "protected": ProtectedContract,
}
# The key is the part of the contract's name before the colon.
CONTRACTS = {
    options["name"].partition(":")[0]: TYPES[options["type"]](
        name=options["name"],
        session_options=OPTIONS["session_options"],
        contract_options=options,
    )
    for options in OPTIONS["contracts_options"]
}
NO_CYCLES = "no cycles between the modules of a package"
WORKERS_AND_CLIENT = "workers and the client"

# Each row: the imports to add, as "importer -> imported", and the contracts that they break.
VIOLATIONS = {
    "the server imports the command line": (
        ["server.composition -> cli.main"],
        {"layers", NO_CYCLES},
    ),
    "the identity imports the schemas": (
        ["identity.passwords -> schemas.base"],
        {"layers"},
    ),
    "the domain imports the observability, and structlog with it": (
        ["domain.entities -> observability.logs"],
        {"layers", "domain", NO_CYCLES},
    ),
    "packages of one layer import each other": (
        ["webhooks.dispatcher -> client.client"],
        {"layers"},
    ),
    "the db imports a service": (
        ["db.scenarios -> services.scenarios"],
        {"layers", "services", NO_CYCLES},
    ),
    "the storage imports the config": (
        ["storage.registry -> config.registry"],
        {"layers", "config"},
    ),
    "the db imports the records of Taipy": (
        ["db.importing -> taipy.records"],
        {"layers", "taipy"},
    ),
    "the orchestrator imports a service": (
        ["orchestrator.step -> services.scenarios"],
        {"services"},
    ),
    "the command line imports a service": (
        ["cli.scenarios -> services.scenarios"],
        {"services"},
    ),
    "the api imports an executor": (
        ["api.app -> executors.base"],
        {"executors"},
    ),
    "a service imports an executor": (
        ["services.jobs -> executors.base"],
        {"layers", "executors"},
    ),
    "the api imports the db": (
        ["api.app -> db.engine"],
        {"db"},
    ),
    "an executor imports the db": (
        ["executors.runner -> db.engine"],
        {"db", WORKERS_AND_CLIENT},
    ),
    "the client imports the storage": (
        ["client.client -> storage.registry"],
        {"storage"},
    ),
    "the api imports the config": (
        ["api.app -> config.registry"],
        {"config"},
    ),
    "the orchestrator imports the identity": (
        ["orchestrator.step -> identity.passwords"],
        {"identity"},
    ),
    "the domain imports msgspec": (
        ["domain.entities -> msgspec"],
        {"domain"},
    ),
    "the client imports SQLAlchemy": (
        ["client.client -> sqlalchemy"],
        {WORKERS_AND_CLIENT},
    ),
    "an executor imports the web framework": (
        ["executors.runner -> litestar"],
        {WORKERS_AND_CLIENT},
    ),
    "two modules of the command line import each other": (
        ["cli.jobs -> cli.scenarios", "cli.scenarios -> cli.jobs"],
        {NO_CYCLES},
    ),
    "two packages within the db import each other": (
        ["db.jobs.claim -> db.notify.notifications", "db.notify.notifications -> db.jobs.claim"],
        {NO_CYCLES},
    ),
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    session = OPTIONS["session_options"]
    return grimp.build_graph(
        *session["root_packages"],
        include_external_packages=session["include_external_packages"] == "True",
        cache_dir=None,
    )


def broken(graph: grimp.ImportGraph) -> set[str]:
    """The contracts that *graph* breaks; each checks a copy, since it removes what it ignores."""
    return {
        key
        for key, contract in CONTRACTS.items()
        if not contract.check(deepcopy(graph), verbose=False).kept
    }


def find_module(graph: grimp.ImportGraph, name: str) -> str:
    """The full name of a module of ours or of an external package; it has to exist."""
    (found,) = graph.modules & {f"scenarist.{name}", name}
    return found


def test_every_contract_has_a_key_of_its_own() -> None:
    assert len(CONTRACTS) == len(OPTIONS["contracts_options"])


def test_the_source_keeps_every_contract(graph: grimp.ImportGraph) -> None:
    assert broken(graph) == set()


@pytest.mark.parametrize(("imports", "expected"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_violation_breaks_the_contracts_that_forbid_it_and_no_others(
    graph: grimp.ImportGraph, imports: list[str], expected: set[str]
) -> None:
    changed = deepcopy(graph)

    for planted in imports:
        importer, imported = (find_module(graph, name) for name in planted.split(" -> "))
        changed.add_import(importer=importer, imported=imported)

    assert broken(changed) == expected


def test_a_package_without_a_layer_breaks_the_layers(graph: grimp.ImportGraph) -> None:
    changed = deepcopy(graph)

    changed.add_module("scenarist.newroom")

    assert broken(changed) == {"layers"}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_violation_is_planted_for_each_contract(contract: str) -> None:
    assert any(contract in expected for _, expected in VIOLATIONS.values())

"""Prints what Scenarist makes of the applications after their import lines were changed."""

import json
from pathlib import Path
from typing import Any

from catalog import describe, run_each  # type: ignore[import-not-found]

from scenarist.config import load_app
from scenarist.config.taipy_modules import rewrite_imports
from scenarist.db import edits
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType
from scenarist.executors.inline import InlineExecutor
from scenarist.observability.logs import configure_logging
from scenarist.server import composition
from scenarist.server.preflight import check_application
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions
from scenarist.services.value_reader import location_of
from scenarist.storage.registry import find_storage


def run(app: str, file: Path) -> dict[str, Any]:
    configure_logging("text", "error")
    for module in Path().rglob("*.py"):
        module.write_bytes(rewrite_imports(module.resolve()))
    application = load_app(str(file))
    check_application(application)
    declared = describe(application.registry)
    settings = Settings(database="sqlite:///s.db", storage="data-here")
    values = {}
    with composition.open_server(application, settings, make_executor=InlineExecutor) as server:
        for id in application.registry.scenarios:
            scenario = server.services.scenarios.create(ANYONE, NewScenario(config_id=id)).id
            server.services.submissions.submit(
                ANYONE, EntityType.SCENARIO, scenario, SubmitOptions()
            )
            orchestrator: Any = server.orchestration.orchestrator
            while orchestrator.step():
                pass
            values[id] = _read_values(server, scenario)
    return {"declared": declared, "values": values}


def _read_values(server: composition.Server, scenario: str) -> dict[str, Any]:
    wanted = DataNodeListFilter(scenario_id=(scenario,))
    nodes = server.services.data_nodes.list_page(ANYONE, wanted, PageRequest(limit=100)).items
    found = {}
    for node in sorted(nodes, key=lambda node: node.config_id):
        edit = None
        if node.last_edit_id is not None:
            edit = edits.find(server.database.reader, node.id, node.last_edit_id)
        storage = find_storage(node.storage_type)
        found[node.config_id] = None if edit is None else storage.read(location_of(node, edit))
    return found


if __name__ == "__main__":
    print(json.dumps(run_each(run), sort_keys=True))

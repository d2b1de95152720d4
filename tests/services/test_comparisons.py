"""Comparisons of scenarios that were made before their config has changed."""

from pathlib import Path

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.permissions import ANYONE
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario


def application(*names: str) -> Application:
    """An application with a comparator for each data node of its scenarios."""
    registry = ConfigRegistry()
    nodes = [registry.configure_json_data_node(name, default_data=len(name)) for name in names]
    registry.configure_scenario(
        "grown",
        [registry.configure_task("sees", "pipelines:nothing", [], nodes[0])],
        nodes[1:],
        comparators=dict.fromkeys(names, "pipelines:in_order"),
    )
    return Application(registry=registry, search_path=())


def create(server: Server) -> str:
    return server.services.scenarios.create(ANYONE, NewScenario(config_id="grown")).id


def test_a_data_node_that_older_scenarios_lack_leaves_the_results_over_the_others(
    database_url: str, tmp_path: Path, clock: Clock
) -> None:
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    with composition.open_server(
        application("plan"), settings, make_executor=InlineExecutor, now=clock
    ) as server:
        older = [create(server) for _ in range(2)]
    with composition.open_server(
        application("plan", "promotion"), settings, make_executor=InlineExecutor, now=clock
    ) as server:
        newer = create(server)
        compared = server.services.comparisons.compare(ANYONE, [older[0], newer])
        of_older = server.services.comparisons.compare(ANYONE, older)

    assert compared.results == {"plan": {"in_order": "[4,4]"}}
    assert of_older.results == {"plan": {"in_order": "[4,4]"}}
    (fault,) = compared.faults
    assert (fault.data_node_config_id, fault.comparator) == ("promotion", None)
    assert fault.error.reason == "data_node_missing"
    assert fault.error.message == (
        f"the config had no data node 'promotion' when scenario {older[0]} was created; "
        "compare scenarios that have it"
    )

"""What can be known of the configs of the application."""

from typing import Any

import pandas as pd
import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.permissions import ANYONE
from scenarist.services.configs import ConfigService
from servers import StartedServer


def test_scenario_configs_say_what_scenarios_of_them_have(server: StartedServer) -> None:
    found = server.http.get("/api/v1/configs/scenarios").json()["results"]

    by_id = {config["id"]: config for config in found}
    assert list(by_id)[:2] == ["chain", "islands"]
    assert by_id["rated"] == {
        "id": "rated",
        "frequency": "WEEKLY",
        "tasks": ["scores", "sums_weekly"],
        "data_nodes": ["given", "scored", "weekly", "weekly_sum", "noted", "lengthy", "kept"],
        "sequences": {"scoring": ["scores"], "summing": ["sums_weekly"]},
        "comparators": {
            "scored": ["in_order", "span"],
            "given": ["fail"],
            "noted": ["unstorable"],
            "lengthy": ["at_length"],
        },
        "authorized_tags": ["draft", "final"],
    }


def test_a_scenario_config_has_its_inputs_with_schema_and_default(server: StartedServer) -> None:
    response = server.http.get("/api/v1/configs/scenarios/levers")

    config = response.json()["config"]
    assert (config["id"], config["tasks"]) == ("levers", ["pulls"])
    assert [item["name"] for item in config["inputs"]] == ["price", "growth", "pulled"]
    price, growth, pulled = config["inputs"]
    assert growth == {
        "name": "growth",
        "scope": "SCENARIO",
        "storage_type": "pickle",
        "is_read_only": False,
        "schema": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "title": "Growth",
            "description": "Per year.",
            "unit": "%",
            "group": "Market",
            "order": 2,
        },
        "default": 0.05,
        "title": "Growth",
        "description": "Per year.",
        "unit": "%",
        "group": "Market",
        "order": 2,
    }
    assert (price["schema"], price["order"]) == ({"minimum": 0, "order": 1}, 1)
    assert "default" not in price
    assert pulled["schema"] is None
    known = {"If-None-Match": response.headers["etag"]}
    assert server.http.get(response.url, headers=known).status_code == 304


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        (pd.DataFrame({"sold": [1, 2]}), '[{"sold":1},{"sold":2}]'),
        (pd.DataFrame({"sold": range(100_000)}), None),
        ({"part": object()}, None),
    ],
)
def test_a_default_is_shown_if_json_can_show_it_whole_in_a_small_text(
    default: Any, shown: str | None
) -> None:
    registry = ConfigRegistry()
    registry.configure_scenario(
        "plan",
        additional_data_node_configs=[registry.configure_data_node("a", default_data=default)],
    )

    _, (found,) = ConfigService(registry).get_scenario(ANYONE, "plan")

    assert found.default == shown


def test_an_unknown_scenario_config_is_not_found(server: StartedServer) -> None:
    response = server.http.get("/api/v1/configs/scenarios/nope")

    assert response.status_code == 404
    assert "there are: chain" in response.json()["message"]


def test_how_existing_scenarios_differ_from_the_application_is_told(server: StartedServer) -> None:
    scenario = server.create("chain")
    server.http.delete(f"/api/v1/sequences/{scenario['sequences']['half']['id']}")

    found = server.http.get("/api/v1/configs/drift").json()

    (chain,) = (item for item in found["differences"] if item["config_id"] == "chain")
    assert chain["entity_type"] == "SCENARIO"
    assert "1 has no sequence 'half'" in chain["message"]
    assert chain["scenario_config_ids"] == ["chain"]
    server.http.post(f"/api/v1/scenarios/{scenario['id']}/upgrade")

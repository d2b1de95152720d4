"""What can be known of the configs of the application."""

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

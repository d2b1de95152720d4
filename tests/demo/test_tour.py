"""The text that leads a newcomer through the example."""

import json
import shlex

import pytest

from scenarist.demo.tour import render_tour

SCENARIO = "SCENARIO_heating_01998f2e-0000-7000-8000-000000000001"
SEQUENCES = {
    "forecasting": f"SEQUENCE_forecasting_{SCENARIO}",
    "planning": f"SEQUENCE_planning_{SCENARIO}",
}
TASKS = {
    name: f"TASK_{name}_01998f2e-0000-7000-8000-000000000002"
    for name in (
        "clean_weather",
        "fit_seasons",
        "predict_temperature",
        "estimate_demand",
        "plan_fuel",
    )
}
NODES = {
    name: f"DATANODE_{name}_01998f2e-0000-7000-8000-000000000003"
    for name in ("weather", "horizon", "assumptions", "history", "forecast", "demand", "plan")
}


@pytest.fixture
def text() -> str:
    return render_tour("http://127.0.0.1:5001", SCENARIO, SEQUENCES, TASKS, NODES)


@pytest.fixture
def commands(text: str) -> list[list[str]]:
    """Return the words of each command, as a shell would take them."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.lstrip().startswith("curl ")]


def test_every_command_goes_to_the_server_that_is_up(commands: list[list[str]]) -> None:
    addresses = [command[-1] for command in commands]

    assert len(addresses) == 9
    assert all(address.startswith("http://127.0.0.1:5001/api/v1/") for address in addresses)


def test_it_names_the_scenario_and_what_its_commands_use(text: str) -> None:
    named = [
        SCENARIO,
        SEQUENCES["forecasting"],
        SEQUENCES["planning"],
        TASKS["predict_temperature"],
        TASKS["estimate_demand"],
        NODES["forecast"],
        NODES["plan"],
        NODES["assumptions"],
        "http://127.0.0.1:5001/schema",
    ]

    assert [name for name in named if name not in text] == []


def test_the_first_command_is_the_documented_one(commands: list[list[str]]) -> None:
    assert commands[0] == ["curl", "-X", "GET", "http://127.0.0.1:5001/api/v1/sequences"]


def test_the_new_sequence_is_made_of_two_tasks_of_the_scenario(commands: list[list[str]]) -> None:
    body = json.loads(commands[1][commands[1].index("--data") + 1])

    assert body == {
        "scenario_id": SCENARIO,
        "sequence_name": "outlook",
        "tasks": [TASKS["predict_temperature"], TASKS["estimate_demand"]],
    }


def test_the_sequence_that_was_created_is_the_one_that_is_deleted(
    commands: list[list[str]],
) -> None:
    assert commands[-1] == [
        "curl",
        "-X",
        "DELETE",
        f"http://127.0.0.1:5001/api/v1/sequences/SEQUENCE_outlook_{SCENARIO}",
    ]


def test_the_what_if_is_json_that_changes_one_assumption(commands: list[list[str]]) -> None:
    (command,) = [command for command in commands if "PUT" in command]

    assert json.loads(command[command.index("--data") + 1]) == {"warming_celsius": -3}


def test_lines_without_an_identifier_fit_in_100_columns(text: str) -> None:
    lines = [line for line in text.splitlines() if "_01998f2e-" not in line]

    assert [line for line in lines if len(line) > 100] == []

"""docs/from-taipy.md answers for each function, parameter and path of Taipy."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.test_documented_requests import PAGES
from scenarist import Client, Config, ConfigRegistry, Frequency
from scenarist.config.keys import TASK_KEYS, known_keys
from scenarist.domain.cycles import period_around, period_label
from scenarist.server.settings import Settings
from servers import StartedServer
from taipy_environment import needs_taipy, run_with_taipy

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "from-taipy.md").read_text()
TAIPY: dict[str, Any] = json.loads((TESTS / "docs" / "taipy_names.json").read_text())
"""What Taipy 4.1.1 has, made with tests/taipy_names.py."""

# Of the Enterprise edition, by its documentation.
TAIPY["config"]["configure_authentication"] = [
    *("protocol", "roles", "passwords", "server", "base_dn", "secret_key"),
    "auth_session_duration",
]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables of a section, without their heads."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    heads = {index for index, line in enumerate(lines) if line.startswith("|---")}
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for index, line in enumerate(lines)
        if index not in heads and index + 1 not in heads
    ]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


CONFIG = {cells[0].strip("`"): cells[1:] for cells in rows("Config") if len(cells) == 3}


APPLICATION = """
from taipy import Config, Frequency, Scope


def double(number):
    return 2 * number


number = Config.configure_data_node("number", default_data=21, scope=Scope.CYCLE)
doubled = Config.configure_json_data_node("doubled")
task = Config.configure_task("double", double, number, doubled)
Config.configure_scenario("heating", [task], frequency=Frequency.MONTHLY)
"""


def test_switching_leads_to_a_finished_submission(tmp_path: Path) -> None:
    changed = re.findall(r"^-(from taipy .*)\n\+(.*)$", PAGE, re.MULTILINE)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    ((before, after),) = changed
    app = tmp_path / "app.py"
    app.write_text(APPLICATION.replace(before, after))

    with StartedServer(tmp_path, app=str(app)) as server:
        program = example.replace("http://127.0.0.1:5000", server.address)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )

    assert (done.stdout, done.stderr) == ("COMPLETED\n", "")


@needs_taipy
def test_the_names_are_those_of_taipy(tmp_path: Path) -> None:
    script = TESTS / "taipy_names.py"

    found = run_with_taipy(script, folder=tmp_path)

    assert found == json.loads((TESTS / "docs" / "taipy_names.json").read_text())


def test_each_function_of_config_has_a_row_with_its_parameters() -> None:
    assert {name: words(parameters) for name, (parameters, _) in CONFIG.items()} == TAIPY["config"]


@pytest.mark.parametrize("name", CONFIG)
def test_a_function_takes_the_parameters_of_taipy_or_the_row_speaks_of_them(name: str) -> None:
    parameters, answer = CONFIG[name]
    taken = inspect.signature(getattr(Config, name)).parameters

    wanted = [parameter.removeprefix("**") for parameter in words(parameters)]
    assert [one for one in wanted if one not in taken and one not in words(answer)] == []
    assert answer


@pytest.mark.parametrize("name", CONFIG)
def test_what_a_row_adds_is_a_parameter_a_key_or_a_setting(name: str) -> None:
    known = {
        *inspect.signature(getattr(Config, name)).parameters,
        *known_keys(name.removeprefix("configure_").removesuffix("_data_node")),
        *TASK_KEYS,
        *(setting.name for setting in fields(Settings)),
        *words(CONFIG[name][0]),
    }

    named = {word for word in words(CONFIG[name][1]) if re.fullmatch("[a-z0-9_]*[a-z_]", word)}
    assert named - known == set()


SECTIONS = {"[JOB]", "[CORE]"}


def test_each_attribute_has_a_row() -> None:
    named = {cells[0] for cells in rows("Config") if len(cells) == 2}
    all_words = {word for cell in named for word in words(cell)}

    assert {f"Config.{name}" for name in TAIPY["attributes"]} <= all_words
    for kind, attributes in TAIPY["entries"].items():
        assert any({*attributes} == {*words(cell)} - SECTIONS for cell in named), kind


def test_what_is_the_same_is_there() -> None:
    registry = ConfigRegistry()
    node = registry.configure_data_node("node")
    task = registry.configure_task("task", print, node)
    entries = {
        "DataNodeConfig": node,
        "TaskConfig": task,
        "ScenarioConfig": registry.configure_scenario("scenario", [task]),
        "JobConfig": registry.job_config,
        "CoreSection": registry.core,
    }

    assert [name for name in TAIPY["attributes"] if not hasattr(registry, name)] == []
    for kind, attributes in TAIPY["entries"].items():
        assert [name for name in attributes if not hasattr(entries[kind], name)] == [], kind


def test_the_page_has_the_names_of_cycles() -> None:
    (line,) = re.findall(r"^- Cycles have other names: (.*?) Taipy's", PAGE, re.MULTILINE)
    zone = ZoneInfo("UTC")
    day = datetime(2025, 3, 5, tzinfo=zone)

    starts = {frequency: period_around(frequency, day, zone)[0].date() for frequency in Frequency}

    assert words(line) == [period_label(frequency, start) for frequency, start in starts.items()]


FUNCTIONS = rows("Functions of Taipy")


def test_each_function_of_taipy_has_a_row() -> None:
    listed = [name for cells in FUNCTIONS for name in words(cells[0])]

    assert sorted(listed) == sorted(TAIPY["functions"])


def test_the_client_has_what_the_page_names() -> None:
    client = Client("http://127.0.0.1:1")
    named = set(re.findall(r"`client\.([a-z_.]+)", PAGE))

    assert len(named) > 30
    for name in named:
        found: Any = client
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found), name
    client.close()


def test_each_documented_path_has_a_row() -> None:
    listed = {shape(words(cells[0])[0]) for cells in rows("REST paths")}
    sent = {shape(f"{method} {path}") for path, methods in PAGES.items() for method, _ in methods}

    assert listed == sent | {"POST /auth/login", "POST /auth/logout"}


def test_a_path_has_the_statuses_that_are_sent_and_compared() -> None:
    """The statuses that the pages document are among those of the requests."""
    sent = {
        shape(f"{method} {path}"): {case.status for case in cases}
        for path, methods in PAGES.items()
        for (method, _), cases in methods.items()
    }
    for operation, documented, _ in rows("REST paths"):
        name = shape(words(operation)[0])
        if name in sent:
            assert {int(status) for status in documented.split(", ")} <= sent[name], name


def shape(operation: str) -> str:
    return re.sub(r"\{\w+\}", "{}", operation)

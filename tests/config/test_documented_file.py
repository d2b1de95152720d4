"""The complete example of the documented file format, as the server reads it."""

from datetime import timedelta
from pathlib import Path

import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.vocabulary import Frequency, Scope

PLANT = """
[TAIPY]
application = "order planning"

[CORE]
mode = "experiment"
version_number = "2.3"
storage_folder = "plant_data/"
read_entity_retry = "3:int"

[JOB]
mode = "standalone"
max_nb_of_workers = "ENV[PLANT_WORKERS]:int"

[AUTHENTICATION]
protocol = "taipy"
secret_key = "ENV[PLANT_AUTH_KEY]"
auth_session_duration = "1800:int"

[AUTHENTICATION.roles]
ines = ["TAIPY_EDITOR", "TAIPY_EXECUTOR"]
omar = ["TAIPY_READER"]
root = ["TAIPY_ADMIN"]

[DATA_NODE.default]
storage_type = "pickle"
scope = "SCENARIO:SCOPE"

[DATA_NODE.order_history]
storage_type = "csv"
scope = "GLOBAL:SCOPE"
default_path = "input/orders.csv"
has_header = "True:bool"
encoding = "utf-8"
exposed_type = "pandas"
validity_period = "7d0h0m0s:timedelta"

[DATA_NODE.demand_model]
scope = "CYCLE:SCOPE"

[DATA_NODE.horizon]
scope = "CYCLE:SCOPE"
default_data = "12:int"

[DATA_NODE.plant_capacity]
storage_type = "json"
default_path = "input/capacity.json"

[DATA_NODE.demand]
storage_type = "parquet"
compression = "gzip"

[DATA_NODE.production_plan]
storage_type = "sql_table"
db_engine = "postgresql"
db_host = "ENV[PLANT_DB_HOST]"
db_port = "5432:int"
db_name = "plant"
db_username = "planner"
db_password = "ENV[PLANT_DB_PASSWORD]"
table_name = "plan"

[DATA_NODE.comments]
storage_type = "json"

[TASK.fit]
inputs = ["order_history:SECTION"]
outputs = ["demand_model:SECTION"]
function = "no_such_plant.steps.fit:function"
skippable = "True:bool"

[TASK.project]
inputs = ["demand_model:SECTION", "horizon:SECTION"]
outputs = ["demand:SECTION"]
function = "no_such_plant.steps.project:function"
skippable = "True:bool"

[TASK.schedule_lines]
inputs = ["demand:SECTION", "plant_capacity:SECTION"]
outputs = ["production_plan:SECTION"]
function = "no_such_plant.steps.schedule_lines:function"

[SCENARIO.monthly_plan]
tasks = ["fit:SECTION", "project:SECTION", "schedule_lines:SECTION"]
additional_data_nodes = ["comments:SECTION"]
frequency = "MONTHLY:FREQUENCY"
authorized_tags = ["draft", "reviewed"]

[SCENARIO.monthly_plan.properties]
region = "north"

[SCENARIO.monthly_plan.comparators]
demand = ["no_such_plant.compare.total_gap:function"]

[SCENARIO.monthly_plan.sequences]
forecasting = ["fit:SECTION", "project:SECTION"]
planning = ["schedule_lines:SECTION"]
"""


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigRegistry:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(PLANT)
    registry = ConfigRegistry()
    registry.load("config.toml")
    return registry


def test_the_documented_example_loads(registry: ConfigRegistry) -> None:
    scenario = registry.scenarios["monthly_plan"]
    assert [task.id for task in scenario.tasks] == ["fit", "project", "schedule_lines"]
    assert [node.id for node in scenario.data_nodes] == [
        "order_history",
        "demand_model",
        "horizon",
        "demand",
        "plant_capacity",
        "production_plan",
        "comments",
    ]
    assert scenario.frequency is Frequency.MONTHLY
    assert scenario.comparators == {"demand": ["no_such_plant.compare:total_gap"]}
    assert scenario.sequences["forecasting"] == scenario.tasks[:2]
    assert scenario.properties == {"authorized_tags": ["draft", "reviewed"], "region": "north"}


def test_the_values_of_the_documented_example_have_their_types(registry: ConfigRegistry) -> None:
    orders = registry.data_nodes["order_history"]
    assert (orders.scope, orders.validity_period) == (Scope.GLOBAL, timedelta(days=7))
    assert orders.properties == {
        "default_path": "input/orders.csv",
        "has_header": True,
        "encoding": "utf-8",
        "exposed_type": "pandas",
    }
    assert registry.data_nodes["horizon"].properties == {"default_data": 12}
    assert registry.tasks["fit"].function == "no_such_plant.steps:fit"
    assert registry.tasks["fit"].skippable is True
    assert registry.jobs.max_nb_of_workers == "ENV[PLANT_WORKERS]:int"
    assert registry.core.read_entity_retry == 3
    assert registry.authentication.auth_session_duration == 1800
    assert registry.global_app == {"application": "order planning"}


def test_only_what_this_machine_lacks_is_wrong_with_the_documented_example(
    registry: ConfigRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLANT_AUTH_KEY", "PLANT_DB_HOST", "PLANT_DB_PASSWORD"):
        monkeypatch.setenv(name, "something")
    monkeypatch.setenv("PLANT_WORKERS", "2")

    problems = registry.check()

    assert [problem.where for problem in problems] == [
        "config.toml: TASK.fit.function",
        "config.toml: TASK.project.function",
        "config.toml: TASK.schedule_lines.function",
        "config.toml: SCENARIO.monthly_plan.comparators.demand",
    ]

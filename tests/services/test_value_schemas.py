"""Data nodes with schemas: what is refused over REST, and what functions get."""

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta

from builders import Clock
from own_types import Order, Plan, Price, Region
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.entities import DataNode, Job
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import JobFilter, PageRequest
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType, JobStatus
from scenarist.executors.inline import InlineExecutor
from scenarist.orchestrator.loop import Orchestrator
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions

ORDERS: list[Any] = [{"region": "north", "sold": 1}]
SHORT = {"type": "array", "items": {"type": "object", "required": ["a"]}, "maxItems": 2}


@pytest.fixture
def server(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=_registry(), search_path=())
    with composition.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    ) as opened:
        yield opened


def _registry() -> ConfigRegistry:
    registry = ConfigRegistry()
    growth = registry.configure_data_node(
        "growth", default_data=0, schema=Annotated[float, Meta(ge=0, le=1)]
    )
    orders = registry.configure_json_data_node("orders", schema=list[Order])
    plan = registry.configure_data_node("plan", default_data=Plan("first"), schema=Plan)
    price = registry.configure_in_memory_data_node("price", schema=Price)
    day = registry.configure_data_node("day", schema=datetime.date)
    short = registry.configure_json_data_node("short", schema=SHORT)
    rows = registry.configure_csv_data_node("rows", schema=list[Order])
    table = registry.configure_parquet_data_node("table", schema=SHORT)
    told = registry.configure_json_data_node("told")
    tell = registry.configure_task(
        "tell", "own_types:tell_types", [growth, orders, plan, price, day, rows], told
    )
    registry.configure_scenario("typed", [tell], [short, table])
    amount = registry.configure_data_node("amount", schema=Decimal)
    registry.configure_scenario(
        "priced", [registry.configure_task("weigh", "own_types:tell_types", amount, told)]
    )
    return registry


def make(server: Server, config_id: str) -> DataNode:
    return server.services.data_nodes.create(ANYONE, config_id)[0]


def pointers_of(error: pytest.ExceptionInfo[InvalidError]) -> list[str]:
    return sorted(fault["pointer"] for fault in error.value.errors)


def has_value(server: Server, node: DataNode) -> bool:
    return server.services.data_nodes.get(ANYONE, node.id).last_edit_id is not None


@pytest.mark.parametrize(
    ("config_id", "data", "pointers"),
    [
        (
            "orders",
            [{"region": "x"}, {"region": "south", "sold": -1}],
            ["/0", "/0/region", "/1/sold"],
        ),
        ("price", {"amount": "much"}, ["/amount"]),
        ("day", "tomorrow", [""]),
        ("short", [{"a": 1}, {}, {"a": 2}], ["", "/1"]),
        ("rows", [{"region": "north", "sold": 1.5}], ["/0/sold"]),
        ("table", [{"b": 1}], ["/0"]),
    ],
)
def test_a_write_that_does_not_fit_stores_nothing(
    server: Server, config_id: str, data: object, pointers: list[str]
) -> None:
    node = make(server, config_id)

    with pytest.raises(InvalidError, match="does not fit the schema of data node") as error:
        server.services.values.write(ANYONE, node.id, data)

    assert pointers_of(error) == pointers
    assert error.value.reason == "value_invalid"
    assert not has_value(server, node)


@pytest.mark.parametrize("config_id", ["short", "table"])
def test_an_append_that_does_not_fit_leaves_the_value_as_it_was(
    server: Server, config_id: str
) -> None:
    node = make(server, config_id)
    server.services.values.append(ANYONE, node.id, [{"a": 1}])

    with pytest.raises(InvalidError) as wrong:
        server.services.values.append(ANYONE, node.id, [{"b": 1}])
    with pytest.raises(InvalidError) as much:
        server.services.values.append(ANYONE, node.id, [{"a": 2}, {"a": 3}])

    assert pointers_of(wrong) == ["/1"]
    assert pointers_of(much) == [""]
    assert json.loads(server.services.values.read(ANYONE, node.id).show().text) == [{"a": 1}]
    server.services.values.append(ANYONE, node.id, [{"a": 2}])


@pytest.mark.parametrize(
    ("config_id", "data"),
    [
        ("orders", b'[{"region": "north"}]'),
        ("short", b'[{"b": 1}]'),
        ("rows", b"region,sold\nnorth,-1\n"),
    ],
)
def test_an_upload_that_does_not_fit_stores_nothing(
    server: Server, config_id: str, data: bytes
) -> None:
    node = make(server, config_id)

    with pytest.raises(InvalidError, match="does not fit the schema"):
        server.services.files.upload(ANYONE, node.id, data)

    assert not has_value(server, node)


def test_an_upload_that_fits_is_stored(server: Server) -> None:
    node = make(server, "rows")

    server.services.files.upload(ANYONE, node.id, b"region,sold\nnorth,1\n")

    assert has_value(server, node)


def test_inputs_that_do_not_fit_are_refused_with_all_paths(server: Server) -> None:
    inputs = {
        "growth": 1.1,
        "orders": [{"region": "x", "sold": 1}],
        "grwth": 1,
        "day": "2026-01-01",
    }

    with pytest.raises(InvalidError) as error:
        server.services.inputs.create_scenario(ANYONE, NewScenario(config_id="typed"), inputs)

    assert pointers_of(error) == ["/inputs/growth", "/inputs/grwth", "/inputs/orders/0/region"]


GIVEN = {
    "orders": ORDERS,
    "price": {"amount": 2},
    "day": "2026-01-02",
    "rows": [{"region": "south", "sold": 3}],
}


def run(server: Server, inputs: dict[str, Any], config_id: str = "typed") -> tuple[Job, Any]:
    """Run the task with inputs; return its job, and what it has returned."""
    new = NewScenario(config_id=config_id)
    scenario = server.services.inputs.create_scenario(ANYONE, new, inputs).scenario
    submission = server.services.submissions.submit(
        ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions()
    )
    orchestrator = server.orchestration.orchestrator
    assert isinstance(orchestrator, Orchestrator)
    while orchestrator.step():
        pass
    wanted = JobFilter(submission_id=(submission.id,))
    (job,) = server.services.jobs.list_page(ANYONE, wanted, PageRequest(limit=10)).items
    if job.status is not JobStatus.COMPLETED:
        return job, None
    told = next(node for node in scenario.data_node_ids if node.startswith("DATANODE_told_"))
    return job, json.loads(server.services.values.read(ANYONE, told).show().text)


def test_a_function_gets_values_in_the_declared_types(server: Server) -> None:
    job, told = run(server, GIVEN)

    assert job.reason is None
    assert told == [
        "0.0",
        repr([Order(Region.NORTH, 1)]),
        repr(Plan("first")),
        repr(Price(amount=2)),
        repr(datetime.date(2026, 1, 2)),
        repr([Order(Region.SOUTH, 3)]),
    ]


def test_a_written_value_replaces_one_that_had_the_type(server: Server) -> None:
    _, told = run(server, {**GIVEN, "plan": {"name": "second", "orders": ORDERS}, "growth": 1})

    assert told[0] == "1.0"
    assert told[2] == repr(Plan("second", [Order(Region.NORTH, 1)]))


def test_a_value_that_only_looks_like_its_type_fails_the_job_with_the_reason(
    server: Server,
) -> None:
    # A schema takes any text for a decimal number.
    job, _ = run(server, {"amount": "much"}, "priced")

    assert job.status is JobStatus.FAILED
    assert job.reason is not None
    assert "data node 'amount' does not have its declared type: " in job.reason

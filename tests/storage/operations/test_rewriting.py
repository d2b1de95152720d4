"""Values that somebody reads over REST, changes and writes back, as the next task finds them."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Actor, Role
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.present_values import find_value
from scenarist.services.value_reader import location_of
from scenarist.storage.registry import find_storage
from storage.kinds_of_values import Fixed, Mode, is_same

ANNA = Actor("anna", frozenset({Role.EDITOR}))
DAY = datetime.date(2026, 1, 31)
TABLE = pd.DataFrame({"v": [1, 2], "day": [DAY, DAY], "at": pd.to_datetime([DAY, DAY])})
FIXED = f"{Fixed.__module__}:Fixed"


@pytest.fixture
def server(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    registry = ConfigRegistry()
    registry.configure_data_node("table", default_data=TABLE)
    registry.configure_data_node("named", default_data=TABLE, default_path="named.p")
    registry.configure_in_memory_data_node("nested", default_data={"tables": (TABLE,), "n": 1})
    registry.configure_parquet_data_node("parquet", default_data=TABLE)
    registry.configure_json_data_node("plan", default_data={"day": DAY, "ids": {1, 2}})
    registry.configure_json_data_node("modes", default_data=[Mode.FAST, Mode.SLOW])
    registry.configure_json_data_node("declared", exposed_type=FIXED)
    registry.configure_json_data_node("notes")
    settings = Settings(database=f"sqlite:///{tmp_path}/s.db", storage=str(tmp_path / "data"))
    application = Application(registry=registry, search_path=())
    with composition.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    ) as opened:
        yield opened


def make(server: Server, config_id: str) -> str:
    return str(server.services.data_nodes.create(ANNA, config_id)[0].id)


def show(server: Server, node: str) -> Any:
    return msgspec.json.decode(server.services.values.read(ANNA, node).show().text)


def found(server: Server, node: str) -> Any:
    """Read a value as the next task does."""
    values = server.services.values
    data_node, edit = find_value(values._database.reader, node, None, values._now())
    return find_storage(data_node.storage_type).read(location_of(data_node, edit))


@pytest.mark.parametrize("config_id", ["table", "named", "parquet"])
def test_a_table_that_was_edited_is_a_table_with_the_types_of_its_columns(
    server: Server, config_id: str
) -> None:
    node = make(server, config_id)
    before, rows = found(server, node), show(server, node)
    rows[0] |= {"v": 100, "day": "2026-02-01"}

    server.services.values.write(ANNA, node, rows)

    expected = before.assign(v=[100, 2], day=[datetime.date(2026, 2, 1), DAY])
    assert is_same(found(server, node), expected)
    assert show(server, node) == rows


def test_a_table_within_another_value_stays_one(server: Server) -> None:
    node = make(server, "nested")
    value = show(server, node)

    server.services.values.write(ANNA, node, {**value, "n": 2})

    assert is_same(found(server, node), {"tables": (TABLE,), "n": 2})


def test_what_is_no_table_is_refused_in_place_of_one_and_nothing_changes(server: Server) -> None:
    node = make(server, "table")

    with pytest.raises(InvalidError, match="stores tables"):
        server.services.values.write(ANNA, node, "no table")

    assert is_same(found(server, node), TABLE)


def test_rows_that_are_appended_to_a_table_take_the_types_of_its_columns(server: Server) -> None:
    node = make(server, "parquet")
    before = found(server, node)
    row = {"v": 3, "day": "2026-02-01", "at": "2026-02-01T00:00:00"}

    server.services.values.append(ANNA, node, [row])

    assert found(server, node).dtypes.equals(before.dtypes)
    assert found(server, node)["day"].tolist() == [DAY, DAY, datetime.date(2026, 2, 1)]


def test_a_document_keeps_its_dates_and_sets(server: Server) -> None:
    node = make(server, "plan")
    assert show(server, node) == {"day": "2026-01-31", "ids": [1, 2]}

    server.services.values.write(ANNA, node, {"day": "2026-02-01", "ids": [2, 3]})

    assert found(server, node) == {"day": datetime.date(2026, 2, 1), "ids": {2, 3}}


def test_a_document_keeps_members_of_an_enumeration(server: Server) -> None:
    node = make(server, "modes")

    server.services.values.write(ANNA, node, ["slow", "slow"])
    server.services.values.append(ANNA, node, "fast")

    assert found(server, node) == [Mode.SLOW, Mode.SLOW, Mode.FAST]


def test_data_is_of_the_declared_class_or_refused(server: Server) -> None:
    node = make(server, "declared")

    server.services.values.write(ANNA, node, {"name": "a"})
    with pytest.raises(InvalidError, match="cannot be converted to Fixed"):
        server.services.values.write(ANNA, node, {"name": 5})

    assert found(server, node) == Fixed("a")
    assert show(server, node) == {"name": "a"}


@pytest.mark.parametrize(
    "data",
    [
        {"__type__": "Date", "__value__": "2026-01-31"},
        [{"__type__": f"dataclass-{Fixed.__module__}-Fixed", "__value__": {"name": "a"}}],
    ],
)
def test_data_of_a_client_never_names_a_type(server: Server, data: Any) -> None:
    plain, pickled = make(server, "notes"), make(server, "nested")

    server.services.values.write(ANNA, plain, data)
    server.services.values.write(ANNA, pickled, {"tables": [], "n": data})

    assert found(server, plain) == show(server, plain) == data
    assert found(server, pickled)["n"] == data


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[NaN]", "NaN is not JSON"),
        (f'{{"__type__": "Enum-{Mode.__module__}-Mode-FAST", "__value__": 1}}'.encode(), "class"),
        (b'{"__type__": "Date", "__value__": "x"}', "is not of type 'Date'"),
    ],
)
def test_an_upload_that_is_not_json_or_names_a_class_is_refused(
    server: Server, content: bytes, reason: str
) -> None:
    with pytest.raises(InvalidError, match=reason):
        server.services.files.upload(ANNA, make(server, "notes"), content)

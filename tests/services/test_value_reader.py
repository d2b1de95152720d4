"""What is chosen of a value, whether it is small or large, there now or replaced."""

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import msgspec
import pandas as pd
import pytest

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.permissions import Actor, Role
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings

ANNA = Actor("anna", frozenset({Role.EDITOR}))
EQUAL, GREATER = FilterOperator.EQUAL, FilterOperator.GREATER_THAN
SMALL = 4
LARGE = 4000
"""Rows of which only the first are shown without a look at the value."""

DAY = datetime.date(2026, 1, 31)
TABLE = pd.DataFrame(
    {
        "number": range(LARGE),
        "at": [pd.Timestamp("2026-01-31"), pd.Timestamp("2026-02-01T06:00")] * (LARGE // 2),
        "price": [decimal.Decimal("1.10"), decimal.Decimal("12.5")] * (LARGE // 2),
        "share": [float("inf"), 0.5] * (LARGE // 2),
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    registry = ConfigRegistry()
    for storage_type in ("pickle", "in_memory"):
        registry.configure_data_node(
            f"small_{storage_type}", storage_type, default_data=TABLE[:SMALL]
        )
        registry.configure_data_node(f"large_{storage_type}", storage_type, default_data=TABLE)
    registry.configure_data_node("empty", default_data=TABLE[:0])
    registry.configure_data_node("rows", default_data=[{"day": DAY, "n": 1}])
    registry.configure_pickle_data_node(
        "named", default_data=TABLE[:SMALL], default_path=str(folder / "named.p")
    )
    settings = Settings(database=f"sqlite:///{folder}/s.db", storage=str(folder / "data"))
    application = Application(registry=registry, search_path=())
    with composition.open_server(
        application, settings, make_executor=InlineExecutor, now=Clock()
    ) as opened:
        yield opened


def choose(server: Server, config_id: str, *conditions: Condition, **more: Any) -> Any:
    node = str(server.services.data_nodes.create(ANNA, config_id)[0].id)
    wanted = Selection(conditions=conditions, **more)
    return msgspec.json.decode(server.services.values.read(ANNA, node, wanted).show().text)


@pytest.mark.parametrize(
    ("key", "operator", "value", "numbers"),
    [
        ("at", EQUAL, "2026-01-31", [0, 2]),
        ("at", GREATER, "2026-01-31", [1, 3]),
        ("at", GREATER, "2026-02-01T05:00:00Z", [1, 3]),
        ("price", EQUAL, 1.1, [0, 2]),
        ("price", GREATER, 9, [1, 3]),
        ("share", GREATER, 9, [0, 2]),
        ("share", EQUAL, None, []),
        ("number", GREATER, 2, [3]),
    ],
)
@pytest.mark.parametrize("storage_type", ["pickle", "in_memory"])
def test_rows_that_are_chosen_do_not_depend_on_the_size_of_the_table(
    server: Server,
    storage_type: str,
    key: str,
    operator: FilterOperator,
    value: object,
    numbers: list[int],
) -> None:
    condition = Condition(key=key, operator=operator, value=value)

    small = choose(server, f"small_{storage_type}", condition)
    large = choose(server, f"large_{storage_type}", condition)

    assert [row["number"] for row in small] == numbers
    assert [row["number"] for row in large if row["number"] < SMALL] == numbers


def test_columns_of_a_table_without_rows_are_known(server: Server) -> None:
    assert choose(server, "empty", columns=("at",)) == []
    with pytest.raises(InvalidError, match="there is no column 'day'"):
        choose(server, "empty", columns=("day",))


def test_objects_of_a_list_are_compared_by_what_they_are(server: Server) -> None:
    condition = Condition(key="day", operator=EQUAL, value="2026-01-31T00:00:00Z")

    assert choose(server, "rows", condition) == [{"day": "2026-01-31", "n": 1}]


def test_conditions_on_a_value_of_which_only_what_is_shown_is_left_are_refused(
    server: Server,
) -> None:
    made = server.services.data_nodes.create(ANNA, "named")[0]
    node, first = str(made.id), made.last_edit_id
    server.services.values.write(ANNA, node, [])

    def read(key: str, value: object) -> Any:
        wanted = Selection(conditions=(Condition(key=key, operator=GREATER, value=value),))
        found = server.services.values.read(ANNA, node, wanted, edit_id=first)
        return msgspec.json.decode(found.show().text)

    assert [row["number"] for row in read("number", 2)] == [3]
    with pytest.raises(ConflictError, match="the conditions cannot be evaluated on it"):
        read("at", "2026-01-31")

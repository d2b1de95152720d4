"""Schemas: what is one, what fits it, and what a type becomes."""

import datetime
import json
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from own_types import Order, Plan, Price, Region
from scenarist.config.value_schemas import (
    MOST_FAULTS,
    SCHEMA,
    SCHEMA_TYPE,
    UNNAMED,
    ValueSchema,
    describe_type,
    find_schema_fault,
    find_type_name,
)
from scenarist.domain.errors import InvalidError
from scenarist.domain.faults import format_field, format_pointer
from scenarist.storage.operations.declared_types import to_declared_type

MINUTE = datetime.timedelta(minutes=1)


def faults_of(declared: Any, data: object) -> list[tuple[str, str]]:
    schema = ValueSchema(describe_type(declared)[SCHEMA])
    return [(format_pointer(fault.path), fault.message) for fault in schema.find_faults(data)]


@pytest.mark.parametrize(
    ("declared", "fitting", "wrong", "pointer"),
    [
        (float, 0.05, "0.05", ""),
        (int, 2.0, 2.5, ""),
        (bool, True, 1, ""),
        (Literal["a", "b"], "a", "c", ""),
        (Region, "north", "NORTH", ""),
        (datetime.date, "2026-02-28", "2026-02-30", ""),
        (Annotated[float, Meta(ge=0, le=1)], 1, 1.01, ""),
        (
            list[Order],
            [{"region": "north", "sold": 1}],
            [{"region": "north", "sold": -1}],
            "/0/sold",
        ),
        (
            Plan,
            {"name": "a"},
            {"name": "a", "orders": [{"region": "x", "sold": 1}]},
            "/orders/0/region",
        ),
        (Plan, {"name": "a", "orders": []}, {"name": "a", "other": 1}, ""),
        (Price, {"amount": 1}, {"amount": -1}, "/amount"),
        (list[Price], [{"amount": 1}], [{"amount": 1}, {}], "/1"),
        (dict[str, int], {"a/b": 1}, {"a/b": "x"}, "/a~1b"),
        (int | None, None, "x", ""),
        ({"type": "string", "pattern": "^[a-z]+$"}, "abc", "Abc", ""),
    ],
)
def test_a_value_fits_or_the_path_says_where_it_does_not(
    declared: Any, fitting: object, wrong: object, pointer: str
) -> None:
    assert faults_of(declared, fitting) == []
    assert [path for path, _ in faults_of(declared, wrong)] == [pointer]


def test_every_fault_has_its_path() -> None:
    data = [{"region": "x", "sold": -1, "day": 5}, {"sold": 1}, 7]

    assert sorted(path for path, _ in faults_of(list[Order], data)) == [
        "/0/day",
        "/0/region",
        "/0/sold",
        "/1",
        "/2",
    ]


def test_of_many_faults_some_are_told_and_of_a_large_value_the_first() -> None:
    assert len(faults_of(list[int], ["x"] * 1_000)) == MOST_FAULTS
    assert [path for path, _ in faults_of(list[int], ["x"] * 200_000)] == ["/0"]


def test_a_message_repeats_little_of_the_value() -> None:
    ((_, message),) = faults_of(int, "x" * 10_000)

    assert len(message) < 350
    assert message.endswith('is not of type "integer"')


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("text", "is not a JSON Schema"),
        ({"type": "flaot"}, "/type: "),
        ({"properties": {"a": {"minimum": "1"}}}, "/properties/a/minimum: "),
        ({"pattern": "("}, "is not a"),
        ({"pattern": "(?=a)b"}, "is not a"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "only https"),
        ({"$ref": "http://localhost/schema"}, "outside of the schema"),
        ({"$ref": "#/$defs/none"}, "refers to nothing"),
        ({"$dynamicRef": "#a"}, "is not supported"),
        ({"const": b"\xff", "x": object()}, "is not JSON"),
    ],
)
def test_what_is_no_schema_is_told(schema: object, said: str) -> None:
    assert said in str(find_schema_fault(schema))


@pytest.mark.parametrize("declared", [ValueSchema, Order(Region.NORTH, 1), "Order", 5, lambda: 1])
def test_what_no_schema_describes_is_told(declared: Any) -> None:
    with pytest.raises(InvalidError, match=r"cannot be described|is not a type"):
        describe_type(declared)


@pytest.mark.parametrize(
    "declared",
    [
        *(float, list[Order], Plan, Price, list[Price], Region, datetime.date, Decimal),
        *(int | None, dict[str, Order], tuple[int, ...], Literal["a", 1], set[int], Any),
        list[Order | int],
    ],
)
def test_a_type_is_named_so_that_another_process_builds_it(declared: Any) -> None:
    name = describe_type(declared)[SCHEMA_TYPE]

    assert name
    values = {
        list[Order]: ([{"region": "north", "sold": 2.0}], [Order(Region.NORTH, 2)]),
        Plan: ({"name": "a"}, Plan("a")),
        Price: ({"amount": 1}, Price(amount=1.0)),
        list[Price]: ([{"amount": 1}], [Price(amount=1.0)]),
        Region: ("north", Region.NORTH),
        datetime.date: ("2026-01-02", datetime.date(2026, 1, 2)),
        Decimal: ("1.10", Decimal("1.10")),
        dict[str, Order]: ({"a": {"region": "south", "sold": 0}}, {"a": Order(Region.SOUTH, 0)}),
        tuple[int, ...]: ([1, 2], (1, 2)),
        set[int]: ([1, 2], {1, 2}),
        list[Order | int]: ([{"region": "north", "sold": 3}, 4], [Order(Region.NORTH, 3), 4]),
    }
    data, wanted = values.get(declared, (1, 1))
    assert to_declared_type(data, name, data_node="x") == wanted


@pytest.mark.parametrize(
    ("value", "declared", "wanted"),
    [
        (np.array([1, 2]), list[int], [1, 2]),
        (np.array(["2026-01-02"], "M8[D]"), list[datetime.date], [datetime.date(2026, 1, 2)]),
        (
            np.array(["2026-01-02T03:04:05.000006"], "M8[ns]"),
            list[datetime.datetime],
            [datetime.datetime.fromisoformat("2026-01-02T03:04:05.000006")],
        ),
        (np.array([None], "M8[ns]"), list[datetime.datetime | None], [None]),
        (np.array([90], "m8[s]").astype("m8[ns]"), list[datetime.timedelta], [MINUTE * 1.5]),
    ],
)
def test_an_array_becomes_a_list_of_the_declared_type(
    value: object, declared: Any, wanted: object
) -> None:
    name = describe_type(declared)[SCHEMA_TYPE]

    assert to_declared_type(value, name, data_node="x") == wanted


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (np.array(["2026-01-02T03:04:05.000006"], "M8[ns]"), list[int]),
        (np.array(["2026-01-02T03:04:05.000000007"], "M8[ns]"), list[datetime.datetime]),
        (np.array([7], "m8[ns]"), list[int]),
        (np.longdouble(1), str),
        (np.poly1d([1]), list[int]),
    ],
)
def test_what_numpy_has_and_python_lacks_becomes_no_number(value: object, declared: Any) -> None:
    name = describe_type(declared)[SCHEMA_TYPE]

    with pytest.raises(InvalidError, match="does not have its declared type"):
        to_declared_type(value, name, data_node="x")


def test_a_class_that_nothing_can_import_has_no_name() -> None:
    class Local(Plan):
        pass

    for declared in (Local, list[Local]):
        described = describe_type(declared)
        assert described[SCHEMA_TYPE] == UNNAMED
        assert find_type_name(described) is None


@given(
    st.builds(
        Plan,
        name=st.text(),
        orders=st.lists(
            st.builds(
                Order,
                region=st.sampled_from(Region),
                sold=st.integers(0, 2**53),
                day=st.none() | st.dates(),
            ),
            max_size=3,
        ),
    )
)
def test_what_has_a_type_fits_its_schema_and_comes_back_in_the_type(plan: Plan) -> None:
    described = describe_type(Plan)
    data = json.loads(msgspec.json.encode(plan))

    assert ValueSchema(described[SCHEMA]).find_faults(data) == []
    assert to_declared_type(data, described[SCHEMA_TYPE], data_node="x") == plan
    assert to_declared_type(plan, described[SCHEMA_TYPE], data_node="x") == plan


@pytest.mark.parametrize("name", ["0", "007", "+1", "-1", "", "a/b", "~", "1e3", "²"])
@pytest.mark.parametrize("beside", [{}, {"7": 1, "07": 1}, {"": 1}])
def test_names_that_look_like_positions_are_names(name: str, beside: dict[str, int]) -> None:
    schema = ValueSchema({"additionalProperties": {"items": {"type": "integer"}}})

    (fault,) = schema.find_faults({**beside, name: [1, "x"]})

    assert fault.path == (name, 1)


def inside(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return parts | st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(inside(inside(inside(LEAVES))))
def test_the_path_of_each_fault_leads_to_a_part_of_the_value(data: Any) -> None:
    tree = {"$defs": {"t": {"type": ["array", "object"], "items": {"$ref": "#/$defs/t"}}}}
    schema = ValueSchema(
        {
            **tree,
            "$ref": "#/$defs/t",
            "additionalProperties": {"type": "integer", "minimum": 0},
        }
    )

    for fault in schema.find_faults(data):
        part = data
        for step in fault.path:
            part = part[step]
        assert format_pointer(fault.path).count("/") >= len(fault.path)
        assert isinstance(format_field(fault.path), str)

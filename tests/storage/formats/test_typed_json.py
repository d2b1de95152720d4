"""The law of json documents: what is written is what is read, or it is refused."""

import datetime
import decimal
import json
import sys
import uuid
import zoneinfo
from collections import OrderedDict, deque
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.formats.typed_json import encode_typed
from scenarist.storage.registry import find_storage, read_json
from scenarist.storage.tables.json_data import encode_strict, to_json_data
from storage.kinds_of_values import (
    NOON,
    VALUES,
    Fixed,
    Item,
    Mode,
    Model,
    Order,
    Pair,
    Point,
    is_same,
)

JSON = find_storage("json")
REFUSED = {"complex", "range", "other objects"}
PLAIN = {"numpy scalar": [2, 2.5, True]}


class Open(msgspec.Struct, dict=True):
    number: int


class Limited(msgspec.Struct, frozen=True):
    number: int

    def __post_init__(self) -> None:
        if self.number > 1:
            raise ValueError("too large")


class AnyAttribute(type):
    """A metaclass whose classes have every attribute."""

    def __getattr__(cls, name: str) -> int:
        return len(name)


class Loose(metaclass=AnyAttribute):
    pass


class Numbers(pydantic.RootModel[list[int]]):
    pass


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([Mode.FAST, Mode.SLOW])
    | st.datetimes()
    | st.datetimes(timezones=st.just(zoneinfo.ZoneInfo("America/Santiago")))
    | st.datetimes(timezones=st.just(datetime.timezone(datetime.timedelta(hours=-9, minutes=-30))))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.binary()
    | st.builds(Fixed, st.text())
    | st.builds(PurePosixPath, st.text("a/.", min_size=1))
)
KEYS = (
    st.text(st.characters())
    | st.integers()
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.none()
    | st.dates()
    | st.tuples(st.integers(), st.text())
    | st.sampled_from(["__type__", "__value__", Mode.FAST])
)


def _containers(children: Any) -> Any:
    return (
        st.lists(children)
        | st.dictionaries(KEYS, children)
        | st.lists(children).map(tuple)
        | st.lists(children).map(deque)
        | st.dictionaries(KEYS, children).map(OrderedDict)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
        | st.builds(Pair, children, children)
        | st.builds(Point, st.integers(), children)
        | st.builds(Order, children, children)
        | st.lists(children, max_size=3).map(_objects)
    )


def _objects(items: list[Any]) -> Any:
    array = np.empty(len(items), object)
    array[:] = items
    return array


EVERYTHING = st.recursive(SCALARS, _containers, max_leaves=8)


def write(value: object, **properties: Any) -> WrittenValue:
    target = WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="json",
        folder="unused",
        properties=properties,
    )
    return JSON.write(value, target)


def place_of(content: bytes | None, **properties: Any) -> ValueLocation:
    return ValueLocation(storage_type="json", content=content, properties=properties)


@given(EVERYTHING)
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_what_is_read_and_every_reader_sees_the_same(value: Any) -> None:
    written = write(value)

    place = place_of(written.content)
    assert is_same(JSON.read(place), value)
    msgspec.json.decode(written.content or b"")
    if written.is_complete:
        assert read_json(place) == written.rendition


@given(EVERYTHING, st.sampled_from(["pickle", "in_memory"]))
@settings(max_examples=100, deadline=None)
def test_a_pickle_holds_what_was_written_and_is_shown_as_it_is_read(
    value: Any, storage_type: str
) -> None:
    storage = find_storage(storage_type)
    target = WriteTarget(
        data_node_id="DATANODE_plan_1", edit_id="E", storage_type=storage_type, folder="unused"
    )

    written = storage.write(value, target)
    found = storage.read(ValueLocation(storage_type=storage_type, content=written.content))

    assert is_same(found, value)
    if written.is_complete:
        assert encode_strict(to_json_data(found, None)) == written.rendition


@pytest.mark.parametrize("count", [1_000, 2_978, 2_979, 4_000])
def test_a_value_is_shown_the_same_however_large_it_is(count: int, tmp_path: Path) -> None:
    value = [{NOON.date(), number} for number in range(count)]
    target = WriteTarget(
        data_node_id="DATANODE_plan_1", edit_id="E", storage_type="json", folder=str(tmp_path)
    )

    written = JSON.write(value, target)
    place = ValueLocation(storage_type="json", uri=written.uri, content=written.content)

    rows = [[number, "2026-01-31"] for number in range(count)]
    assert msgspec.json.decode(read_json(place)) == rows
    assert msgspec.json.decode(read_json(place, Selection(limit=2))) == rows[:2]
    shown_rows = msgspec.json.decode(written.rendition)
    assert shown_rows == rows[: len(shown_rows)]
    assert written.is_complete == (len(shown_rows) == count)


@pytest.mark.parametrize("kind", sorted(VALUES.keys() - REFUSED - PLAIN.keys()))
def test_every_kind_of_value_comes_back_with_its_type(kind: str) -> None:
    value = VALUES[kind]()

    written = write({"deep": [value]})

    assert is_same(JSON.read(place_of(written.content)), {"deep": [value]})


@pytest.mark.parametrize("kind", PLAIN)
def test_scalars_of_numpy_are_the_numbers_that_they_are(kind: str) -> None:
    assert is_same(JSON.read(place_of(write(VALUES[kind]()).content)), PLAIN[kind])


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_a_document_cannot_keep_is_refused_with_its_place(kind: str) -> None:
    with pytest.raises(InvalidError, match=r"DATANODE_plan_1.*the value\['a'\]\[1\] is .*JSON"):
        write({"a": [0, VALUES[kind]()]})


class Text(str):
    __slots__ = ()


class Tall(list[int]):
    pass


@pytest.mark.parametrize("value", [Text("a"), Tall([1]), pd.Period("2026"), np.longdouble(1) / 3])
def test_a_class_of_its_own_beside_a_plain_one_is_refused(value: object) -> None:
    with pytest.raises(InvalidError, match="JSON cannot hold"):
        write([value])


def test_a_class_that_cannot_be_found_by_its_name_is_refused() -> None:
    local = msgspec.defstruct("Local", ["x"])

    with pytest.raises(InvalidError, match="define it at the top level of a module"):
        write(local(1))


def test_the_place_of_what_is_too_deep_is_short() -> None:
    endless: list[Any] = [1]
    endless.append(endless)
    long = {"k" * 1000: object()}

    with pytest.raises(
        InvalidError, match=r"\[1\]\[1\].*…\[1\] is nested.*contains itself"
    ) as deep:
        encode_typed(endless)
    with pytest.raises(InvalidError, match="JSON cannot hold") as wide:
        encode_typed(long)

    assert max(len(str(deep.value)), len(str(wide.value))) < 250


def test_equal_sets_make_equal_documents() -> None:
    words = [f"word {number}" for number in range(50)]

    assert write(set(words)).digest == write({*words[25:], *words[:25]}).digest


def test_the_state_of_an_object_comes_back_and_its_constructor_does_not_run_again() -> None:
    point = Point(1, NOON.date())
    point.doubled = 7
    point.__dict__["note"] = {1}

    read = JSON.read(place_of(write(point).content))

    assert (read.doubled, read.note) == (7, {1})


def test_attributes_beside_the_fields_of_a_struct_come_back() -> None:
    value: Any = Open(1)
    value.note = "late"

    found = JSON.read(place_of(write(value).content))

    assert (found.number, found.note) == (1, "late")


def test_what_runs_after_a_struct_is_made_does_not_run_again() -> None:
    value = Limited(1)
    msgspec.structs.force_setattr(value, "number", 2)

    found = JSON.read(place_of(write(value).content))

    assert type(found) is Limited
    assert found.number == 2


def test_an_object_of_a_class_with_every_attribute_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"is a .*Loose, which JSON cannot hold"):
        write(Loose())


def test_a_model_with_a_root_comes_back() -> None:
    value = Numbers([1, 2])

    assert JSON.read(place_of(write(value).content)) == value


def test_an_offset_that_is_not_in_whole_seconds_is_refused() -> None:
    zone = datetime.timezone(datetime.timedelta(microseconds=3))

    with pytest.raises(InvalidError, match="not in whole seconds"):
        write(NOON.replace(tzinfo=zone))


def test_documents_of_taipy_are_read_as_it_reads_them() -> None:
    module = Point.__module__
    document = {
        "at": {"__type__": "Datetime", "__value__": "2026-01-31T12:00:00"},
        "mode": {"__type__": f"Enum-{module}-Mode-FAST", "__value__": "fast"},
        "fixed": {"__type__": f"dataclass-{module}-Fixed", "__value__": {"name": "a"}},
        "ids": {"__type__": "Set", "__value__": [1]},
        "pair": {"__type__": "Tuple", "__value__": [1, 2]},
    }

    assert JSON.read(place_of(json.dumps(document).encode())) == {
        "at": NOON.replace(microsecond=0),
        "mode": Mode.FAST,
        "fixed": Fixed("a"),
        "ids": {1},
        "pair": (1, 2),
    }


@pytest.mark.parametrize(
    "document",
    [{"__type__": "Product", "name": "a"}, {"__type__": "Date"}, {"__type__": 5, "__value__": 1}],
)
def test_what_only_looks_like_a_type_is_plain_data(document: dict[str, Any]) -> None:
    assert JSON.read(place_of(json.dumps(document).encode())) == document


def test_a_document_that_is_not_of_the_type_that_it_names_is_refused() -> None:
    content = b'{"__type__": "Date", "__value__": "tomorrow"}'

    with pytest.raises(InvalidError, match="is not of type 'Date'"):
        JSON.read(place_of(content))


@pytest.mark.parametrize("name", ["object-subprocess-Popen", "dataclass-os-system"])
def test_only_classes_whose_objects_are_kept_are_made(name: str) -> None:
    content = json.dumps({"__type__": name, "__value__": {"args": "id"}}).encode()

    with pytest.raises(InvalidError, match="not a class whose objects a JSON document can hold"):
        JSON.read(place_of(content))


def test_reading_as_json_imports_no_class_and_shows_its_fields() -> None:
    content = b'[{"__type__": "dataclass-no_such_module-Point", "__value__": {"x": 1}}]'

    assert read_json(place_of(content)) == '[{"x":1}]'
    assert "no_such_module" not in sys.modules


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        ({"name": "a"}, "Fixed", Fixed("a")),
        ([{"name": "a"}, None], "Fixed", [Fixed("a"), None]),
        ({"name": "a", "dates": ["2026-01-31"]}, "Item", Item(name="a", dates=[NOON.date()])),
        ({"number": 1, "price": "2.50"}, "Order", Order(1, decimal.Decimal("2.50"))),
        ({"weight": 1.5}, "Model", Model(1.5)),
        ("fast", "Mode", Mode.FAST),
        (Fixed("b"), "Fixed", Fixed("b")),
    ],
)
def test_a_declared_class_is_what_plain_json_is_read_as(
    value: object, declared: str, expected: object
) -> None:
    content = write(value).content

    place = place_of(content, exposed_type=f"{Point.__module__}:{declared}")
    assert JSON.read(place) == expected


def test_what_does_not_make_an_object_of_the_declared_class_is_refused() -> None:
    place = place_of(b'[{"name": 5}]', exposed_type=f"{Point.__module__}:Fixed")

    with pytest.raises(InvalidError, match="item 1 cannot be converted to Fixed"):
        JSON.read(place)


@pytest.mark.parametrize(
    ("present", "added", "expected"),
    [
        ((1, 2), [3], (1, 2, 3)),
        ({1}, 2, {1, 2}),
        ([NOON.date()], ["2026-02-01"], [NOON.date(), datetime.date(2026, 2, 1)]),
        ({1: "a"}, {"2": "b"}, {1: "a", 2: "b"}),
        (
            {"a": NOON.date()},
            {"b": "2026-02-01"},
            {"a": NOON.date(), "b": datetime.date(2026, 2, 1)},
        ),
        ([uuid.UUID(int=1)], str(uuid.UUID(int=2)), [uuid.UUID(int=1), uuid.UUID(int=2)]),
        ([1], {"__type__": "x"}, [1, {"__type__": "x"}]),
        ({"a": 1}, {"__type__": "x"}, {"a": 1, "__type__": "x"}),
        ([], (1, 2), [1, 2]),
    ],
)
def test_what_is_appended_takes_the_types_of_what_is_there(
    present: object, added: object, expected: object
) -> None:
    target = WriteTarget(
        data_node_id="DATANODE_plan_1", edit_id="EDIT_2", storage_type="json", folder="unused"
    )

    new = JSON.append(added, target, place_of(write(present).content))

    assert is_same(JSON.read(place_of(new.content)), expected)
    assert new.rendition == read_json(place_of(new.content))


def test_nothing_is_appended_to_a_table_in_a_document() -> None:
    target = WriteTarget(
        data_node_id="DATANODE_plan_1", edit_id="EDIT_2", storage_type="json", folder="unused"
    )

    with pytest.raises(InvalidError, match="the present value is a DataFrame"):
        JSON.append([{"a": 2}], target, place_of(write(pd.DataFrame({"a": [1]})).content))


def test_a_document_of_many_levels_is_shown_to_its_last_one() -> None:
    value: Any = NOON.date()
    for _ in range(99):
        value = [value]
    written = write(value)

    assert is_same(JSON.read(place_of(written.content)), value)
    assert read_json(place_of(written.content)) == "[" * 99 + '"2026-01-31"' + "]" * 99
    with pytest.raises(InvalidError, match="more than 100 levels"):
        write([[value]])


def test_a_path_is_kept_as_the_class_that_it_is() -> None:
    assert encode_typed(Path("a")) == {"__type__": "Path-PosixPath", "__value__": "a"}

"""What a value would unfold to is known before it is read."""

import json
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.errors import TooLargeError
from scenarist.storage import bounds
from scenarist.storage.base import ValueLocation
from scenarist.storage.bounds import ValueLimits, apply_limits
from scenarist.storage.registry import find_storage, read_json
from unfolding import cell, parquet, workbook

_MIB = 2**20
_MEGABYTE = ValueLimits(memory=2048 * _MIB, available=_MIB)

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{},"\\a', max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


def refuses(check: Callable[..., object], *arguments: object, limits: ValueLimits) -> bool:
    try:
        with apply_limits(limits):
            check(*arguments)
    except TooLargeError:
        return True
    return False


def test_nothing_is_bounded_without_limits() -> None:
    bounds.check_table(10**9, 10**9)
    bounds.check_memory(10**15, "it")
    bounds.check_json(b"[" * 10**6)


@given(value=plain)
def test_brackets_and_commas_within_texts_are_not_counted(value: object) -> None:
    def stripped(value: object) -> object:
        if isinstance(value, str):
            return "a" * (len(json.dumps(value)) - 2)
        if isinstance(value, list):
            return [stripped(item) for item in value]
        if isinstance(value, dict):
            return {f"{at}": stripped(item) for at, item in enumerate(value.values())}
        return value

    document, other = json.dumps(value).encode(), json.dumps(stripped(value)).encode()
    room = bounds._estimate_json(other) + len(document)

    assert not refuses(bounds.check_json, document, limits=ValueLimits(available=room))


@pytest.mark.parametrize("sign", ["[],", "{},", "1,", '{"a":[]},', "[[[[]]]],"])
def test_the_estimate_for_json_is_near_what_it_takes_or_above(sign: str) -> None:
    document = ("[" + sign * 20_000 + "0]").encode()
    tracemalloc.start()
    json.loads(document)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert bounds._estimate_json(document) > 0.7 * peak


@pytest.mark.parametrize(
    ("rows", "columns", "is_refused"),
    [(1, 1, False), (65_536, 1, False), (65_537, 1, True), (256, 256, False), (256, 257, True)],
)
def test_a_table_has_as_many_cells_as_there_is_room_for(
    rows: int, columns: int, is_refused: bool
) -> None:
    assert refuses(bounds.check_table, rows, columns, limits=_MEGABYTE) is is_refused


@pytest.mark.parametrize(("columns", "is_refused"), [(10, False), (11, True)])
def test_a_table_has_as_many_columns_as_is_set(columns: int, is_refused: bool) -> None:
    assert refuses(bounds.check_table, 1, columns, limits=ValueLimits(columns=10)) is is_refused


def test_a_refusal_names_the_setting_and_how_to_mend_it() -> None:
    with (
        apply_limits(ValueLimits(memory=256 * _MIB)),
        pytest.raises(TooLargeError, match=r"value_memory \(256 MiB\).* raised") as caught,
    ):
        bounds.check_table(10**6, 1000)

    assert caught.value.reason == "value_too_large"


@pytest.mark.parametrize(
    ("element", "is_refused"),
    [
        ('<mergeCells><mergeCell ref="A1:B2"/></mergeCells>', False),
        ('<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>', True),
        ('<mergeCells><mergeCell ref="$A$1:$XFD$1048576"/></mergeCells>', True),
        ('<hyperlinks><hyperlink ref="A1:XFD1048576" location="a"/></hyperlinks>', True),
    ],
)
def test_ranges_of_a_workbook_are_counted_before_it_is_read_whole(
    element: str, is_refused: bool
) -> None:
    file = BytesIO(workbook(cell("A1"), element))

    assert refuses(bounds.check_ranges, file, limits=_MEGABYTE) is is_refused


@pytest.mark.parametrize(
    ("storage_type", "data"),
    [
        ("csv", b"a,b\n1,2\n"),
        ("excel", workbook(cell("A1") + cell("A2"))),
        ("json", b'[{"a":1}]'),
        ("parquet", parquet(pa.table({"a": [1, 2], "b": ["x", "y"]}))),
    ],
)
def test_what_is_small_is_read_under_limits_as_without(storage_type: str, data: bytes) -> None:
    place = ValueLocation(storage_type=storage_type, content=data)
    with apply_limits(ValueLimits(available=_MIB, max_file=_MIB)):
        bounded = read_json(place)

    assert bounded == read_json(place)


def test_what_only_a_worker_may_read_is_refused_elsewhere() -> None:
    nested = parquet(pa.table({"a": [[1], [2]]}))
    place = ValueLocation(storage_type="parquet", content=nested)
    storage = find_storage("parquet")

    assert refuses(storage.read, place, limits=ValueLimits())
    assert not refuses(storage.read, place, limits=ValueLimits(is_enforced=True))


@pytest.mark.parametrize("place", ["rows", "after", "shared"])
@pytest.mark.parametrize(("begin", "end"), [("<a/>", ""), ("<a>", "</a>"), ('<a b=""/>', "")])
@pytest.mark.parametrize("count", [10_000, 300_000])
def test_a_workbook_of_many_elements_takes_no_more_of_the_server_than_is_allowed(
    place: str, begin: str, end: str, count: int
) -> None:
    text = begin * count + end * count
    text = f"<row>{text}</row>" if place == "rows" else text
    file = workbook(**{"rows": "", place: text})  # type: ignore[arg-type]
    limits = ValueLimits().in_server()
    assert limits.available is not None
    tracemalloc.start()

    with suppress(Exception), apply_limits(limits):
        read_json(ValueLocation(storage_type="excel", content=file))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * limits.available

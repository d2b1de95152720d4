"""Places of outcomes as JSON Pointers, and what counts as a number."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.errors import InvalidError
from scenarist.domain.faults import format_pointer
from scenarist.domain.outcomes import (
    DeclaredOutcome,
    NoFigureError,
    find_figure,
    find_places,
    parse_pointer,
    to_figure,
)


@given(st.lists(st.text(max_size=4), max_size=4))
def test_a_pointer_is_read_as_it_is_written(names: list[str]) -> None:
    assert parse_pointer(format_pointer(tuple(names))) == tuple(names)


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        ("total.cost", "must begin with /, or be empty for the value itself; write '/total/cost'"),
        ("/a~2b", "write ~ as ~0, and / in a name ~1"),
        (5, "write text such as '/total/cost'"),
    ],
)
def test_what_is_no_pointer_says_how_to_write_one(pointer: object, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        parse_pointer(pointer)


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", "there is an object instead of a number"),
        ("/rows/1/price", 9.5),
        ("/rows/2/price", "the value has no /rows/2"),
        ("/rows/01/price", "the value has no /rows/01"),
        ("/rows/-", "the value has no /rows/-"),
        ("/a~1b", 3.0),
        ("/", 4.0),
    ],
)
def test_a_number_is_found_at_its_place(pointer: str, expected: float | str) -> None:
    data = {"rows": [{"price": 8}, {"price": 9.5}], "a/b": 3, "": 4}

    assert find_figure(data, pointer) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2**53, 2.0**53), (2**60, 2.0**60), (Decimal("0.1"), 0.1), (-1.5, -1.5)],
)
def test_numbers_become_numbers_of_double_precision(
    number: int | float | Decimal, expected: float
) -> None:
    assert to_figure(number) == expected


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (2**53 + 1, "too large to stay exact"),
        (float("nan"), "the number there is NaN"),
        (float("-inf"), "infinite, or too large"),
        (10**400, "infinite, or too large"),
        (Decimal("sNaN"), "infinite, or too large"),
        (True, "true or false instead of a number"),
        (object(), "a object instead of a number"),
    ],
)
def test_what_is_no_number_says_why(part: object, reason: str) -> None:
    with pytest.raises(NoFigureError, match=reason):
        to_figure(part)


def test_each_place_is_looked_at_once() -> None:
    outcomes = [DeclaredOutcome(data_node="a", pointer=pointer) for pointer in ("/x", "/y", "/x")]

    assert find_places(outcomes) == {"a": ("/x", "/y")}

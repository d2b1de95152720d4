"""Values from clients that would take too long as items of a set, or keys of a dict."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation
from scenarist.storage.operations.rewriting import prepare_rewrite_safely
from scenarist.storage.python.data_frames import unique_texts
from scenarist.storage.python.hashing import check_hashes
from scenarist.storage.registry import read_json
from scenarist.storage.tables.retyping import retype

STEP = 2**61 - 1
ALIKE = [STEP * number for number in range(1, 200)]
"""Integers of one hash."""


def tagged(name: str, value: object, **more: object) -> object:
    return {"__type__": name, "__value__": value, **more}


PAIRS = [[number, 1] for number in ALIKE]
INDEX = {"levels": [{"dtype": "object", "cells": ALIKE}], "names": [None]}
CATEGORY = {"categories": INDEX, "codes": [0], "ordered": False}
DOCUMENTS = {
    "a set": tagged("Set", ALIKE),
    "a frozenset": tagged("Frozenset", ALIKE),
    "a set of decimals": tagged("Set", [tagged("Decimal", str(number)) for number in ALIKE]),
    "a set of tuples": tagged("Set", [tagged("Tuple", [number, 1]) for number in ALIKE]),
    "a dict": tagged("Dict", PAIRS),
    "a sorted dict": tagged("OrderedDict", PAIRS),
    "a counter": tagged("Counter", PAIRS),
    "a dict with a default": tagged("Defaultdict", PAIRS, __factory__="int"),
    "an index": tagged("Index", INDEX),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_document_with_many_values_of_one_hash_is_refused(kind: str) -> None:
    content = json.dumps(DOCUMENTS[kind]).encode()

    with pytest.raises(InvalidError, match="have the same hash, such as"):
        read_json(ValueLocation(storage_type="json", content=content))


@pytest.mark.parametrize(
    ("data", "present"),
    [
        (ALIKE, {1, 2}),
        (ALIKE, frozenset({1, 2})),
        ({str(number): 1 for number in ALIKE}, {1: 1}),
        ([{"c": number} for number in ALIKE], pd.DataFrame({"c": pd.Categorical([1])})),
        (
            [{"k": number, "l": 1, "v": 1} for number in ALIKE],
            pd.DataFrame(
                {"v": [1]}, index=pd.MultiIndex.from_tuples([(STEP**2, 1)], names=["k", "l"])
            ),
        ),
    ],
)
def test_data_with_many_values_of_one_hash_is_refused(data: Any, present: Any) -> None:
    with pytest.raises(InvalidError, match="have the same hash, such as"):
        retype(data, present)


def test_equal_values_of_one_hash_are_accepted() -> None:
    check_hashes([STEP] * 1000 + [Decimal(STEP)] * 1000 + [0] * 1000)


def _count(work: Callable[[int], object], size: int) -> int:
    """Return how many lines of Python run."""
    import sys

    lines = 0

    def trace(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    former = sys.gettrace()
    sys.settrace(trace)
    try:
        work(size)
    finally:
        sys.settrace(former)
    return lines


WORK: dict[str, Callable[[int], object]] = {
    "names that are the same": lambda size: unique_texts(["a"] * size),
    "names that are taken": lambda size: unique_texts(
        ["a"] * size + [f"a.{number}" for number in range(size)]
    ),
    "new keys": lambda size: retype(
        {f"a{number}": 1 for number in range(size)}, {f"b{number}": 1 for number in range(size)}
    ),
    "new integer keys": lambda size: retype(
        {str(-1 - number): 1 for number in range(size)}, dict.fromkeys(range(size), 1)
    ),
}


def test_document_that_names_no_type_is_replaced_without_comparing_the_parts() -> None:
    location = ValueLocation(storage_type="json", content=json.dumps([{"a": 1}] * 200).encode())

    def replace(size: int) -> None:
        data: list[object] = [[]] * size
        assert prepare_rewrite_safely(data, "json", {}, location) is data

    assert _count(replace, 200) == _count(replace, 100)


@pytest.mark.parametrize("kind", WORK)
def test_work_grows_in_proportion_to_the_input(kind: str) -> None:
    assert _count(WORK[kind], 400) < 2.2 * _count(WORK[kind], 200)

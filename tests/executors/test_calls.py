"""What calling the function of a task gives: values, never what has not run."""

import decimal
from collections import OrderedDict, deque
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from executors.callables import ran
from scenarist.domain.lifecycle import JobEvent
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.calls import split_outputs
from scenarist.executors.runner import run_request
from scenarist.storage.base import WriteTarget


def request(function: str, outputs: int = 0) -> JobRequest:
    return JobRequest(
        number=1,
        attempt=1,
        function=f"executors.callables:{function}",
        outputs=tuple(
            WriteTarget(
                data_node_id=f"{place}", edit_id="e", storage_type="pickle", folder="unused"
            )
            for place in range(outputs)
        ),
    )


def values(outcome: JobOutcome) -> list[str | None]:
    assert outcome.event == JobEvent.SUCCEEDED, outcome.stacktrace
    return [written.rendition for written in outcome.written]


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    ran.clear()


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("double", "4"),
        ("hands_on", "6"),
        ("forgets_to_await", "8"),
        ("fit", "10"),
        ("model", "12"),
        ("of_seven", "14"),
    ],
)
def test_what_can_be_awaited_is_awaited(function: str, value: str) -> None:
    assert values(run_request(request(function, outputs=1))) == [value]


def test_a_coroutine_runs_also_when_nothing_is_done_with_its_result() -> None:
    outcome = run_request(request("double"))

    assert (outcome.event, ran) == (JobEvent.SUCCEEDED, ["double"])


def test_what_a_coroutine_raises_is_what_the_job_raised() -> None:
    outcome = run_request(request("fails"))

    assert (outcome.event, outcome.reason) == (JobEvent.RAISED, "LookupError: no luck")


@pytest.mark.parametrize("outputs", [0, 1, 2])
@pytest.mark.parametrize(
    ("function", "hint"),
    [
        ("yields", "is a generator, and none of it has run; return a list"),
        ("yields_later", "is a generator, and none of it has run; return a list"),
        ("maps", "returned a map, which may not have run; return list(...) of it"),
        ("promises", "returned a Future, which may not have run; return its result()"),
        ("begins", "returned a Future, which may not have run; return its result()"),
        ("delays", "returned a Delayed, which may not have run; return what its compute() returns"),
    ],
)
def test_what_has_not_run_is_a_mistake_with_any_number_of_outputs(
    function: str, hint: str, outputs: int
) -> None:
    outcome = run_request(request(function, outputs=outputs))

    assert outcome.event == JobEvent.RAISED
    assert str(outcome.reason).startswith("TypeError: ")
    assert f":{function} {hint}" in str(outcome.reason)
    assert ran == []


def test_a_coroutine_among_several_values_is_a_mistake() -> None:
    outcome = run_request(request("two_coroutines", outputs=2))

    assert outcome.reason == (
        "TypeError: value 1 of 2 was not awaited: use await or asyncio.gather"
    )


def test_what_a_function_sets_in_its_context_ends_with_it() -> None:
    outcomes = [run_request(request("sets_context", outputs=1)) for _ in range(2)]

    assert [values(outcome) for outcome in outcomes] == [["1"], ["1"]]
    assert np.geterr()["over"] == "warn"
    assert decimal.getcontext().prec == 28


ORDERED: list[Callable[[list[int]], object]] = [
    tuple,
    list,
    deque,
    np.array,
    pd.Series,
    pd.Index,
    pa.array,
    lambda parts: dict.fromkeys(parts).keys(),
    lambda parts: dict(enumerate(parts)).values(),
    lambda parts: range(parts[0], parts[-1] + 1),
]


@pytest.mark.parametrize("make", ORDERED)
@pytest.mark.parametrize("count", [2, 3])
def test_whatever_has_a_length_and_an_order_is_taken_apart(
    make: Callable[[list[int]], object], count: int
) -> None:
    parts = list(range(10, 10 + count))

    assert [int(part) for part in split_outputs(make(parts), count)] == parts  # type: ignore[call-overload]


@pytest.mark.parametrize("make", ORDERED)
def test_another_number_of_values_is_a_mistake(make: Callable[[list[int]], object]) -> None:
    with pytest.raises(ValueError, match="has 2 outputs, but its function returned 3 values"):
        split_outputs(make([1, 2, 3]), 2)


@pytest.mark.parametrize(
    ("result", "hint"),
    [
        ("ab", "str, which is one value"),
        (b"ab", "bytes, which is one value"),
        (bytearray(b"ab"), "bytearray, which is one value"),
        (memoryview(b"ab"), "memoryview, which is one value"),
        ({1, 2}, "set, which has no order"),
        (frozenset({1, 2}), "frozenset, which has no order"),
        ({"a": 1, "b": 2}, r"dict; return the values in their order, such as tuple\(result.val"),
        (OrderedDict(a=1, b=2), "OrderedDict; return the values in their order"),
        (pd.DataFrame({"a": [1, 2]}), "DataFrame, whose length is its number of rows"),
        (pa.table({"a": [1, 2]}), "Table, whose length is its number of rows"),
        (np.array(1), "ndarray, which is one value"),
        (zip([1], [2], strict=True), "zip, which is one value"),
        (12, "int, which is one value"),
        (None, "None"),
    ],
)
def test_what_has_no_length_or_no_order_is_not_taken_apart(result: object, hint: str) -> None:
    with pytest.raises(TypeError, match=f"must return 2 values, in a tuple or list; .* {hint}"):
        split_outputs(result, 2)

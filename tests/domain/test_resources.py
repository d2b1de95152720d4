"""What tasks may ask of a machine."""

from typing import Any

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.resources import Resources, describe_unmet, parse_resources


@pytest.mark.parametrize(
    ("memory", "size"),
    [(1, 1), ("500MB", 500_000_000), ("1.5 GiB", 1_610_612_736), ("2kb", 2_000), ("7", 7)],
)
def test_memory_is_a_number_of_bytes_or_a_text_with_a_unit(memory: int | str, size: int) -> None:
    assert parse_resources({"memory": memory}) == Resources(memory=size)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"cpus": 0}, "0 is not a valid amount; give a number such as 0.5 or 2"),
        ({"cpus": float("nan")}, "nan is not a valid amount"),
        ({"gpus": "two"}, "'two' is not a valid amount"),
        ({"gpus": -1}, "-1 is not a valid amount"),
        ({"cpus": True}, "True is not a valid amount"),
        ({"memory": "a lot"}, "'a lot' is not a memory size; give a number of bytes, or a text"),
        ({"memory": 0}, "0 is not a memory size"),
        ({"memory": 1.5}, "1.5 is not a memory size"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        parse_resources(properties)


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        (Resources(), None),
        (Resources(cpus=8), None),
        (Resources(cpus=1, gpus=0.5, memory=2**30), None),
        (Resources(cpus=8.5), "8.5 cpus"),
        (Resources(cpus=8, gpus=1), "8 cpus and 1 gpu"),
        (Resources(memory=3 * 2**30), "3,072 MiB of memory"),
    ],
)
def test_what_no_single_machine_has_is_lacking(asked: Resources, lacking: str | None) -> None:
    machines = [Resources(cpus=8), Resources(cpus=2, gpus=1, memory=2**31)]

    assert describe_unmet(asked, machines) == lacking


def test_where_there_is_no_machine_only_what_is_asked_for_is_lacking() -> None:
    assert describe_unmet(Resources(), []) is None
    assert describe_unmet(Resources(cpus=1), []) == "1 cpu"

"""What tasks may ask of a machine."""

from typing import Any

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.resources import Resources, read_resources


@pytest.mark.parametrize(
    ("memory", "size"),
    [(1, 1), ("500MB", 500_000_000), ("1.5 GiB", 1_610_612_736), ("2kb", 2_000), ("7", 7)],
)
def test_memory_is_a_number_of_bytes_or_a_text_with_a_unit(memory: int | str, size: int) -> None:
    assert read_resources({"memory": memory}) == Resources(memory=size)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"cpus": 0}, "0 cannot be asked for; give a number such as 0.5 or 2"),
        ({"cpus": float("nan")}, "nan cannot be asked for"),
        ({"gpus": "two"}, "'two' cannot be asked for"),
        ({"gpus": -1}, "-1 cannot be asked for"),
        ({"cpus": True}, "True cannot be asked for"),
        ({"memory": "a lot"}, "'a lot' is no size of memory; give a number of bytes, or a text"),
        ({"memory": 0}, "0 is no size of memory"),
        ({"memory": 1.5}, "1.5 is no size of memory"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        read_resources(properties)

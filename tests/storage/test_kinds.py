"""Storages by name, and what of them the server may read."""

import pickle
import subprocess
import sys

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import Place
from scenarist.storage.kinds import find_storage, read_json


@pytest.mark.parametrize("storage_type", ["pickle", "in_memory"])
def test_pickle_is_never_read_as_json(storage_type: str) -> None:
    place = Place(storage_type=storage_type, content=pickle.dumps(1))

    with pytest.raises(InvalidError, match="worker processes only"):
        read_json(place)


@pytest.mark.parametrize(
    ("storage_type", "is_safe"),
    [("pickle", False), ("in_memory", False), ("json", True), ("csv", True), ("parquet", True)],
)
def test_only_kinds_that_run_no_code_are_safe(storage_type: str, is_safe: bool) -> None:
    assert find_storage(storage_type).is_safe is is_safe


def test_unknown_storage_type_is_refused_with_those_known() -> None:
    with pytest.raises(InvalidError, match="known are csv, in_memory, json, parquet, pickle"):
        find_storage("floppy")


def test_importing_the_storages_brings_in_no_table_library() -> None:
    program = (
        "import sys, scenarist.storage.kinds\n"
        "print([name for name in ('pandas', 'numpy', 'pyarrow') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "[]\n"

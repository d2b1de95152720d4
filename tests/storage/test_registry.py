"""Storages by name, and what of them the server may read."""

import pickle
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES
from scenarist.storage.base import INLINE_FOLDER, ValueLocation, WriteTarget
from scenarist.storage.registry import find_storage, read_json, write_value

KNOWN = (
    *("csv", "excel", "generic", "in_memory", "json", "mongo_collection"),
    *("parquet", "pickle", "s3_object", "sql", "sql_table"),
)


@pytest.mark.parametrize("storage_type", ["pickle", "in_memory"])
def test_pickle_is_never_read_as_json(storage_type: str) -> None:
    place = ValueLocation(storage_type=storage_type, content=pickle.dumps(1))

    with pytest.raises(InvalidError, match="worker processes only"):
        read_json(place)


def test_the_external_types_are_those_whose_storages_say_so() -> None:
    external = {name for name in KNOWN if find_storage(name).is_external}

    assert external == EXTERNAL_STORAGE_TYPES


@pytest.mark.parametrize(
    ("storage_type", "is_safe"),
    [
        *(("pickle", False), ("in_memory", False), ("generic", False)),
        *(("json", True), ("csv", True), ("parquet", True), ("excel", True)),
        *(("sql_table", False), ("sql", False), ("mongo_collection", False), ("s3_object", False)),
    ],
)
def test_only_kinds_that_run_no_code_are_safe(storage_type: str, is_safe: bool) -> None:
    assert find_storage(storage_type).is_safe is is_safe


def test_unknown_storage_type_is_refused_with_those_known() -> None:
    with pytest.raises(InvalidError, match=f"use one of {', '.join(KNOWN)}"):
        find_storage("floppy")


def test_importing_the_storages_brings_in_no_library_of_theirs() -> None:
    program = (
        "import sys, scenarist.storage.registry\n"
        "names = ('pandas', 'pyarrow', 'openpyxl', 'sqlalchemy', 'pymongo', 'fsspec', 's3fs')\n"
        "print([name for name in names if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("storage_type", ["csv", "excel", "parquet", "json"])
def test_a_refused_write_names_the_data_node_once(storage_type: str) -> None:
    target = WriteTarget(
        data_node_id="DATANODE_prices_1", edit_id="e", storage_type=storage_type, folder="unused"
    )

    with pytest.raises(InvalidError) as refusal:
        write_value({"a": [object()]}, target)

    assert refusal.value.message.count("DATANODE_prices_1") == 1
    assert f"cannot be written as {storage_type}: " in refusal.value.message


@pytest.mark.parametrize("rows", [2, 20_000])
@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({}, {"/Sheet1/1/a": 1}),
        ({"sheet_name": "A"}, {"/1/a": 1}),
        ({"sheet_name": ["A"]}, {"/A/1/a": 1}),
    ],
)
def test_figures_of_sheets_are_where_they_are_read(
    rows: int, properties: dict[str, Any], found: dict[str, float]
) -> None:
    places = ("/1/a", "/Sheet1/1/a", "/A/1/a")
    target = WriteTarget(
        data_node_id="DATANODE_prices_1",
        edit_id="e",
        storage_type="excel",
        folder=INLINE_FOLDER,
        properties=properties,
        figures=places,
    )

    written = write_value(pd.DataFrame({"a": range(rows)}), target)

    numbers = {place: at for place, at in written.figures.items() if not isinstance(at, str)}
    assert numbers == found

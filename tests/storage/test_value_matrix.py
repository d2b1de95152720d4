"""What each storage keeps of each kind of value: the tables of docs/values.md, made and checked.

Every value is written as a task writes it, read as the next task and as all readers over REST do,
written back over REST as it was shown, uploaded as it was downloaded, and appended to. To make the
tables anew: UPDATE_VALUES=1 python -m pytest -n 0 tests/storage/test_value_matrix.py
"""

import os
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.operations.rewriting import prepare_append, prepare_rewrite
from scenarist.storage.operations.transfers import is_uploadable, store_upload
from scenarist.storage.python.objects import python_type
from scenarist.storage.registry import find_storage, publish, read_json
from scenarist.storage.tables.json_data import encode_strict, to_json_data
from scenarist.storage.tables.series import has_pandas_3
from storage.kinds_of_values import VALUES, is_same

PAGE = Path(__file__).parents[2] / "docs" / "values.md"
TABLES = (
    ("pickle", "in_memory", "json", "mongo_collection", "s3_object"),
    ("csv", "excel", "parquet", "sql_table"),
)
READ_IN_WORKERS = {"pickle", "in_memory", "mongo_collection", "s3_object", "sql_table"}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A data node for one value."""

    storage_type: str
    folder: Path
    properties: dict[str, Any]

    def target(self, edit_id: str) -> WriteTarget:
        return WriteTarget(
            data_node_id="DATANODE_value",
            edit_id=edit_id,
            storage_type=self.storage_type,
            folder=str(self.folder),
            properties=self.properties,
        )

    def place(self, written: WrittenValue) -> ValueLocation:
        return ValueLocation(
            storage_type=self.storage_type,
            properties=self.properties,
            uri=written.uri,
            content=written.content,
        )

    def write(self, value: Any) -> ValueLocation:
        return self.kept(find_storage(self.storage_type).write(value, self.target("EDIT_1")))

    def kept(self, written: WrittenValue) -> ValueLocation:
        publish(written)
        return self.place(written)

    def read(self, place: ValueLocation) -> Any:
        return find_storage(self.storage_type).read(place)


def cell_of(node: Node, value: Any) -> tuple[str, list[str]]:
    """Return what a storage keeps of a value, and where its readers do not agree."""
    storage = find_storage(node.storage_type)
    try:
        written = storage.write(value, node.target("EDIT_1"))
    except InvalidError:
        return "refused", []
    place = node.kept(written)
    found = node.read(place)
    faults = _disagreements(node, place, written, found)
    cell = "kept" if is_same(found, value) else f"as {_form(found)}"
    data = msgspec.json.decode(encode_strict(to_json_data(found, None)))
    back = _outcome(node, found, lambda: _write_back(node, place, data))
    more = [f"written back {back}"] if back else []
    if is_uploadable(node.storage_type) and written.content is not None:
        content = written.content
        upload = _outcome(node, found, lambda: store_upload(content, node.target("EDIT_3")))
        more += [f"uploaded {upload}"] if upload else []
    if isinstance(data, list) and data and _takes_more(storage, found):
        place = node.write(value)
        appended = _outcome(
            node,
            found,
            lambda: storage.append(
                prepare_append(data[:1], node.storage_type, {}, place), node.target("EDIT_4"), place
            ),
            is_appended=True,
        )
        more += [f"appended to {appended}"] if appended else []
    return "; ".join([cell, *more]), faults


def _takes_more(storage: Any, found: Any) -> bool:
    """Whether something is appended: to a table only where tables are kept."""
    is_list = isinstance(found, list | set | frozenset | deque) or type(found) is tuple
    is_table = isinstance(found, pd.DataFrame) and storage.storage_type != "json"
    return storage.can_append and (is_list or is_table)


def _write_back(node: Node, place: ValueLocation, data: Any) -> WrittenValue:
    value = prepare_rewrite(data, node.storage_type, node.properties, place)
    return find_storage(node.storage_type).write(value, node.target("EDIT_2"))


def _outcome(node: Node, there: Any, write: Any, *, is_appended: bool = False) -> str:
    """Return what became of a value that came in another way; nothing where it is the same."""
    try:
        written = write()
    except InvalidError:
        return "refused"
    found = node.read(node.kept(written))
    if is_appended:
        # Only what was there before; types of what is read show what was added.
        found = found[: len(there)] if isinstance(there, list | tuple | pd.DataFrame) else there
    return "" if is_same(found, there) else f"as {_form(found)}"


def _disagreements(
    node: Node, place: ValueLocation, written: WrittenValue, found: Any
) -> list[str]:
    whole = encode_strict(to_json_data(found, None))
    faults = []
    if written.is_complete and written.rendition != whole:
        faults.append(f"rendition {written.rendition:.80} and reading {whole:.80}")
    if node.storage_type not in READ_IN_WORKERS and read_json(place) != whole:
        faults.append(f"the server {read_json(place):.80} and a worker {whole:.80}")
    rows = msgspec.json.decode(whole)
    if isinstance(found, list | tuple | pd.DataFrame) and isinstance(rows, list):
        first = Selection(limit=1)
        part = encode_strict(to_json_data(found, first))
        if msgspec.json.decode(part) != rows[:1]:
            faults.append(f"one row {part:.80} and the whole {whole:.80}")
        if node.storage_type not in READ_IN_WORKERS and read_json(place, first) != part:
            faults.append(f"one row {read_json(place, first):.80} and a worker's {part:.80}")
    if node.storage_type == "json":
        msgspec.json.decode(written.content or b"")
    return faults


def _form(value: Any) -> str:
    """Return what a value is, in the words of the page."""
    if isinstance(value, pd.DataFrame):
        columns = ", ".join(str(value.iloc[:, at].dtype) for at in range(value.shape[1]))
        return f"a table of {columns}" if columns else "a table without columns"
    if isinstance(value, list) and value:
        items = value[0].values() if isinstance(value[0], dict) else value
        return f"list of {', '.join(sorted({python_type(item) for item in items}))}"
    return python_type(value)


def column_of(storage_type: str, properties: Any, folder: Path) -> tuple[dict[str, str], list[str]]:
    cells, faults = {}, []
    for number, (kind, make) in enumerate(VALUES.items()):
        place = folder / str(number)
        place.mkdir()
        node = Node(storage_type=storage_type, folder=place, properties=properties(number))
        cells[kind], found = cell_of(node, make())
        faults += [f"{kind}: {fault}" for fault in found]
    return cells, faults


def tables_in(text: str) -> dict[str, dict[str, str]]:
    """Return the cells of the page by storage and kind of value."""
    cells: dict[str, dict[str, str]] = {}
    storages: list[str] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            storages = []
            continue
        first, *others = [part.strip() for part in line.strip("|").split("|")]
        if first == "value":
            storages = [name.strip("`") for name in others]
        elif not first.startswith("-"):
            for name, cell in zip(storages, others, strict=False):
                cells.setdefault(name, {})[first] = cell
    return cells


def table_of(storages: tuple[str, ...], cells: dict[str, dict[str, str]]) -> str:
    lines = [
        "| value | " + " | ".join(f"`{name}`" for name in storages) + " |",
        "|---" * (len(storages) + 1) + "|",
    ]
    for kind in VALUES:
        row = [cells.get(name, {}).get(kind, "refused") for name in storages]
        if set(row) != {"refused"}:
            lines.append(f"| {kind} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def ignore_column_types(cells: dict[str, str]) -> dict[str, str]:
    return {kind: re.sub("as a table of [^;]*", "kept", cell) for kind, cell in cells.items()}


def check(storage_type: str, cells: dict[str, str], faults: list[str]) -> None:
    text = PAGE.read_text()
    if os.environ.get("UPDATE_VALUES"):
        columns = {**tables_in(text), storage_type: cells}
        for number, storages in enumerate(TABLES):
            table = table_of(storages, columns)
            mark = f"<!-- table {number} -->"
            before, _, rest = text.partition(mark)
            text = f"{before}{mark}\n{table}\n{mark}{rest.partition(mark)[2]}"
        PAGE.write_text(text)
    known = {kind: tables_in(text)[storage_type].get(kind, "refused") for kind in cells}
    if not has_pandas_3():  # has other types for texts and moments than the page names
        known, cells = ignore_column_types(known), ignore_column_types(cells)
    assert known == cells
    assert faults == []


@pytest.mark.parametrize("storage_type", ["pickle", "in_memory", "json", "csv", "parquet", "excel"])
def test_a_storage_of_files_keeps_what_the_page_says(storage_type: str, tmp_path: Path) -> None:
    properties = {"sheet_name": "Sheet"} if storage_type == "excel" else {}

    cells, faults = column_of(storage_type, lambda _: properties, tmp_path)

    check(storage_type, cells, faults)


def test_a_table_of_a_database_keeps_what_the_page_says(tmp_path: Path) -> None:
    def properties(number: int) -> dict[str, Any]:
        return {
            "db_engine": "sqlite",
            "db_name": "values",
            "sqlite_folder_path": str(tmp_path),
            "table_name": f"value_{number}",
        }

    cells, faults = column_of("sql_table", properties, tmp_path)

    check("sql_table", cells, faults)


def test_an_object_of_a_store_keeps_what_the_page_says(object_store: Any, tmp_path: Path) -> None:
    cells, faults = column_of(
        "s3_object", lambda number: object_store.properties(f"value_{number}"), tmp_path
    )

    check("s3_object", cells, faults)


def test_a_collection_keeps_what_the_page_says(mongo_server: Any, tmp_path: Path) -> None:
    cells, faults = column_of(
        "mongo_collection", lambda number: mongo_server.properties(f"value_{number}"), tmp_path
    )

    check("mongo_collection", cells, faults)

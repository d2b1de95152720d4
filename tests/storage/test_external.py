"""What every storage promises whose values lie where the data node's properties say."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from postgres_server import PostgresServer
from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import discard, find_storage, publish, read_json


def read_pickle(path: str) -> Any:
    return pickle.loads(Path(path).read_bytes())


def write_pickle(value: object, path: str) -> None:
    data = pickle.dumps(value)
    Path(path).write_bytes(data)


class Unwritable:
    """A value that no storage can hold."""

    def __reduce__(self) -> str:
        raise RuntimeError("it does not want to be written")


Properties = Callable[[pytest.FixtureRequest, Path], dict[str, Any]]


@dataclass(kw_only=True)
class Kind:
    """A storage, and values of JSON data that it keeps."""

    storage_type: str
    small: Any
    other: Any
    large: Any
    properties: Properties
    """Returns those of a data node that has no value yet."""

    can_append: bool = False
    knows_of_nothing: bool = True
    """Whether the storage itself can tell that there is no value."""


def generic_properties(_: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    return {
        "read_fct": f"{__name__}:read_pickle",
        "read_fct_args": [str(folder / "value.p")],
        "write_fct": f"{__name__}:write_pickle",
        "write_fct_args": [str(folder / "value.p")],
    }


def mongo_properties(request: pytest.FixtureRequest, _: Path) -> dict[str, Any]:
    properties: dict[str, Any] = request.getfixturevalue("machines")
    return properties


def s3_properties(request: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    properties: dict[str, Any] = request.getfixturevalue("object_store").properties(folder.name)
    return properties


def sql_table_properties(_: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    return {
        "db_engine": "sqlite",
        "db_name": "plant",
        "sqlite_folder_path": str(folder / "databases"),
        "table_name": "plan",
        "exposed_type": "builtins:dict",
    }


def postgres_properties(request: pytest.FixtureRequest, _: Path) -> dict[str, Any]:
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.properties(table_name="plan", exposed_type="builtins:dict")


def sql_properties(request: pytest.FixtureRequest, folder: Path) -> dict[str, Any]:
    return {
        **sql_table_properties(request, folder),
        "read_query": "SELECT noise FROM plan",
        "write_query_builder": f"{__name__}:queries_to_replace",
        "append_query_builder": f"{__name__}:queries_to_add",
    }


def queries_to_replace(rows: Any) -> list[Any]:
    return [
        "CREATE TABLE IF NOT EXISTS plan (noise REAL)",
        "DELETE FROM plan",
        *queries_to_add(rows)[1:],
    ]


def queries_to_add(rows: Any) -> list[Any]:
    create = "CREATE TABLE IF NOT EXISTS plan (noise REAL)"
    return [create, *(("INSERT INTO plan VALUES (:noise)", row) for row in rows)]


ROWS = [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}]
KINDS = [
    Kind(
        storage_type="generic",
        small={"a": [1, 2]},
        other="another",
        large=list(range(100_000)),
        properties=generic_properties,
        knows_of_nothing=False,
    ),
    Kind(
        storage_type="mongo_collection",
        small=ROWS,
        other=[{"city": "Kyiv", "days": 1}],
        large=[{"noise": number / 7} for number in range(5_000)],
        properties=mongo_properties,
        can_append=True,
    ),
    Kind(
        storage_type="sql_table",
        small=ROWS,
        other=[{"city": "Kyiv", "days": 1}],
        large=[{"city": "Oslo", "days": number} for number in range(5_000)],
        properties=sql_table_properties,
        can_append=True,
    ),
    Kind(
        storage_type="sql_table",
        small=ROWS,
        other=[{"city": "Kyiv", "days": 1}],
        large=[{"city": "Oslo", "days": number} for number in range(5_000)],
        properties=postgres_properties,
        can_append=True,
    ),
    Kind(
        storage_type="sql",
        small=[{"noise": 1.5}],
        other=[{"noise": 2.5}, {"noise": 3.5}],
        large=[{"noise": number / 7} for number in range(5_000)],
        properties=sql_properties,
        can_append=True,
    ),
    Kind(
        storage_type="s3_object",
        small="Oslo, Zürich",
        other="Rome",
        large="noise " * 100_000,
        properties=s3_properties,
    ),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.storage_type)
every_kind_that_appends = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.can_append], ids=lambda kind: kind.storage_type
)
every_other_kind = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if not kind.can_append], ids=lambda kind: kind.storage_type
)
every_kind_that_knows = pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.knows_of_nothing], ids=lambda kind: kind.storage_type
)


class Node:
    """A data node of the kind under test."""

    def __init__(self, kind: Kind, properties: dict[str, Any], folder: Path) -> None:
        self.storage = find_storage(kind.storage_type)
        self.place = ValueLocation(storage_type=kind.storage_type, properties=properties)
        self._folder = str(folder / "unused")
        self._edits = 0

    def write(self, value: object) -> WrittenValue:
        return self.storage.write(value, self.target())

    def append(self, value: object) -> WrittenValue:
        return self.storage.append(value, self.target(), self.place)

    def read(self) -> Any:
        return self.storage.read(self.place)

    def target(self) -> WriteTarget:
        self._edits += 1
        return WriteTarget(
            data_node_id="DATANODE_plan_1",
            edit_id=f"EDIT_{self._edits}",
            storage_type=self.place.storage_type,
            folder=self._folder,
            properties=self.place.properties,
        )


@pytest.fixture
def node(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Node:
    return Node(kind, kind.properties(request, tmp_path), tmp_path)


@every_kind
def test_value_is_read_and_written_in_worker_processes_only(kind: Kind) -> None:
    storage = find_storage(kind.storage_type)

    assert storage.is_external
    assert not storage.is_safe
    assert storage.can_append is kind.can_append
    with pytest.raises(InvalidError, match="worker processes only"):
        read_json(ValueLocation(storage_type=kind.storage_type))


@every_kind
def test_value_comes_back(kind: Kind, node: Node) -> None:
    for value in (kind.small, kind.large):
        node.write(value)

        assert node.read() == value


@every_kind
def test_write_takes_effect_at_once_and_replaces_the_value(kind: Kind, node: Node) -> None:
    node.write(kind.small)
    node.write(kind.other)

    assert node.read() == kind.other


@every_kind
def test_edit_keeps_neither_file_nor_content(kind: Kind, node: Node, tmp_path: Path) -> None:
    written = node.write(kind.large)

    assert (written.uri, written.content, written.staged) == (None, None, None)
    assert not (tmp_path / "unused").exists()


@every_kind
def test_same_values_have_the_same_size_and_digest(kind: Kind, node: Node) -> None:
    first, second, other = (node.write(value) for value in (kind.small, kind.small, kind.other))

    assert (first.size, first.digest) == (second.size, second.digest)
    assert first.size > 0
    assert first.digest.startswith("sha256:")
    assert other.digest != first.digest


@every_kind
def test_rendition_of_a_small_value_is_all_of_it(kind: Kind, node: Node) -> None:
    written = node.write(kind.small)

    assert written.is_complete
    assert json.loads(written.rendition) == kind.small
    assert written.python_type == type(kind.small).__name__


@every_kind
def test_rendition_of_a_large_value_is_bounded(kind: Kind, node: Node) -> None:
    written = node.write(kind.large)

    assert not written.is_complete
    assert len(written.rendition.encode()) <= 65_536
    assert json.loads(written.rendition)


@every_kind
def test_publishing_and_discarding_change_nothing(kind: Kind, node: Node) -> None:
    written = node.write(kind.small)

    publish(written)
    discard(written)

    assert node.read() == kind.small


@every_kind
def test_value_that_cannot_be_written_leaves_the_old_one(kind: Kind, node: Node) -> None:
    node.write(kind.small)

    with pytest.raises(InvalidError, match=r"DATANODE_plan_1|storage type"):
        node.write(Unwritable())

    assert node.read() == kind.small


@every_kind
def test_json_data_is_written_and_read_again(kind: Kind, node: Node) -> None:
    data = json.loads(json.dumps(kind.small))

    node.write(node.storage.from_json(data))

    assert node.read() == data


@every_kind_that_knows
def test_value_that_was_never_written_is_not_found(kind: Kind, node: Node) -> None:
    with pytest.raises(NotFoundError, match=r"write the data node|create it"):
        node.read()


@every_kind_that_appends
def test_appended_value_comes_after_the_one_there(kind: Kind, node: Node) -> None:
    node.write(kind.small)

    written = node.append(kind.other)

    assert node.read() == kind.small + kind.other
    assert json.loads(written.rendition) == kind.small + kind.other


@every_kind_that_appends
def test_value_appended_to_nothing_is_the_value(kind: Kind, node: Node) -> None:
    written = node.storage.append(kind.small, node.target(), None)

    assert node.read() == kind.small
    assert json.loads(written.rendition) == kind.small


@every_kind_that_appends
def test_value_that_cannot_be_appended_leaves_the_old_one(kind: Kind, node: Node) -> None:
    node.write(kind.small)

    with pytest.raises(InvalidError, match=r"DATANODE_plan_1|storage type"):
        node.append(Unwritable())

    assert node.read() == kind.small


@every_other_kind
def test_storage_that_cannot_append_says_what_to_do(kind: Kind, node: Node) -> None:
    node.write(kind.small)

    with pytest.raises(InvalidError, match=f"'{kind.storage_type}' cannot append; read the value"):
        node.append(kind.other)

    assert node.read() == kind.small

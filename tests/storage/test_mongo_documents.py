"""What can be a document of a collection, and as what it is read again."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd
import pytest
from bson import ObjectId

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.mongo import MongoStorage

STORAGE = MongoStorage()
MACHINES = [{"name": "press", "hours": 7}, {"name": "lathe", "hours": 3}]


@dataclass
class Machine:
    name: str
    hours: int


@dataclass
class Numbered:
    name: str
    hours: int
    _id: ObjectId | None = None


class Loose:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Struct(msgspec.Struct):
    name: str
    hours: int


class Coded:
    """A class with a form of its own in the collection."""

    def __init__(self, text: str) -> None:
        self.text = text

    def encode(self) -> dict[str, Any]:
        name, hours = self.text.split(":")
        return {"name": name, "hours": int(hours)}

    @staticmethod
    def decode(document: dict[str, Any]) -> "Coded":
        return Coded(f"{document['name']}:{document['hours']}")


class Stubborn:
    def encode(self) -> None:
        raise RuntimeError("it does not want to be written")


class Scribbled:
    def encode(self) -> str:
        return "no document"


def a_target(properties: dict[str, Any], edit_id: str = "EDIT_1") -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_machines_1",
        edit_id=edit_id,
        storage_type="mongo_collection",
        folder="unused",
        properties=properties,
    )


def write(value: object, properties: dict[str, Any], edit_id: str = "EDIT_1") -> WrittenValue:
    return STORAGE.write(value, a_target(properties, edit_id))


def append(value: object, properties: dict[str, Any]) -> WrittenValue:
    return STORAGE.append(value, a_target(properties, "EDIT_2"), a_place(properties))


def read(properties: dict[str, Any]) -> Any:
    return STORAGE.read(a_place(properties))


def a_place(properties: dict[str, Any]) -> ValueLocation:
    return ValueLocation(storage_type="mongo_collection", properties=properties)


@pytest.mark.parametrize(
    "value", [{"name": "press", "hours": 7}, Machine("press", 7), Struct("press", 7)]
)
def test_single_document_is_a_list_of_one(machines: dict[str, Any], value: object) -> None:
    write(value, machines)

    assert read(machines) == [{"name": "press", "hours": 7}]


@pytest.mark.parametrize(
    "item",
    [Machine("press", 7), Struct("press", 7), Loose(name="press", hours=7), Coded("press:7")],
    ids=lambda item: type(item).__name__,
)
def test_objects_are_written_as_documents(machines: dict[str, Any], item: object) -> None:
    written = write([item], machines)

    assert read(machines) == [{"name": "press", "hours": 7}]
    assert json.loads(written.rendition) == [{"name": "press", "hours": 7}]


@pytest.mark.parametrize("kind", [Machine, Struct])
def test_documents_are_read_as_objects_of_the_class(
    machines: dict[str, Any], kind: type[Machine] | type[Struct]
) -> None:
    write(MACHINES, machines)

    value = read({**machines, "custom_document": f"{__name__}:{kind.__name__}"})

    assert value == [kind(name="press", hours=7), kind(name="lathe", hours=3)]


@pytest.mark.parametrize("kind", ["Numbered", "Loose"])
def test_class_that_takes_the_id_gets_it_and_keeps_it(machines: dict[str, Any], kind: str) -> None:
    properties = {**machines, "custom_document": f"{__name__}:{kind}"}
    write([Numbered("press", 7)], properties)
    first = read(properties)

    write(first, properties, "EDIT_2")

    assert isinstance(first[0]._id, ObjectId)
    assert [one._id for one in read(properties)] == [first[0]._id]


def test_class_with_a_decode_function_gets_the_document(machines: dict[str, Any]) -> None:
    write(MACHINES, machines)

    value = read({**machines, "custom_document": f"{__name__}:Coded"})

    assert [one.text for one in value] == ["press:7", "lathe:3"]


def test_document_that_does_not_make_an_object_is_named(machines: dict[str, Any]) -> None:
    write([*MACHINES, {"name": "saw"}], machines)

    with pytest.raises(InvalidError, match=r"document 3 .*missing 1 required .*'hours'"):
        read({**machines, "custom_document": f"{__name__}:Machine"})


@pytest.mark.parametrize(
    ("value", "given_one"),
    [
        (None, "a NoneType"),
        ("text", "a str"),
        (pd.DataFrame(MACHINES), "a DataFrame"),
        ([1], "a list whose item 1 is a int$"),
        ([{}, "text"], "a list whose item 2 is a str"),
        ([Stubborn()], r"item 1 is a Stubborn \(RuntimeError: it does not want to be written\)"),
        ([Scribbled()], "item 1 is a str"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_with_what_can_be_kept(value: object, given_one: str) -> None:
    with pytest.raises(InvalidError, match=f"stores a list of documents .* given .*{given_one}"):
        write(value, {})


def test_json_that_is_no_list_of_objects_is_refused() -> None:
    assert STORAGE.from_json(MACHINES) == MACHINES
    with pytest.raises(InvalidError, match="stores a list of documents"):
        STORAGE.from_json([1])


def test_class_without_a_signature_is_refused() -> None:
    with pytest.raises(InvalidError, match="does not declare its parameters"):
        read({"custom_document": "builtins:dict"})

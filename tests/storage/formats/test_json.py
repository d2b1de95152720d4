"""The odd cases of JSON documents: encodings, codecs of the user, numbers that JSON lacks."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import find_storage, read_json


class DateEncoder(json.JSONEncoder):
    def default(self, o: object) -> Any:
        return {"date": o.isoformat()} if isinstance(o, datetime.date) else super().default(o)


class DateDecoder(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(object_hook=self.date)

    @staticmethod
    def date(value: dict[str, Any]) -> Any:
        return datetime.date.fromisoformat(value["date"]) if "date" in value else value


CODECS = {"encoder": f"{__name__}:DateEncoder", "decoder": f"{__name__}:DateDecoder"}


def write(value: object, **properties: str) -> WrittenValue:
    target = WriteTarget(
        data_node_id="DATANODE_capacity_1",
        edit_id="EDIT_1",
        storage_type="json",
        folder="unused",
        properties=properties,
    )
    return find_storage("json").write(value, target)


def a_place(content: bytes | None, **properties: str) -> ValueLocation:
    return ValueLocation(storage_type="json", content=content, properties=properties)


def test_encoder_and_decoder_of_the_user_are_applied() -> None:
    day = datetime.date(2026, 7, 1)

    written = write([day], **CODECS)

    assert written.content == b'[{"date": "2026-07-01"}]'
    assert find_storage("json").read(a_place(written.content, **CODECS)) == [day]


def test_reading_as_json_never_loads_the_decoder() -> None:
    place = a_place(b'{"date": "2026-07-01"}', decoder="no_such_module:Decoder")

    assert read_json(place) == '{"date":"2026-07-01"}'


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ("nowhere:Encoder", "No module named 'nowhere'"),
        ("json:Nothing", "has no attribute 'Nothing'"),
        ("json:dumps", "is not a class"),
        ("json:JSONDecoder", "not a subclass of json.JSONEncoder"),
        ("JSONEncoder", "name a class as 'module:Class'"),
    ],
)
def test_encoder_that_is_none_is_refused(encoder: str, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        write(1, encoder=encoder)


def test_value_that_is_not_json_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidError, match=r"\['day'\] is a complex.*name an encoder"):
        write({"day": 1j})


def test_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(InvalidError, match="contains itself"):
        write(value)


@pytest.mark.parametrize(
    "value",
    [
        list(range(12_345)),
        ["ü", None] * 10_000,
        {"a": [{"b": number} for number in range(10_001)], "c": [[1] * 5_001], "d": {"e": 1}},
    ],
)
def test_document_that_is_encoded_in_parts_is_the_same(value: object, tmp_path: Path) -> None:
    target = WriteTarget(
        data_node_id="DATANODE_capacity_1",
        edit_id="EDIT_1",
        storage_type="json",
        folder=str(tmp_path),
        properties={},
    )

    find_storage("json").write(value, target)

    (file,) = tmp_path.rglob("*.json")
    assert file.read_text() == json.dumps(value, ensure_ascii=False)


def test_encoding_is_kept_in_every_way_of_reading() -> None:
    written = write("Zürich", encoding="latin-1")

    assert written.content == b'"Z\xfcrich"'
    place = a_place(written.content, encoding="latin-1")
    assert find_storage("json").read(place) == "Zürich"
    assert read_json(place) == '"Zürich"'


def test_character_that_the_encoding_lacks_is_escaped() -> None:
    written = write("5 €", encoding="latin-1")

    assert written.content == b'"5 \\u20ac"'


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(InvalidError, match="unknown encoding: klingon"):
        write(1, encoding="klingon")


def test_byte_order_mark_is_skipped() -> None:
    assert read_json(a_place(b"\xef\xbb\xbf[1]")) == "[1]"


def test_numbers_that_json_lacks_are_read_as_null() -> None:
    content = b'[NaN, Infinity, -Infinity, 1e999, {"a": NaN}]'

    assert read_json(a_place(content)) == '[null,null,null,null,{"a":null}]'


def test_nan_comes_back_to_python() -> None:
    written = write([float("nan"), 1.5])

    value = find_storage("json").read(a_place(written.content))
    assert [str(number) for number in value] == ["nan", "1.5"]


def test_half_of_a_surrogate_pair_is_replaced_in_json() -> None:
    written = write("a\ud800")

    assert find_storage("json").read(a_place(written.content)) == "a\ud800"
    assert read_json(a_place(written.content)) == '"a?"'


def test_large_integers_are_exact() -> None:
    assert read_json(a_place(b"[1180591620717411303424]")) == "[1180591620717411303424]"


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000 + b"]" * 100_000, b"9" * 5_000])
def test_file_that_is_not_json_is_invalid(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "capacity.json"
    path.write_bytes(content)

    with pytest.raises(InvalidError, match=r"capacity\.json cannot be read as json"):
        read_json(ValueLocation(storage_type="json", uri=str(path)))


def append(content: bytes, value: object, **properties: str) -> bytes | None:
    target = WriteTarget(
        data_node_id="DATANODE_capacity_1",
        edit_id="EDIT_2",
        storage_type="json",
        folder="unused",
        properties=properties,
    )
    return find_storage("json").append(value, target, a_place(content, **properties)).content


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([2, 3], b"[1, 2, 3]"),
        ((2, 3), b"[1, 2, 3]"),
        ([], b"[1]"),
        (2, b"[1, 2]"),
        ({"a": 2}, b'[1, {"a": 2}]'),
        (None, b"[1, null]"),
    ],
)
def test_list_gains_the_items_of_a_list_or_one_item(value: object, expected: bytes) -> None:
    assert append(b"[1]", value) == expected


def test_object_gains_and_replaces_entries() -> None:
    assert append(b'{"a": 1, "b": 2}', {"b": 3, "c": 4}) == b'{"a": 1, "b": 3, "c": 4}'


@pytest.mark.parametrize("content", [b"5", b'"text"', b"null", b"true"])
def test_nothing_is_appended_to_what_is_neither_list_nor_object(content: bytes) -> None:
    with pytest.raises(InvalidError, match="data can be appended only to a list or an object"):
        append(content, [1])


def test_only_an_object_is_appended_to_an_object() -> None:
    with pytest.raises(InvalidError, match=r"only an object .* it was given a list"):
        append(b"{}", [1])


def test_append_needs_the_encoder_and_never_the_decoder() -> None:
    codecs = {**CODECS, "decoder": "no_such_module:Decoder"}

    new = append(b'[{"date": "2026-07-01"}]', datetime.date(2026, 7, 2), **codecs)

    assert new == b'[{"date": "2026-07-01"}, {"date": "2026-07-02"}]'


def test_numbers_that_json_lacks_are_still_there_after_an_append() -> None:
    content = append(b"[NaN, 1180591620717411303424]", 1)

    value = find_storage("json").read(a_place(content))
    assert [str(number) for number in value] == ["nan", "1180591620717411303424", "1"]

"""The odd cases of comma-separated text."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.kinds import find_storage, read_json


def write(value: object, **properties: Any) -> Written:
    target = Target(
        data_node_id="DATANODE_orders_1",
        edit_id="EDIT_1",
        storage_type="csv",
        folder="unused",
        properties=properties,
    )
    return find_storage("csv").write(value, target)


def a_place(content: bytes | None, **properties: Any) -> Place:
    return Place(storage_type="csv", content=content, properties=properties)


def test_positions_of_rows_are_not_written() -> None:
    written = write(pd.DataFrame({"a": [1, 2, 3]}).iloc[1:])

    assert written.content == b"a\n2\n3\n"


def test_table_without_header_has_numbered_columns() -> None:
    written = write([[1, 2], [3, 4]], has_header=False)

    assert written.content == b"1,2\n3,4\n"
    place = a_place(written.content, has_header=False)
    assert read_json(place) == '[{"0":1,"1":2},{"0":3,"1":4}]'


def test_rows_without_header_make_objects_by_position() -> None:
    place = a_place(b"1,2\n", has_header=False, exposed_type="builtins:complex")

    assert find_storage("csv").read(place) == [1 + 2j]


def test_encoding_is_kept_in_both_directions() -> None:
    written = write([{"city": "Zürich"}], encoding="latin-1")

    assert written.content == b"city\nZ\xfcrich\n"
    assert read_json(a_place(written.content, encoding="latin-1")) == '[{"city":"Zürich"}]'


def test_text_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(InvalidError, match="UnicodeEncodeError"):
        write([{"price": "5 €"}], encoding="latin-1")


def test_file_in_another_encoding_is_invalid_and_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"city\nZ\xfcrich\n")

    with pytest.raises(InvalidError, match=r"orders\.csv cannot be read as csv: UnicodeDecode"):
        read_json(Place(storage_type="csv", uri=str(path)))


def test_empty_file_is_an_empty_table() -> None:
    assert read_json(a_place(b"")) == "[]"


def test_file_of_a_spreadsheet_with_a_byte_order_mark_is_read() -> None:
    assert read_json(a_place(b"\xef\xbb\xbfcity\r\nOslo\r\n")) == '[{"city":"Oslo"}]'


def test_nested_data_over_json_is_refused_because_it_would_not_come_back() -> None:
    with pytest.raises(InvalidError, match="column 'b' holds objects or lists"):
        find_storage("csv").from_json([{"a": 1, "b": {"c": 2}}])


def append(content: bytes, value: object, **properties: Any) -> bytes | None:
    target = Target(
        data_node_id="DATANODE_orders_1",
        edit_id="EDIT_2",
        storage_type="csv",
        folder="unused",
        properties=properties,
    )
    return find_storage("csv").append(value, target, a_place(content, **properties)).content


def test_text_that_is_there_stays_to_the_letter_when_rows_are_appended() -> None:
    old = b'code,price,note\r\n007,1.10,"a, ""b"""\r\n'

    assert append(old, [{"price": 2.5, "code": "008"}]) == old + b"008,2.5,\n"


def test_last_line_is_ended_before_rows_are_appended() -> None:
    assert append(b"a\n1", [{"a": 2}]) == b"a\n1\n2\n"


def test_rows_of_a_table_without_header_go_by_the_numbers_that_json_shows() -> None:
    rows = [{"0": 3, "1": 4}]

    assert append(b"1,2\n", rows, has_header=False) == b"1,2\n3,4\n"


def test_encoding_with_a_byte_order_mark_has_one_mark_after_an_append() -> None:
    old = "city\nZürich\n".encode("utf-16")

    new = append(old, [{"city": "Ærø"}], encoding="utf-16")

    assert new == "city\nZürich\nÆrø\n".encode("utf-16")


def test_rows_that_the_encoding_lacks_are_not_appended() -> None:
    with pytest.raises(InvalidError, match="UnicodeEncodeError"):
        append(b"price\n", [{"price": "5 €"}], encoding="latin-1")


def test_append_of_no_rows_changes_nothing() -> None:
    assert append(b"a,b\n", []) == b"a,b\n"

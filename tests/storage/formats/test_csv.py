"""The odd cases of comma-separated text."""

import decimal
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import find_storage, read_json


def a_target(**properties: Any) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_orders_1",
        edit_id="EDIT_1",
        storage_type="csv",
        folder="unused",
        properties=properties,
    )


def write(value: object, **properties: Any) -> WrittenValue:
    return find_storage("csv").write(value, a_target(**properties))


def a_place(content: bytes | None, **properties: Any) -> ValueLocation:
    return ValueLocation(storage_type="csv", content=content, properties=properties)


def test_a_file_that_is_named_like_a_compressed_one_is_neither_written_nor_read(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "orders.csv.gz")

    with pytest.raises(InvalidError, match="neither compressed nor decompressed"):
        write(pd.DataFrame({"a": [1]}), default_path=path)
    with pytest.raises(InvalidError, match="neither compressed nor decompressed"):
        find_storage("csv").read(ValueLocation(storage_type="csv", uri=path))
    assert list(tmp_path.iterdir()) == []


def test_positions_of_rows_are_not_written() -> None:
    written = write(pd.DataFrame({"a": [1, 2, 3]}).iloc[1:])

    assert written.content == b"a\n2\n3\n"


def test_table_without_header_has_numbered_columns() -> None:
    written = write([[1, 2], [3, 4]], has_header=False)

    assert written.content == b"1,2\n3,4\n"
    place = a_place(written.content, has_header=False)
    assert read_json(place) == '[{"0":1,"1":2},{"0":3,"1":4}]'


def test_rows_without_header_make_objects_by_position() -> None:
    place = a_place(b"1,2\n", has_header=False, dtype="int", exposed_type="builtins:complex")

    assert find_storage("csv").read(place) == [1 + 2j]


@pytest.mark.parametrize(
    "content",
    [
        b"city,days\nOslo,007\nRome,\nParis,1.50\n",
        b'"city","days"\n"Oslo","007"\n"Rome",""\n"Paris","1.50"\n',
        b'\xef\xbb\xbfcity,days\r\nOslo,007\r\nRome,""\r\nParis,1.50\r\n',
    ],
)
def test_objects_of_a_class_are_made_of_the_texts_of_cells(content: bytes) -> None:
    place = a_place(content, exposed_type="builtins:dict")

    assert find_storage("csv").read(place) == [
        {"city": "Oslo", "days": "007"},
        {"city": "Rome", "days": ""},
        {"city": "Paris", "days": "1.50"},
    ]


@pytest.mark.parametrize("types", [{"dtype": {"days": "int"}}, {"read_kwargs": {"nrows": 1}}])
def test_objects_of_a_class_have_the_types_that_are_declared(types: dict[str, Any]) -> None:
    place = a_place(b"days\n7\n", exposed_type="builtins:dict", **types)

    assert find_storage("csv").read(place) == [{"days": 7}]


def test_encoding_is_kept_in_both_directions() -> None:
    written = write([{"city": "Zürich"}], encoding="latin-1")

    assert written.content == b"city\nZ\xfcrich\n"
    assert read_json(a_place(written.content, encoding="latin-1")) == '[{"city":"Zürich"}]'


def test_text_that_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(InvalidError, match="UnicodeEncodeError"):
        write([{"price": "5 €"}], encoding="latin-1")


def test_empty_file_is_an_empty_table() -> None:
    assert read_json(a_place(b"")) == "[]"


def test_file_of_a_spreadsheet_with_a_byte_order_mark_is_read() -> None:
    assert read_json(a_place(b"\xef\xbb\xbfcity\r\nOslo\r\n")) == '[{"city":"Oslo"}]'


def test_nested_data_over_json_is_refused_because_it_would_not_come_back() -> None:
    with pytest.raises(InvalidError, match="column 'b' holds objects or lists"):
        find_storage("csv").from_json([{"a": 1, "b": {"c": 2}}])


def append(content: bytes, value: object, **properties: Any) -> bytes | None:
    place = a_place(content, **properties)
    return find_storage("csv").append(value, a_target(**properties), place).content


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"id,name\n1,Ann,\n2,Bob,\n", '[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]'),
        (b"id,name\n1,Ann\n2\n", '[{"id":1,"name":"Ann"},{"id":2,"name":null}]'),
        (b"id,name\n1,\n\n2,Bob\n\n", '[{"id":1,"name":null},{"id":2,"name":"Bob"}]'),
        (b"plz\n01067\n53111\n", '[{"plz":"01067"},{"plz":"53111"}]'),
        (b"phone\n+49171\n", '[{"phone":"+49171"}]'),
        (b"n,m\n900719925474099301,1\n,2\n", '[{"n":900719925474099301,"m":1},{"n":null,"m":2}]'),
        (b"n\n18446744073709551616\n1\n", '[{"n":18446744073709551616},{"n":1}]'),
        (b"c,n\nNA,1\nnull,2\n", '[{"c":"NA","n":1},{"c":"null","n":2}]'),
        (b'a,b\n"1","x"\n"2",\n', '[{"a":"1","b":"x"},{"a":"2","b":null}]'),
        (b'"a","b"\n"1","x"\n"2",""\n', '[{"a":1,"b":"x"},{"a":2,"b":null}]'),
        (b'"a","b"\n1,"01"\n2,""\n', '[{"a":1,"b":"01"},{"a":2,"b":""}]'),
        (b"a, b\n1, 2\n", '[{"a":1," b":2}]'),
        (b"a,a\n1,2\n", '[{"a":1,"a.1":2}]'),
        (b"a,\n1,2\n", '[{"a":1,"Unnamed: 1":2}]'),
        (b"a\r1\r2\r", '[{"a":1},{"a":2}]'),
        (b'a,b\n"x\ny",1\n', '[{"a":"x\\ny","b":1}]'),
    ],
)
def test_file_of_others_is_read_without_loss(text: bytes, expected: str) -> None:
    assert read_json(a_place(text)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"id,name\n1,Ann\n2,Bob,x\n", "row 2 has 3 cells, the header has 2; fix the row"),
        (b"city;price\nBonn;1,5\n", "row 1 has 2 cells, the header has 1; is the separator ';'?"),
    ],
)
def test_row_that_does_not_fit_the_header_is_refused_by_number(text: bytes, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        read_json(a_place(text))


def test_row_longer_than_the_first_is_refused_without_header() -> None:
    with pytest.raises(InvalidError, match="row 2 has 3 cells, the first row has 2"):
        read_json(a_place(b"1,2\n3,4,5\n", has_header=False))


def test_text_that_looks_like_numbers_is_quoted_and_other_text_is_not() -> None:
    rows = [
        {"plz": "53111", "city": "Bonn", "note": ""},
        {"plz": "1.10", "city": "1", "note": None},
    ]

    written = write(rows)

    assert written.content == b'plz,city,note\n"53111",Bonn,""\n"1.10",1,\n'
    assert json.loads(read_json(a_place(written.content))) == rows
    assert json.loads(written.rendition) == rows


LARGE = {"p": "5" * 66_000}
"""What makes a table too large to be read back when it is written."""


@pytest.mark.parametrize("others", [{}, LARGE], ids=["small", "large"])
def test_quotes_between_separators_within_a_cell_are_text(
    others: dict[str, str], tmp_path: Path
) -> None:
    rows = [{"a": 'x,",y', "b": "5"}, {"a": '\n"\n', "b": ""}, {"a": "", "b": "1"}]

    assert written_and_read([others | row for row in rows], tmp_path) == rows


@pytest.mark.parametrize("others", [{}, LARGE], ids=["small", "large"])
def test_empty_text_beside_text_that_looks_like_numbers_stays_text(
    others: dict[str, str], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [{"a": "", "b": "1", "c": None}, {"a": "1", "b": "2", "c": "true"}]

    assert written_and_read([{**others, **row} for row in rows], tmp_path) == rows


@pytest.mark.parametrize("size", [1, 66_000])
def test_empty_text_in_the_only_column_is_refused(size: int) -> None:
    with pytest.raises(InvalidError, match="empty text in the only column"):
        write([{"a": ""}, {"a": "1" * size}])


def test_byte_order_mark_that_begins_a_text_stays(tmp_path: Path) -> None:
    rows = [{"0": "\ufeffx"}]

    assert written_and_read(rows, tmp_path, has_header=False) == rows


def written_and_read(rows: list[dict[str, Any]], folder: Path, **properties: Any) -> Any:
    written = write(rows, default_path=str(folder / "rows.csv"), **properties)
    content = Path(written.staged or "").read_bytes()
    stored, shown = (
        [{name: row[name] for name in row if name not in LARGE} for row in json.loads(text)]
        for text in (read_json(a_place(content, **properties)), written.rendition)
    )
    assert shown == stored[: len(shown)]
    return stored


def test_separator_is_used_in_both_directions_and_for_appended_rows() -> None:
    written = write([{"city": "Bonn", "n": 1}], separator=";")

    assert written.content == b"city;n\nBonn;1\n"
    assert append(b"city;n\nBonn;1", [{"n": 2, "city": "a,b;"}], separator=";") == (
        b'city;n\nBonn;1\n"a,b;";2\n'
    )


@pytest.mark.parametrize("separator", [";;", "a", "\n", '"', ".", "¦"])
def test_separator_that_cannot_be_one_is_refused(separator: str) -> None:
    with pytest.raises(InvalidError, match="give one character"):
        write([{"a": 1}], separator=separator)


def test_declared_types_are_those_that_are_read() -> None:
    place = a_place(
        b"plz,n,kind\n1067,1,x\n", dtype={"plz": "str", "n": "Int64", "kind": "category"}
    )

    frame = find_storage("csv").read(place)

    texts = str(pd.Series(["x"]).dtype)
    assert frame.dtypes.astype(str).to_dict() == {"plz": texts, "n": "Int64", "kind": "category"}
    assert frame["plz"].tolist() == ["1067"]
    with pytest.raises(InvalidError, match="column 'n' cannot have the type 'int64'"):
        read_json(a_place(b"n,m\n,1\n2,3\n", dtype={"n": "int64"}))


@pytest.mark.parametrize("properties", [{"dtype": "str"}, {"read_kwargs": {"dtype": "str"}}])
def test_a_null_in_a_column_that_is_declared_as_text_is_null(properties: dict[str, Any]) -> None:
    place = a_place(b"plz,city\n1067,Oslo\n,Wien\n", **properties)

    assert read_json(place) == '[{"plz":"1067","city":"Oslo"},{"plz":null,"city":"Wien"}]'


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        ("1.5\n2", "int64"),
        ("1\n300", "int8"),
        ("-1\n1", "uint8"),
        ("1e300\n1", "float32"),
        ("9007199254740993\n1.5", "int64"),
        ("5\n6", "timedelta64[ns]"),
    ],
)
def test_declared_type_that_would_change_a_number_is_refused(cells: str, dtype: str) -> None:
    with pytest.raises(InvalidError, match="column 'n' cannot have the type"):
        read_json(a_place(f"n\n{cells}\n".encode(), dtype={"n": dtype}))


def test_digits_that_are_declared_as_dates_are_read_as_they_are_written() -> None:
    place = a_place(b"day\n20240102\n", dtype={"day": "datetime64[us]"})

    assert read_json(place) == '[{"day":"2024-01-02T00:00:00"}]'


@pytest.mark.parametrize("end", ["", "\n"])
def test_cell_in_quotes_that_never_ends_is_refused(end: str) -> None:
    with pytest.raises(InvalidError, match="line 3 has a quoted cell that is never closed"):
        read_json(a_place(f'a,b\n1,","\n2,"x\n3,y{end}'.encode()))


def test_arguments_of_pandas_are_used_and_text_in_quotes_stays_text() -> None:
    properties = {
        "separator": ";",
        "read_kwargs": {"decimal": ","},
        "write_kwargs": {"decimal": ","},
    }
    rows = [{"plz": "53111", "price": 1.5, "n": 1}, {"plz": "10115", "price": 2.25, "n": None}]

    written = write(rows, **properties)

    assert written.content == b'plz;price;n\n"53111";1,5;1\n"10115";2,25;\n'
    assert json.loads(read_json(a_place(written.content, **properties))) == rows
    assert json.loads(written.rendition) == rows


def test_write_is_refused_where_its_arguments_do_not_go_with_those_of_the_reader() -> None:
    with pytest.raises(InvalidError, match="holds numbers, but would be read as text"):
        write([{"price": 1.5}], separator=";", write_kwargs={"decimal": ","})


@pytest.mark.parametrize(
    "properties",
    [
        {"read_kwargs": {"index_col": 0}},
        {"read_kwargs": {"chunksize": 5}},
        {"write_kwargs": {"index": True}},
        {"read_kwargs": ["sep"]},
    ],
)
def test_arguments_that_the_storage_decides_itself_are_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match=r"cannot have|give pandas arguments"):
        write([{"a": 1}], **properties)


def test_surplus_cells_are_refused_with_arguments_of_pandas_too() -> None:
    kwargs = {"skiprows": 0}

    assert read_json(a_place(b"id,n\n1,2,\n3,4,\n", read_kwargs=kwargs)) == (
        '[{"id":1,"n":2},{"id":3,"n":4}]'
    )
    with pytest.raises(InvalidError, match="the rows have 3 cells, but the header has 2"):
        read_json(a_place(b"id,n\n1,2,5\n", read_kwargs=kwargs))


def test_preview_of_a_large_table_has_the_types_of_all_of_it(tmp_path: Path) -> None:
    height = 20_000
    frame = pd.DataFrame(
        {
            "code": [str(number) for number in range(1, height)] + ["x"],
            "plz": ["53111"] * height,
            "n": pd.array([None, *range(1, height)], dtype="Int64"),
            "at": pd.date_range("2026-01-01", periods=height, freq="h"),
        }
    )
    target = WriteTarget(
        data_node_id="D", edit_id="E", storage_type="csv", folder=str(tmp_path), properties={}
    )

    written = find_storage("csv").write(frame, target)

    place = ValueLocation(storage_type="csv", uri=written.uri)
    assert not written.is_complete
    first = json.loads(written.rendition)
    assert first == json.loads(read_json(place, Selection(limit=len(first))))
    assert first[0] == {"code": "1", "plz": "53111", "n": None, "at": "2026-01-01 00:00:00"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pd.DataFrame({"a": [1, "1"]}, dtype=object), "column 'a' holds numbers and text"),
        (pd.DataFrame({"a": [b"x"]}), "column 'a' holds a bytes"),
        (pd.DataFrame({"a": [[1]]}), "column 'a' holds a list"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns have the name 'a'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "two columns have the name '1' as text"),
        (pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="a")), "one of them the row labels"),
        (pd.DataFrame({"": [1]}), "needs a name"),
        (pd.DataFrame({"a": [decimal.Decimal("1234567890.12345678901")]}), "has more digits"),
        (pd.DataFrame(index=range(3)), "3 rows and no columns"),
        (pd.DataFrame({"a": [""]}), "would be read as null"),
    ],
)
def test_what_text_cannot_keep_is_refused(value: pd.DataFrame, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        write(value)


@pytest.mark.parametrize(
    ("row", "message"),
    [({"n": "x"}, "column 'n' holds numbers; text"), ({"t": 5}, "column 't' holds text; numbers")],
)
def test_cell_that_would_change_its_column_is_not_appended(
    row: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidError, match=message):
        append(b"n,t\n1,x\n", [row])


def test_row_labels_and_levels_of_columns_become_columns() -> None:
    frame = pd.DataFrame({"city": ["Bonn", "Kiel"], "n": [1, 2]}).groupby("city").agg(["sum"])

    assert write(frame).content == b"city,n_sum\nBonn,1\nKiel,2\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_first_line_that_names_the_separator_is_no_row(end: str) -> None:
    content = end.join(["sep=;", "a;b", "1;2", ""]).encode()

    found = find_storage("csv").read(a_place(content, separator=";"))
    assert found.to_dict("list") == {"a": [1], "b": [2]}
    with pytest.raises(InvalidError, match="the first line declares the separator ';'; name"):
        read_json(a_place(content))


def test_table_whose_first_name_looks_like_a_line_about_separators_is_kept_or_refused() -> None:
    table = pd.DataFrame({"sep=,": [1, 2]})

    written = write(table)

    found = find_storage("csv").read(a_place(written.content))
    assert found.to_dict("list") == {"sep=,": [1, 2]}
    with pytest.raises(InvalidError, match="the first line declares the separator ';'"):
        write(pd.DataFrame({"sep=;": [1, 2]}))


def test_file_in_another_encoding_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes("city\nZürich\n".encode("latin-1"))

    with pytest.raises(InvalidError, match=r"orders\.csv cannot be .* byte 6 is not valid utf-8"):
        read_json(ValueLocation(storage_type="csv", uri=str(path)))


@pytest.mark.parametrize(
    ("value", "properties"),
    [
        pytest.param(
            {"price": [1.5, 2.0], "name": ["a", "b"]},
            {"separator": ";", "read_kwargs": {"thousands": "."}},
            id="a point that is read as a separator of thousands",
        ),
        pytest.param(
            {"day": pd.to_datetime(["2026-01-02", "2026-03-04"])},
            {"read_kwargs": {"parse_dates": ["day"], "dayfirst": True}},
            id="days that are read as months",
        ),
        pytest.param(
            {"day": pd.to_datetime(["2026-01-02", "2026-03-04"])},
            {"read_kwargs": {"parse_dates": ["day"]}, "write_kwargs": {"date_format": "%d.%m.%Y"}},
            id="days that are written first and read as months",
        ),
        pytest.param(
            {"a": ["x", "y"], "b": [1, 2]},
            {"read_kwargs": {"skiprows": 1}},
            id="a first row that is read as the names",
        ),
        pytest.param(
            {"n": [1, 2], "note": ["see #5", "x"]},
            {"read_kwargs": {"comment": "#"}},
            id="text that is cut as a comment",
        ),
        pytest.param(
            {"n": [1, 2], "note": [" x", "y"]},
            {"read_kwargs": {"skipinitialspace": True}},
            id="blanks that are left out",
        ),
    ],
)
def test_what_options_would_read_as_another_value_is_refused(
    value: dict[str, Any], properties: dict[str, Any]
) -> None:
    with pytest.raises(InvalidError, match="would be read as"):
        write(pd.DataFrame(value), **properties)


@pytest.mark.parametrize(
    ("value", "properties", "read"),
    [
        (
            {"day": [pd.Timestamp("2026-01-02"), pd.NaT]},
            {
                "read_kwargs": {"parse_dates": ["day"], "dayfirst": True},
                "write_kwargs": {"date_format": "%d.%m.%Y"},
            },
            '[{"day":"2026-01-02T00:00:00"},{"day":null}]',
        ),
        (
            {"day": pd.to_datetime(["2026-01-02 12:30"])},
            {"read_kwargs": {"parse_dates": ["day"]}, "write_kwargs": {"date_format": "%Y-%m-%d"}},
            '[{"day":"2026-01-02T00:00:00"}]',
        ),
        (
            {"n": [1.2345, 2.0]},
            {"write_kwargs": {"float_format": "%.2f"}},
            '[{"n":1.23},{"n":2.0}]',
        ),
        (
            {"n": [0.1 + 0.2, 1 / 3, 1e-320, 5e-324, 2.5e300]},
            {"read_kwargs": {"skipinitialspace": True}},
            '[{"n":0.30000000000000004},{"n":0.3333333333333333},{"n":1e-320},{"n":5e-324},'
            '{"n":2.5e300}]',
        ),
        (
            {"n": pd.array([0.1], "float32"), "d": [decimal.Decimal("1.10")], "i": [2**62 + 1]},
            {"read_kwargs": {"skipinitialspace": True}},
            '[{"n":0.1,"d":1.1,"i":4611686018427387905}]',
        ),
        (
            {"a": [1, 2], "b": [3, 4]},
            {"read_kwargs": {"names": ["x", "y"]}},
            '[{"x":1,"y":3},{"x":2,"y":4}]',
        ),
        ({"a": [1, 2], "b": [3, 4]}, {"read_kwargs": {"usecols": ["b"]}}, '[{"b":3},{"b":4}]'),
        (
            {"a": ["1.5", "x"]},
            {"read_kwargs": {"converters": {"a": lambda cell: f"{cell}!"}}},
            '[{"a":"1.5!"},{"a":"x!"}]',
        ),
    ],
)
def test_what_options_say_themselves_is_not_refused(
    value: dict[str, Any], properties: dict[str, Any], read: str
) -> None:
    written = write(pd.DataFrame(value), **properties)

    assert read_json(a_place(written.content, **properties)) == read


def test_rows_that_options_would_read_as_another_value_are_not_appended() -> None:
    with pytest.raises(InvalidError, match="would be read as"):
        append(b"n\n1\n", [{"n": 1.5}], separator=";", read_kwargs={"thousands": "."})


def test_rows_that_would_be_left_out_as_comments_are_refused() -> None:
    with pytest.raises(InvalidError, match="of 2 rows and 2 columns, 1 and 2 would be read"):
        write([{"a": "#x", "b": 1}, {"a": "y", "b": 2}], read_kwargs={"comment": "#"})


def shown_as(text: str, kind: str) -> str:
    """Read a cell of a column of a declared type; return how it is shown."""
    table = read_json(a_place(f"a,b\n{text},1\n".encode(), dtype={"a": kind}))
    return table.removeprefix('[{"a":').removesuffix(',"b":1}]')


@pytest.mark.parametrize(
    ("text", "kind", "fault"),
    [
        ("02.01.2026", "datetime64[us]", "'02.01.2026' does not begin with the year"),
        ("13.01.2026", "datetime64[us]", "does not begin with the year"),
        ("01/02/2026", "datetime64[ns]", "does not begin with the year"),
        ("now", "datetime64[us]", "does not begin with the year"),
        ("010226", "datetime64[us]", "does not begin with the year"),
        ("+5", "timedelta64[us]", "is a duration without a unit"),
    ],
)
def test_texts_that_say_a_date_or_duration_in_two_ways_are_refused(
    text: str, kind: str, fault: str
) -> None:
    with pytest.raises(InvalidError, match=fault):
        shown_as(text, kind)


@pytest.mark.parametrize(
    ("text", "kind", "shown"),
    [
        ("2026-01-02", "datetime64[us]", '"2026-01-02T00:00:00"'),
        ("2026/01/02 03:04", "datetime64[us]", '"2026-01-02T03:04:00"'),
        ("20260102", "datetime64[us]", '"2026-01-02T00:00:00"'),
        ("20260102T0304", "datetime64[us]", '"2026-01-02T03:04:00"'),
        ("2026", "datetime64[us]", '"2026-01-01T00:00:00"'),
        ("2026-01-02T03:04:05+01:00", "datetime64[us, UTC]", '"2026-01-02T02:04:05Z"'),
        ("5s", "timedelta64[us]", '"PT5S"'),
        ("0:05:00", "timedelta64[us]", '"PT300S"'),
        ("-1 days", "timedelta64[us]", '"-P1D"'),
    ],
)
def test_texts_that_say_a_date_or_duration_in_one_way_are_read(
    text: str, kind: str, shown: str
) -> None:
    assert shown_as(text, kind) == shown

"""Sheets of workbooks, and the odd cases of their cells."""

import datetime
import decimal
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import openpyxl  # type: ignore[import-untyped]
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openpyxl.chart import BarChart  # type: ignore[import-untyped]
from openpyxl.styles import Font  # type: ignore[import-untyped]

from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.domain.selections import Condition, Selection
from scenarist.domain.vocabulary import FilterOperator
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import find_storage, publish, read_json

EXCEL = find_storage("excel")


@dataclass
class Reading:
    city: str
    days: int


CITIES = [{"city": "Oslo", "days": 3}, {"city": "Rome", "days": 5}]
PRICES = [{"price": 1.5}]


def a_target(**properties: Any) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="excel",
        folder="unused",
        properties=properties,
    )


def write(value: object, **properties: Any) -> WrittenValue:
    return EXCEL.write(value, a_target(**properties))


def a_place(content: bytes | None, **properties: Any) -> ValueLocation:
    return ValueLocation(storage_type="excel", content=content, properties=properties)


def read(written: WrittenValue, **properties: Any) -> Any:
    return EXCEL.read(a_place(written.content, **properties))


def rows_of(written: WrittenValue, **properties: Any) -> Any:
    return json.loads(read_json(a_place(written.content, **properties)))


def append(written: WrittenValue, value: object, **properties: Any) -> WrittenValue:
    return EXCEL.append(value, a_target(**properties), a_place(written.content, **properties))


def a_workbook(fill: Callable[[Any], object]) -> WrittenValue:
    """Make a workbook as a spreadsheet program would, past the storage."""
    workbook = openpyxl.Workbook()
    fill(workbook.active)
    file = BytesIO()
    workbook.save(file)
    return WrittenValue(
        size=0,
        digest="",
        python_type="",
        rendition="",
        is_complete=False,
        content=file.getvalue(),
    )


def fill_with_a_date(sheet: Any, number: float) -> None:
    """Put a number below what is there, in the format of a date."""
    if sheet["A1"].value is None:
        sheet["A1"] = "a"
    cell = sheet.cell(sheet.max_row + 1, 1, number)
    cell.number_format = "yyyy-mm-dd"


CALCULATED = ('fullCalcOnLoad="1"', "")
"""As spreadsheet programs leave it, which have calculated what there is."""


def parts_of(written: WrittenValue) -> dict[str, str]:
    assert written.content is not None
    with ZipFile(BytesIO(written.content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def with_parts_changed(written: WrittenValue, *changes: tuple[str, str]) -> WrittenValue:
    """Replace text in the parts of a workbook; each has to be there."""
    parts = parts_of(written)
    for old, new in changes:
        assert any(old in text for text in parts.values())
        parts = {name: text.replace(old, new) for name, text in parts.items()}
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return replace(written, content=file.getvalue())


def cells_of(written: WrittenValue) -> Any:
    assert written.content is not None
    return openpyxl.load_workbook(BytesIO(written.content))


def test_named_sheet_is_one_table() -> None:
    written = write(CITIES, sheet_name="Cities")

    assert read(written, sheet_name="Cities").to_dict("records") == CITIES
    assert json.loads(written.rendition) == CITIES


def test_all_sheets_are_tables_by_name() -> None:
    written = write({"Cities": CITIES, "Prices": pd.DataFrame(PRICES)})

    assert rows_of(written) == {"Cities": CITIES, "Prices": PRICES}
    assert json.loads(written.rendition) == {"Cities": CITIES, "Prices": PRICES}
    assert list(read(written)) == ["Cities", "Prices"]


def test_listed_sheets_are_tables_by_name_in_the_order_of_the_list() -> None:
    written = write({"A": PRICES, "B": CITIES, "C": PRICES})

    assert list(rows_of(written, sheet_name=["C", "B"]).items()) == [("C", PRICES), ("B", CITIES)]


def test_table_without_a_named_sheet_is_the_only_one() -> None:
    written = write(CITIES)

    assert rows_of(written) == {"Sheet1": CITIES}


def test_object_of_columns_is_one_table_where_the_sheet_is_named() -> None:
    written = write({"city": ["Oslo", "Rome"], "days": [3, 5]}, sheet_name="Cities")

    assert rows_of(written, sheet_name="Cities") == CITIES


@pytest.mark.parametrize(
    "days", [[3, 5], (3, 5), pd.Series([3, 5], name="0"), np.array([3, 5]), [[3], [5]]]
)
def test_object_is_one_of_sheets_where_none_is_named(days: object) -> None:
    written = write({"Cities": CITIES, "Days": days, "Free": []})

    assert rows_of(written) == {"Cities": CITIES, "Days": [{"0": 3}, {"0": 5}], "Free": []}


def test_object_of_lists_is_one_of_sheets_where_none_is_named() -> None:
    written = write({"city": ["Oslo", "Rome"], "days": [3]})

    assert rows_of(written) == {"city": [{"0": "Oslo"}, {"0": "Rome"}], "days": [{"0": 3}]}


@pytest.mark.parametrize("count", [2, 3_000])
def test_sheets_beside_those_declared_are_written_and_not_read(count: int) -> None:
    written = write({"A": PRICES, "B": PRICES * count}, sheet_name="A")

    assert rows_of(written, sheet_name="A") == PRICES
    assert json.loads(written.rendition) == PRICES
    assert rows_of(written).keys() == {"A", "B"}


def test_empty_table_is_a_sheet_among_others() -> None:
    written = write(EXCEL.from_json({"Cities": CITIES, "Prices": []}))

    assert rows_of(written) == {"Cities": CITIES, "Prices": []}


def test_objects_of_empty_lists_are_sheets_where_sheets_are_listed() -> None:
    written = write(EXCEL.from_json({"A": [], "B": []}), sheet_name=["A", "B"])

    assert rows_of(written) == {"A": [], "B": []}


def test_a_value_without_one_of_the_declared_sheets_is_refused() -> None:
    with pytest.raises(InvalidError, match="sheet_name declares 'A', 'B'; the value has 'A', 'C'"):
        write({"A": CITIES, "C": CITIES}, sheet_name=["A", "B"])


def test_single_table_for_several_sheets_is_refused() -> None:
    with pytest.raises(InvalidError, match="give an object of tables by sheet name"):
        write(CITIES, sheet_name=["A", "B"])


@pytest.mark.parametrize("title", ["", "x" * 32, "a/b", "a:b", "[a]"])
def test_name_that_no_sheet_can_have_is_refused(title: str) -> None:
    with pytest.raises(InvalidError, match="cannot be the name of a sheet"):
        write({title: CITIES})


def test_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(InvalidError, match="differ in case only"):
        write({"plan": CITIES, "Plan": CITIES})


def test_sheet_that_is_not_there_is_named_with_those_there_are() -> None:
    written = write({"A": CITIES, "B": CITIES})

    with pytest.raises(InvalidError, match="there is no sheet 'C'; the sheets are 'A', 'B'"):
        read(written, sheet_name="C")


def test_chart_sheet_is_no_table() -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["a"])
        sheet.parent.create_chartsheet("Chart").add_chart(BarChart())

    assert rows_of(a_workbook(fill)) == {"Sheet": []}


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://example.org")', "+1", "@a", "#N/A", "007", "NA", "1.5"]
)
def test_text_stays_text(text: str) -> None:
    written = write([{"a": text}], sheet_name="A")

    (cell,) = cells_of(written)["A"]["A"][1:]
    assert cell.data_type == "s"
    assert rows_of(written, sheet_name="A") == [{"a": text}]


def test_text_in_the_names_of_columns_is_no_formula() -> None:
    written = write([{"=1+1": 5}], sheet_name="A")

    assert cells_of(written)["A"]["A1"].data_type == "s"
    assert rows_of(written, sheet_name="A") == [{"=1+1": 5}]


def test_formula_is_not_run_and_its_saved_result_is_read() -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: (sheet.append(["a"]), sheet.append(["=1+1"]))),
        ("<f>1+1</f><v />", "<f>1+1</f><v>7</v>"),
        CALCULATED,
    )

    assert rows_of(written, sheet_name="Sheet") == [{"a": 7}]
    assert rows_of(written, sheet_name="Sheet", read_kwargs={"nrows": 1}) == [{"a": 7}]


def test_empty_text_that_a_formula_gives_is_null() -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: (sheet.append(["a", "b"]), sheet.append([1, '=""']))),
        ('<c r="B2"><f>""</f><v />', '<c r="B2" t="str"><f>""</f><v></v>'),
        CALCULATED,
    )

    assert rows_of(written, sheet_name="Sheet") == [{"a": 1, "b": None}]


@pytest.mark.parametrize(
    ("subject", "changes", "cell"),
    [
        ([["a"], ["=1+1"]], [CALCULATED], "A2"),
        ([["a", "b"], [1, 2], [3, "=A3"]], [CALCULATED], "B3"),
        ([["a", "=A1"], [1, 2]], [CALCULATED], "B1"),
        ([["a"], [None], ["=1+1"]], [CALCULATED, (' r="A3"', "")], "A3"),
        ([["a"], ["=1+1"]], [CALCULATED, ("<f>1+1</f><v />", "<f>1+1</f>")], "A2"),
        ([["a"], ["=1+1"]], [CALCULATED, ('"A2"><f>', '"A2" t="str"><f>'), ("<v />", "")], "A2"),
        ([["a"], ["=1+1"]], [CALCULATED, ("<f>1+1</f>", '<f t="shared" si="0"/>')], "A2"),
        ([["a"], ["=1+1"]], [("<f>1+1</f><v />", "<f>1+1</f><v>0</v>")], "A2"),
        (
            [["a"], ["=1+1"]],
            [("<v />", "<v>0</v>"), ('fullCalcOnLoad="1"', "calcCompleted='false'")],
            "A2",
        ),
    ],
    ids=[
        *("alone", "at the edge", "in the header", "without a coordinate", "without an element"),
        *("of text", "shared", "to be calculated when opened", "not calculated to its end"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"read_kwargs": {"nrows": 5}}])
def test_formula_without_a_result_is_refused_and_its_cell_named(
    subject: list[list[Any]], changes: list[tuple[str, str]], cell: str, options: Any
) -> None:
    def fill(sheet: Any) -> None:
        for row in subject:
            sheet.append(row)

    written = with_parts_changed(a_workbook(fill), *changes)

    with pytest.raises(
        InvalidError,
        match=f"cell {cell} of sheet 'Sheet' holds a formula whose result was not saved; open the"
        " workbook in a spreadsheet program and save it",
    ):
        read(written, sheet_name="Sheet", **options)


def test_formula_is_found_whatever_the_prefix_of_its_elements() -> None:
    def with_prefix(sheet: str) -> str:
        return re.sub(r"<(/?)(\w)", r"<\1x:\2", sheet).replace("xmlns=", "xmlns:x=")

    written = a_workbook(lambda sheet: (sheet.append(["a"]), sheet.append(["=1+1"])))
    (sheet,) = (text for name, text in parts_of(written).items() if "worksheets/sheet" in name)
    written = with_parts_changed(written, (sheet, with_prefix(sheet)), CALCULATED)

    for options in ({}, {"read_kwargs": {"nrows": 5}}):
        with pytest.raises(InvalidError, match="cell A2 of sheet 'Sheet' holds a formula"):
            read(written, sheet_name="Sheet", **options)


def test_formula_of_a_sheet_that_is_not_read_does_no_harm() -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["a"])
        sheet.append([1])
        sheet.parent.create_sheet("Totals").append(["=1+1"])

    assert rows_of(a_workbook(fill), sheet_name="Sheet") == [{"a": 1}]


def test_error_that_says_not_available_is_null_and_its_row_one_of_the_table() -> None:
    def fill(sheet: Any) -> None:
        for value in ("a", "#N/A", 2, "#N/A"):
            sheet.append([value])

    written = a_workbook(fill)

    assert rows_of(written, sheet_name="Sheet") == [{"a": None}, {"a": 2}, {"a": None}]
    assert str(read(written, sheet_name="Sheet")["a"].dtype) == "Int64"
    appended = append(written, [{"a": 5}], sheet_name="Sheet")
    assert [row["a"] for row in rows_of(appended, sheet_name="Sheet")] == [None, 2, None, 5]


@pytest.mark.parametrize("error", ["#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"])
def test_error_is_refused_and_its_cell_named(error: str) -> None:
    written = a_workbook(lambda sheet: (sheet.append(["a", "b"]), sheet.append([1, error])))

    with pytest.raises(InvalidError, match=f"cell B2 of sheet 'Sheet' holds {re.escape(error)};"):
        read(written, sheet_name="Sheet")
    assert rows_of(written, sheet_name="Sheet", read_kwargs={"nrows": 5}) == [{"a": 1, "b": None}]


@pytest.mark.parametrize("number", [-1, 1, 59, 60, 60.5])
def test_date_that_programs_count_differently_is_refused(number: float) -> None:
    with pytest.raises(InvalidError, match="cell A2 of sheet 'Sheet' holds a date before 1900-03"):
        read(a_workbook(lambda sheet: fill_with_a_date(sheet, number)), sheet_name="Sheet")


def test_number_that_is_no_date_is_refused_in_the_format_of_one() -> None:
    with pytest.raises(InvalidError, match="date format but holds 2958466, which is not a date"):
        read(a_workbook(lambda sheet: fill_with_a_date(sheet, 2958466)), sheet_name="Sheet")


def test_numbers_in_the_format_of_a_date_are_moments_and_below_one_times() -> None:
    def fill(sheet: Any) -> None:
        for number in (0, 0.5, 61, 46204.25):
            fill_with_a_date(sheet, number)

    found = read(a_workbook(fill), sheet_name="Sheet")["a"]

    assert list(found) == [
        datetime.time(),
        datetime.time(12),
        pd.Timestamp("1900-03-01"),
        pd.Timestamp("2026-07-01T06:00"),
    ]


def test_workbook_that_counts_from_1904_has_its_own_days() -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: fill_with_a_date(sheet, 1)),
        ("<workbookPr />", '<workbookPr date1904="1"/>'),
    )

    assert read(written, sheet_name="Sheet")["a"][0] == pd.Timestamp("1904-01-02")


def test_cells_are_read_by_their_values_and_not_by_what_they_look_like() -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["rate", "truth", "link", "wide"])
        sheet.append([0.255, True, "see", "left"])
        sheet["A2"].number_format = "0%"
        sheet["C2"].hyperlink = "http://example.org/"
        sheet["E1"] = "right"
        sheet.merge_cells("D2:E2")
        sheet.row_dimensions[2].hidden = True
        sheet.column_dimensions["A"].hidden = True
        sheet.parent.create_sheet("Hidden").sheet_state = "hidden"

    assert rows_of(a_workbook(fill)) == {
        "Sheet": [{"rate": 0.255, "truth": True, "link": "see", "wide": "left", "right": None}],
        "Hidden": [],
    }


@pytest.mark.parametrize(
    "text",
    [
        "<r><t>bo</t></r><r><rPr><b/></rPr><t>ld</t></r>",
        '<t>bold</t><rPh sb="0" eb="2"><t>BOLD</t></rPh>',
    ],
    ids=["runs", "phonetic"],
)
def test_text_of_several_formats_is_one_text(text: str) -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: (sheet.append(["a"]), sheet.append(["bold"]))),
        ("<t>bold</t>", text),
    )

    assert rows_of(written, sheet_name="Sheet") == [{"a": "bold"}]


def test_rows_out_of_order_are_refused() -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: (sheet.append(["a"]), sheet.append([1]), sheet.append([2]))),
        ('<row r="3">', '<row r="2">'),
    )

    with pytest.raises(InvalidError, match="row 2 of sheet 'Sheet' comes after row 2"):
        read(written, sheet_name="Sheet")


def test_cells_out_of_order_are_refused() -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: (sheet.append(["a", "b"]), sheet.append([1, 2]))),
        ('r="A2"', 'r="C2"'),
    )

    with pytest.raises(InvalidError, match="the cells of row 2 of sheet 'Sheet' are not in order"):
        read(written, sheet_name="Sheet")


@pytest.mark.parametrize("options", [{}, {"read_kwargs": {"nrows": 5}}])
def test_strict_workbook_is_refused(options: Any) -> None:
    written = with_parts_changed(
        a_workbook(lambda sheet: sheet.append(["a"])),
        (
            "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            "http://purl.oclc.org/ooxml/spreadsheetml/main",
        ),
    )

    with pytest.raises(InvalidError, match="Strict Open XML Spreadsheet, which is not supported"):
        read(written, **options)


def test_types_of_cells_come_back() -> None:
    row = {
        "text": "Ærø\n'x'",
        "whole": 2**60 + 1,
        "part": 0.1 + 0.2,
        "truth": True,
        "moment": pd.Timestamp("2026-07-01T12:30:15.123"),
        "time": datetime.time(1, 2, 3),
    }

    frame = read(write([row], sheet_name="A"), sheet_name="A")

    assert frame.to_dict("records") == [row]


def test_dates_spans_and_decimals_come_back_as_the_nearest_that_a_workbook_has() -> None:
    row = {
        "date": datetime.date(2026, 7, 1),
        "span": datetime.timedelta(hours=36),
        "price": decimal.Decimal("1.10"),
    }

    frame = read(write([row], sheet_name="A"), sheet_name="A")

    assert frame.to_dict("records") == [
        {"date": pd.Timestamp("2026-07-01"), "span": pd.Timedelta(hours=36), "price": 1.1}
    ]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, decimal.Decimal("NaN"), ""])
def test_missing_cell_is_null(missing: object) -> None:
    frame = pd.DataFrame({"a": [missing, "x"], "b": [1, 2]}, dtype=object)

    written = write(frame, sheet_name="A")

    assert rows_of(written, sheet_name="A") == [{"a": None, "b": 1}, {"a": "x", "b": 2}]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"b": 1}, "it was given an object of class dict"),
        (b"raw", "it was given an object of class bytes"),
        (float("inf"), "a workbook cannot hold infinity"),
        ("x" * 32_768, "does not fit in a cell of a workbook"),
        (pd.Period("2026-01"), "an object of class Period; convert it to text, or use pickle"),
        ("\x00", "has the character"),
        (pd.Timestamp("2026-07-01", tz="UTC"), "cannot hold a time zone; .*, or use parquet"),
        (datetime.time(1, tzinfo=datetime.UTC), "cannot hold a time zone; .*, or use parquet"),
    ],
)
def test_cell_that_a_workbook_cannot_hold_is_refused(cell: object, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        write(pd.DataFrame({"a": [cell]}), sheet_name="A")


@pytest.mark.parametrize("properties", [{}, {"write_kwargs": {"float_format": "%.3f"}}])
@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([{"a": "x"}, {"a": "y\x01"}], "row 2 of column 'a' of sheet 'Sheet1'"),
        ([{"a": 1}, {"a": "\x0b"}], "row 2 of column 'a' of sheet 'Sheet1'"),
        ([{"a\x1f": 1}], "'a\\x1f' of a column of sheet 'Sheet1'"),
        ({"s\x00": [{"a": 1}]}, "the name of sheet 's\\x00'"),
    ],
)
def test_character_that_no_workbook_has_is_refused_with_its_place(
    properties: dict[str, Any], value: object, place: str
) -> None:
    with pytest.raises(InvalidError, match=re.escape(place) + ".*which a workbook cannot contain"):
        write(value, **properties)


def test_character_that_no_workbook_has_is_not_appended() -> None:
    with pytest.raises(InvalidError, match=r"row 1 of column 'city'.*a workbook cannot contain"):
        append(write(CITIES), [{"city": "\x01", "days": 1}])


def test_table_without_header_has_numbered_columns() -> None:
    written = write([[1, 2], [3, 4]], has_header=False, sheet_name="A")

    properties = {"has_header": False, "sheet_name": "A"}
    assert rows_of(written, **properties) == [{"0": 1, "1": 2}, {"0": 3, "1": 4}]


def test_columns_without_a_name_of_their_own_get_one() -> None:
    written = a_workbook(lambda sheet: (sheet.append(["a", "a", None]), sheet.append([1, 2, 3])))

    assert rows_of(written, sheet_name="Sheet") == [{"a": 1, "a.1": 2, "Unnamed: 2": 3}]


def test_empty_rows_and_columns_at_the_end_are_left_out() -> None:
    written = a_workbook(
        lambda sheet: (
            sheet.append(["a"]),
            sheet.append([None]),
            sheet.append([1]),
            sheet.cell(9, 9).__setattr__("font", Font(bold=True)),
        )
    )

    assert rows_of(written, sheet_name="Sheet") == [{"a": None}, {"a": 1}]


def test_empty_sheet_is_an_empty_table() -> None:
    written = a_workbook(lambda sheet: None)

    assert rows_of(written) == {"Sheet": []}


def test_rows_are_given_in_the_form_declared_for_each_sheet() -> None:
    written = write({"Cities": CITIES, "Prices": PRICES})
    objects = [Reading("Oslo", 3), Reading("Rome", 5)]
    kind = f"{__name__}:Reading"

    listed = read(written, sheet_name=["Cities", "Prices"], exposed_type=[kind, "numpy"])
    by_name = read(written, exposed_type={"Cities": kind})

    assert listed["Cities"] == objects
    assert listed["Prices"].tolist() == [[1.5]]
    assert by_name["Cities"] == objects
    assert by_name["Prices"].to_dict("records") == PRICES


def test_types_for_another_number_of_sheets_are_refused() -> None:
    written = write({"Cities": CITIES, "Prices": PRICES})

    with pytest.raises(InvalidError, match="exposed_type lists 1 types for the 2 sheets"):
        read(written, exposed_type=["numpy"])


def test_rows_of_a_named_sheet_are_selected() -> None:
    written = write(CITIES, sheet_name="Cities")
    condition = Condition(key="days", operator=FilterOperator.LESS_THAN, value=5)
    place = a_place(written.content, sheet_name="Cities")

    text = read_json(place, Selection(conditions=(condition,), columns=("city",)))

    assert text == '[{"city":"Oslo"}]'


def test_several_sheets_are_not_filtered() -> None:
    written = write({"Cities": CITIES, "Prices": PRICES})

    with pytest.raises(InvalidError, match="only tables and lists of objects"):
        read_json(a_place(written.content), Selection(limit=1))


def test_appended_rows_come_below_and_everything_else_stays() -> None:
    def fill(sheet: Any) -> None:
        sheet.append(["city", "days"])
        sheet.append(["Oslo", 3])
        sheet["A1"].font = Font(bold=True)
        sheet.cell(9, 9).font = Font(bold=True)
        sheet.parent.create_sheet("Notes").append(["mine"])

    written = append(a_workbook(fill), [{"days": 5, "city": "=Rome"}], sheet_name="Sheet")

    workbook = cells_of(written)
    assert [cell.value for cell in workbook["Sheet"]["A"][:3]] == ["city", "Oslo", "=Rome"]
    assert workbook["Sheet"]["A3"].data_type == "s"
    assert workbook["Sheet"]["A1"].font.bold
    assert workbook["Notes"]["A1"].value == "mine"
    assert json.loads(written.rendition) == [CITIES[0], {"city": "=Rome", "days": 5}]


def test_numbers_keep_all_their_digits_when_rows_are_appended() -> None:
    row = {"whole": 2**60 + 1, "part": 0.1 + 0.2}

    written = append(write([row]), [row])

    assert rows_of(written) == {"Sheet1": [row, row]}


def test_rows_are_appended_to_the_only_sheet_where_none_is_named() -> None:
    written = append(write(CITIES[:1]), CITIES[1:])

    assert rows_of(written) == {"Sheet1": CITIES}


def test_rows_are_appended_to_several_sheets_by_name() -> None:
    written = append(write({"A": CITIES[:1], "B": PRICES}), {"A": CITIES[1:], "B": PRICES})

    assert rows_of(written) == {"A": CITIES, "B": PRICES * 2}


def test_rows_are_appended_without_header() -> None:
    properties = {"has_header": False, "sheet_name": "A"}

    written = append(write([[1, 2]], **properties), [[3, 4]], **properties)

    assert rows_of(written, **properties) == [{"0": 1, "1": 2}, {"0": 3, "1": 4}]


def test_rows_are_appended_to_an_empty_sheet_with_their_header() -> None:
    written = append(a_workbook(lambda sheet: None), CITIES)

    assert rows_of(written) == {"Sheet": CITIES}


def test_rows_for_one_of_several_sheets_have_to_name_it() -> None:
    with pytest.raises(InvalidError, match="the sheets are 'A', 'B'"):
        append(write({"A": CITIES, "B": PRICES}), CITIES)


def test_rows_for_a_sheet_that_is_not_there_are_refused() -> None:
    with pytest.raises(InvalidError, match="no sheet 'C' to append to; the sheets are 'A'"):
        append(write({"A": CITIES}), {"C": CITIES})


def test_nothing_is_appended_where_the_results_of_formulas_would_be_lost() -> None:
    written = a_workbook(lambda sheet: (sheet.append(["a"]), sheet.append(["=1+1"])))

    with pytest.raises(InvalidError, match="cell A2 of sheet 'Sheet' holds a formula"):
        append(written, [{"a": 1}])


def test_workbook_of_the_user_is_read_and_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "plan.xlsx")
    first = write(CITIES[:1], path=path)
    publish(first)
    place = ValueLocation(storage_type="excel", uri=first.uri)

    second = EXCEL.append(CITIES[1:], a_target(path=path), place)

    assert json.loads(read_json(place)) == {"Sheet1": CITIES[:1]}
    publish(second)
    assert json.loads(read_json(place)) == {"Sheet1": CITIES}


def test_missing_workbook_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="gone"):
        EXCEL.append(CITIES, a_target(), ValueLocation(storage_type="excel", uri="gone"))


@pytest.mark.parametrize("missing", ["pandas", "openpyxl"])
def test_missing_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(InvalidError, match=r"needs the extra: pip install 'scenarist\[tabular\]'"):
        write(CITIES)


cells = (
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1)
)


# To explain a failure takes longer than a test may.
@settings(deadline=None, max_examples=40, phases=set(Phase) - {Phase.explain})
@given(rows=st.lists(st.tuples(cells, cells), max_size=8), cut=st.integers(0, 8))
def test_values_come_back_whether_written_at_once_or_appended(
    rows: list[tuple[Any, Any]], cut: int
) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype=object)

    written = append(write(frame.iloc[:cut], sheet_name="A"), frame.iloc[cut:], sheet_name="A")

    left = read(written, sheet_name="A").astype(object)
    assert [tuple(row) for row in left.to_numpy().tolist()] == rows


def test_cells_of_a_mixed_column_keep_their_types_with_arguments_of_pandas() -> None:
    rows = [{"a": 0.5, "b": "x"}, {"a": "m", "b": 7}, {"a": 5, "b": None}]
    target = a_target(sheet_name="S", read_kwargs={"usecols": "A:B"})

    written = find_storage("excel").write(rows, target)

    assert json.loads(written.rendition) == rows


@pytest.mark.parametrize(
    "properties",
    [
        {"read_kwargs": {"skiprows": 2}},
        {"read_kwargs": {"skiprows": 2, "na_values": ["-"]}},
        {"read_kwargs": {"skiprows": 2, "usecols": ["code", "n", "ok"]}, "dtype": {"code": "str"}},
        {"read_kwargs": {"skiprows": 2, "decimal": ","}, "dtype": {"code": "str", "ok": "str"}},
    ],
)
def test_text_stays_text_with_arguments_of_pandas(properties: dict[str, Any]) -> None:
    book = openpyxl.Workbook()
    for row in (["Plan"], ["2026"], ["code", "n", "ok"], ["007", 1, "True"], ["042", 2, None]):
        book.active.append(row)
    file = BytesIO()
    book.save(file)

    shown = json.loads(read_json(a_place(file.getvalue(), sheet_name="Sheet", **properties)))

    assert shown == [{"code": "007", "n": 1, "ok": "True"}, {"code": "042", "n": 2, "ok": None}]


def test_text_is_parsed_where_an_argument_of_pandas_says_so() -> None:
    book = openpyxl.Workbook()
    for row in (["price"], ["1.000,50"], ["0,99"]):
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    options = {"decimal": ",", "thousands": "."}

    shown = json.loads(read_json(a_place(file.getvalue(), sheet_name="Sheet", read_kwargs=options)))

    assert shown == [{"price": 1000.5}, {"price": 0.99}]


def test_codes_written_with_arguments_of_pandas_keep_their_zeros() -> None:
    target = a_target(sheet_name="S", read_kwargs={"na_values": ["-"]})

    written = find_storage("excel").write([{"plz": "01067", "n": 1}], target)

    assert json.loads(written.rendition) == [{"plz": "01067", "n": 1}]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 64])
def test_file_that_is_no_workbook_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plan.xlsx").write_bytes(content)

    with pytest.raises(InvalidError, match=r"plan\.xlsx cannot be read as excel: it is no"):
        EXCEL.read(ValueLocation(storage_type="excel", uri=str(tmp_path / "plan.xlsx")))


@pytest.mark.parametrize(
    ("value", "properties"),
    [
        ({"a": ["1.000", "x"], "b": [1.5, 2.0]}, {"read_kwargs": {"na_values": ["x"]}}),
        ({"a": ["x", "y"], "b": [1, 2]}, {"read_kwargs": {"skiprows": 1}}),
        ({"a": ["x #1", "y"], "b": [1, 2]}, {"read_kwargs": {"comment": "#"}}),
        ({"a": ["yes", "no"]}, {"read_kwargs": {"true_values": ["yes"], "false_values": ["no"]}}),
        ({"a": [1.5, 2.0]}, {"write_kwargs": {"startrow": 2}}),
        ({"a": [1.5, 2.0]}, {"write_kwargs": {"startcol": 1}}),
    ],
)
def test_what_options_would_read_as_another_value_is_refused(
    value: dict[str, Any], properties: dict[str, Any]
) -> None:
    with pytest.raises(InvalidError, match="would be read as"):
        write(pd.DataFrame(value), sheet_name="S", **properties)


def test_what_options_say_themselves_is_not_refused() -> None:
    day = datetime.date(2026, 1, 2)
    at = pd.Timestamp("2026-01-02 03:04:05.123456")
    frame = pd.DataFrame(
        {2026: [1.25, 2.0], "day": [day, None], "at": [at, at], "t": ["x", ""], "plz": ["01", "2"]}
    )
    properties = {
        "sheet_name": "S",
        "write_kwargs": {"float_format": "%.1f"},
        "read_kwargs": {"dtype": {"plz": "str"}},
    }

    written = write(frame, **properties)

    rows = json.loads(read_json(a_place(written.content, **properties)))
    assert [list(row.values()) for row in rows] == [
        [1.2, "2026-01-02T00:00:00", "2026-01-02T03:04:05.123000", "x", "01"],
        [2.0, None, "2026-01-02T03:04:05.123000", None, "2"],
    ]


def test_rows_that_options_would_read_as_another_value_are_not_appended() -> None:
    properties = {"sheet_name": "S", "read_kwargs": {"comment": "#"}}
    written = write([{"a": "x", "b": "y"}], **properties)

    with pytest.raises(InvalidError, match="would be read as"):
        append(written, [{"a": "z", "b": "no #5"}], **properties)


def test_a_column_without_a_name_is_refused() -> None:
    frame = pd.DataFrame([[1, 2]], columns=[None, "a"])

    with pytest.raises(InvalidError, match="a column of sheet 'Sheet1' needs a name"):
        write(frame)

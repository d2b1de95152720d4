"""Reads the cells of a sheet; refuses cells whose value is not known."""

import datetime
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from openpyxl.utils import get_column_letter  # type: ignore[import-untyped]
from openpyxl.utils.datetime import WINDOWS_EPOCH, from_excel  # type: ignore[import-untyped]
from openpyxl.worksheet._reader import (  # type: ignore[import-untyped]
    FORMULA_TAG,
    VALUE_TAG,
    WorkSheetParser,
)

from scenarist.domain.errors import InvalidError
from scenarist.storage.formats.excel_cells import FIRST_DAY, MISSING_CELL

_FIRST_TIMESTAMP = datetime.datetime.combine(FIRST_DAY, datetime.time())
_NOT_AVAILABLE = "#N/A"

_WORKBOOK = re.compile(r"(?:^|/)workbook\d*\.xml$")
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml"
_UNCALCULATED = re.compile(
    rb"""\b(?:fullCalcOnLoad\s*=\s*["'](?:1|true)|calcCompleted\s*=\s*["'](?:0|false))["']"""
)
_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
_CHUNK = 1 << 18


def iter_rows(workbook: Any, name: str, *, is_lenient: bool = False) -> Iterator[list[Any]]:
    """Yield the rows of a sheet from its first row on, each up to its last cell.

    Args:
        workbook: A workbook that openpyxl loaded with ``read_only`` and ``data_only``.
        is_lenient: Whether to check formulas only; dates are then numbers.

    Raises:
        InvalidError: The value of a cell is not known: a formula without a result, an error, or a
            date that spreadsheet programs interpret differently.
    """
    with _open_source(workbook, name) as source:
        last = 0
        kind = _FormulaParser if is_lenient else _CellParser
        for number, cells in kind(workbook, name, source).parse():
            if number <= last:
                raise InvalidError(
                    f"row {number} of sheet {name!r} comes after row {last}; open the workbook in"
                    " a spreadsheet program and save it"
                )
            for _ in range(last + 1, number):
                yield []
            last = number
            row: list[Any] = [None] * (cells[-1]["column"] if cells else 0)
            try:
                for cell in cells:
                    row[cell["column"] - 1] = cell["value"]
            except IndexError:
                raise InvalidError(
                    f"the cells of row {number} of sheet {name!r} are not in order; open the"
                    " workbook in a spreadsheet program and save it"
                ) from None
            yield row


def check_formulas(workbook: Any, name: str) -> None:
    """Check that the result of each formula of a sheet is known.

    Raises:
        InvalidError: A result is not known; names the cell.
    """
    with _open_source(workbook, name) as source:
        if not _has_formulas(source):
            return
    for _ in iter_rows(workbook, name, is_lenient=True):
        pass


def check_supported(workbook: Any) -> None:
    """Check that the library supports the workbook: it finds no sheets in a strict one.

    Raises:
        InvalidError: The workbook is a Strict Open XML Spreadsheet.
    """
    if _STRICT in _read_workbook_xml(workbook):
        raise InvalidError(
            "the workbook is a Strict Open XML Spreadsheet, which is not supported; save it as an"
            " Excel Workbook (.xlsx)"
        )


class _FormulaParser(WorkSheetParser):  # type: ignore[misc]
    """Parser that refuses a formula without a result, which the library would read as null."""

    def __init__(self, workbook: Any, title: str, source: BinaryIO) -> None:
        texts = workbook[title]._shared_strings  # noqa: SLF001
        super().__init__(source, texts, data_only=True, epoch=workbook.epoch)
        self._title = title
        # Otherwise the saved results may not be those that a spreadsheet program shows.
        self._is_calculated = _UNCALCULATED.search(_read_workbook_xml(workbook)) is None

    def parse_row(self, row: Any) -> tuple[int, list[dict[str, Any]]]:
        number, cells = super().parse_row(row)
        for cell, element in zip(cells, row, strict=True):
            if cell["value"] is None or not self._is_calculated:
                self._check_formula(cell, element)
        return number, cells

    def _check_formula(self, cell: dict[str, Any], element: Any) -> None:
        if element.find(FORMULA_TAG) is None:
            return
        is_empty_text = element.get("t") == "str" and element.find(VALUE_TAG) is not None
        if not self._is_calculated or (cell["value"] is None and not is_empty_text):
            raise InvalidError(
                f"{self._coordinate(cell)} holds a formula whose result was not saved; open the"
                " workbook in a spreadsheet program and save it, or write values instead of"
                " formulas"
            )

    def _coordinate(self, cell: dict[str, Any]) -> str:
        return f"cell {get_column_letter(cell['column'])}{cell['row']} of sheet {self._title!r}"


class _CellParser(_FormulaParser):
    """Parser that also refuses error cells, and numbers that are not valid dates."""

    def __init__(self, workbook: Any, title: str, source: BinaryIO) -> None:
        # The base class is given no date formats, so it converts no dates; `parse_row` does.
        super().__init__(workbook, title, source)
        self._date_styles = workbook._date_formats  # noqa: SLF001 - includes the formats of durations
        self._duration_styles = workbook._timedelta_formats  # noqa: SLF001

    def parse_row(self, row: Any) -> tuple[int, list[dict[str, Any]]]:
        number, cells = super().parse_row(row)
        moments = self._date_styles
        for cell in cells:
            kind = cell["data_type"]
            if kind == "n":
                if cell["style_id"] in moments:
                    cell["value"] = self._to_timestamp(cell)
            elif kind == "e":
                self._check_error(cell)
        return number, cells

    def _check_error(self, cell: dict[str, Any]) -> None:
        if cell["value"] != _NOT_AVAILABLE:
            raise InvalidError(
                f"{self._coordinate(cell)} holds {cell['value'] or 'an error'}; fix its formula, "
                "clear the cell, or make it #N/A, which is read as null"
            )
        cell["value"] = MISSING_CELL

    def _to_timestamp(self, cell: dict[str, Any]) -> Any:
        number = cell["value"]
        is_span = cell["style_id"] in self._duration_styles
        try:
            moment = from_excel(number, self.epoch, timedelta=is_span)
        except (OverflowError, ValueError) as error:
            raise InvalidError(
                f"{self._coordinate(cell)} has a date format but holds {number}, which is not a "
                "date; give it another format or value"
            ) from error
        if (
            isinstance(moment, datetime.datetime)
            and moment < _FIRST_TIMESTAMP
            and self.epoch == WINDOWS_EPOCH
        ):
            raise InvalidError(
                f"{self._coordinate(cell)} holds a date before {FIRST_DAY}, which spreadsheet "
                "programs interpret differently; write it as text, or give the cell another format"
            )
        return moment


def _open_source(workbook: Any, name: str) -> BinaryIO:
    source: BinaryIO = workbook[name]._get_source()  # noqa: SLF001
    return source


def _read_workbook_xml(workbook: Any) -> bytes:
    """Return the part of the file that describes the workbook as a whole."""
    archive = workbook._archive  # noqa: SLF001
    return b"".join(archive.read(name) for name in archive.namelist() if _WORKBOOK.search(name))


def _has_formulas(source: BinaryIO) -> bool:
    before = b""
    while chunk := source.read(_CHUNK):
        if _FORMULA.search(before + chunk):
            return True
        before = chunk[-64:]
    return False

"""Values of single cells of a workbook: missing ones, dates, and texts with escapes."""

import datetime
import re

FIRST_DAY = datetime.date(1900, 3, 1)
"""Earliest supported date; spreadsheet programs disagree about days before it."""

MISSING_CELL = object()
"""A cell marked as not available: read as null, but not an empty cell at the end of a row."""

_ESCAPE_PATTERN = re.compile("_x([0-9A-Fa-f]{4})_")
_ESCAPE_NEEDED = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\r\ufffe\uffff]")
"""Characters that the XML of a workbook would change, and text that would read as an escape."""


def unescape(text: str) -> str:
    return _ESCAPE_PATTERN.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def escape(text: str) -> str:
    return _ESCAPE_NEEDED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)

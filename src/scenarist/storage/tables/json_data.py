"""Conversion of values to the JSON that REST returns; the same in the server and in workers."""

import json
from typing import Any

import msgspec

from scenarist.domain.selections import Selection
from scenarist.storage.python.data_frames import is_frame, is_labelled_series
from scenarist.storage.python.rendition import to_plain_data
from scenarist.storage.tables.conversion import to_plain_records
from scenarist.storage.tables.selection import select


def to_json_data(value: Any, selection: Selection | None) -> Any:
    """Convert the selected part of a value to plain JSON data: a table to its rows.

    Parts without a JSON form become their ``repr``.

    Raises:
        InvalidError: The selection does not apply to the value.
    """
    if selection is not None:
        value = select(value, selection)
    if is_labelled_series(value):
        value = value.to_frame()
    return to_plain_records(value) if is_frame(value) else to_plain_data(value)


def encode_strict(data: object) -> str:
    """Encode plain data as JSON text that every parser accepts: NaN and infinities are null."""
    try:
        return msgspec.json.encode(data).decode()
    except UnicodeEncodeError:
        # Python's JSON allows half of a surrogate pair; other parsers do not accept it.
        text = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text)).decode()

"""What readers over REST are shown of a value: plain JSON data, the same whoever makes it."""

import json
from typing import Any

import msgspec

from scenarist.domain.selections import Selection
from scenarist.storage.frames import is_frame
from scenarist.storage.rendition import plain_value
from scenarist.storage.selection import select
from scenarist.storage.tables import plain_records


def shown(value: Any, selection: Selection | None) -> Any:
    """Return what a selection leaves of a value, as plain JSON data: of a table, its rows.

    What has no such form is shown by the text that it gives of itself.

    Raises:
        InvalidError: The value cannot be filtered so.
    """
    if selection is not None:
        value = select(value, selection)
    return plain_records(value) if is_frame(value) else plain_value(value)


def strict(data: object) -> str:
    """Return plain data as JSON text that every parser takes: NaN and infinities are null."""
    try:
        return msgspec.json.encode(data).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair is legal in Python's JSON, and no parser of others takes it.
        text = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.encode(json.loads(text)).decode()

"""Functions for the server to have run by a worker, where a value is not read in the server."""

from collections.abc import Mapping
from typing import Any

from scenarist.domain.selections import Selection
from scenarist.storage.frames import is_frame, is_labelled_series
from scenarist.storage.kinds import find_storage
from scenarist.storage.rendition import plain_value
from scenarist.storage.selection import select
from scenarist.storage.tables import plain_records


def chosen(value: Any, selection: Mapping[str, Any] | None) -> Any:
    """Return what a selection leaves of a value, as plain JSON data: of a table, its rows.

    What has no such form is shown as text.

    Args:
        selection: What `Selection.to_data` makes; None for the whole value.

    Raises:
        InvalidError: The value cannot be filtered so.
    """
    if selection is not None:
        value = select(value, Selection.from_data(selection))
    if is_labelled_series(value):
        value = value.to_frame()
    if is_frame(value):
        return plain_records(value)
    if isinstance(value, list | tuple):
        # One item that has no JSON form does not turn the others into text.
        return [plain_value(item) for item in value]
    return plain_value(value)


def prepared(data: object, storage_type: str) -> object:
    """Return data that came as JSON as the value that a storage of the type writes.

    Raises:
        InvalidError: The data has no such form.
    """
    return find_storage(storage_type).from_json(data)

"""How a value is shown as JSON: from its rendition, from its file, or by way of a worker."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import msgspec

from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.environment import resolve
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.identifiers import new_uuid
from scenarist.domain.selections import Selection
from scenarist.services.computations import Computation, Compute, fault_of
from scenarist.storage.base import Place, Target
from scenarist.storage.json import document
from scenarist.storage.kinds import discard, find_storage, named_path, read_json
from scenarist.storage.paths import why_unreadable
from scenarist.storage.selection import select_of_shown

_CHOSEN = "scenarist.storage.reading:chosen"
_EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A data node's value as JSON text; cut short when it is not complete."""

    text: str
    is_complete: bool


class Show:
    """Shows values of data nodes; code that a value brings along runs in workers only.

    Args:
        folder: Where workers put what they have chosen of a large value, until it is answered.
    """

    def __init__(self, compute: Compute, *, folder: str, now: Callable[[], datetime]) -> None:
        self._compute = compute
        self._folder = folder
        self._now = now

    def newest(self, node: DataNode, edit: Edit, wanted: Selection) -> ShownValue:
        """Show the newest value as it is now, also when somebody else has replaced its file.

        Raises:
            NotFoundError: Its file is gone.
            InvalidError: It has no such columns, or is nothing to choose from.
            ConflictError: What lies there cannot be read.
            UnavailableError: No worker had the time to look at it.
        """
        storage = find_storage(node.storage_type)
        if storage.is_external:
            return self._by_worker(node, edit, wanted, is_whole=True)
        is_noted = not is_named(node)
        if storage.is_safe:
            if is_noted and edit.is_complete and wanted == _EVERYTHING:
                return _noted(edit)
            return ShownValue(_text_at(place_of(node, edit), wanted), is_complete=True)
        is_shown = edit.rendition is not None and (edit.is_complete or wanted == _EVERYTHING)
        if is_shown and (is_noted or _is_unchanged(edit)):
            found = _chosen_of(edit, wanted)
            if found is not None:
                return found
        return self._by_worker(node, edit, wanted, is_whole=wanted != _EVERYTHING)

    def _by_worker(
        self, node: DataNode, edit: Edit, wanted: Selection, *, is_whole: bool
    ) -> ShownValue:
        """Have a worker read a value; show the beginning of a large one, or the whole."""
        # The form that functions get is not what is shown, and may be one that has no rows.
        plain = {key: value for key, value in node.properties.items() if key != "exposed_type"}
        done = self._compute(
            Computation(
                function=_CHOSEN,
                inputs=(
                    Place(
                        storage_type=node.storage_type,
                        properties=plain,
                        uri=edit.uri,
                        content=edit.content,
                    ),
                    json_place(wanted.to_data()),
                ),
                outputs=(
                    Target(
                        data_node_id=node.id,
                        edit_id=new_uuid(self._now()),
                        storage_type="json",
                        folder=self._folder,
                    ),
                ),
            )
        )
        if not done.is_successful:
            raise fault_of(
                done,
                doing=f"data node {node.id} could not be read",
                code="data_node_unreadable",
                is_clients=wanted != _EVERYTHING,
            )
        (written,) = done.written
        try:
            if is_whole and not written.is_complete:
                place = Place(storage_type="json", uri=written.uri, content=written.content)
                return ShownValue(read_json(place), is_complete=True)
            return ShownValue(written.rendition, written.is_complete)
        finally:
            discard(written)


def noted(edit: Edit, wanted: Selection) -> ShownValue:
    """Show what the edit itself has of its value.

    Raises:
        ConflictError: It has nothing, or too little to choose from.
        InvalidError: It has no such columns, or is nothing to choose from.
    """
    if edit.rendition is None or (wanted != _EVERYTHING and not edit.is_complete):
        raise ConflictError(
            f"of edit {edit.id} only {'a preview' if edit.rendition else 'the time'} is kept: its "
            "value lies where later ones replace it",
            code="edit_replaced",
        )
    found = _chosen_of(edit, wanted)
    if found is None:
        raise ConflictError(
            f"of edit {edit.id} only what is shown is kept, which does not tell what meets the"
            " conditions; read it whole",
            code="edit_replaced",
        )
    return found


def _chosen_of(edit: Edit, wanted: Selection) -> ShownValue | None:
    """Show what the edit itself has of its value; None where that does not tell what to choose."""
    if wanted == _EVERYTHING:
        return _noted(edit)
    chosen = select_of_shown(msgspec.json.decode(edit.rendition or "null"), wanted)
    if chosen is None:
        return None
    return ShownValue(msgspec.json.encode(chosen).decode(), is_complete=True)


def as_kept(node: DataNode, edit: Edit) -> DataNode:
    """Return a data node as it was declared when a value of it was written."""
    if edit.kept_as is None:
        return node
    return replace(
        node,
        storage_type=edit.kept_as["storage_type"],
        properties=edit.kept_as["properties"],
    )


def place_of(node: DataNode, edit: Edit) -> Place:
    """Return where a value lies, with what the environment of the server says.

    Raises:
        ConflictError: A variable that the data node's config names is not set.
    """
    return Place(
        storage_type=node.storage_type,
        properties=resolved(node),
        uri=edit.uri,
        content=edit.content,
    )


def resolved(node: DataNode) -> dict[str, object]:
    """Return the properties of a data node, with what the environment of the server says.

    Raises:
        ConflictError: A variable that they name is not set.
    """
    try:
        found: dict[str, object] = resolve(dict(node.properties), os.environ)
    except InvalidError as error:
        raise ConflictError(f"data node {node.id}: {error.message}", code=error.reason) from error
    return found


def is_named(node: DataNode) -> bool:
    """Whether its value lies in a file that the user named, where anybody may replace it."""
    return named_path(node.properties) is not None


def version_of(node: DataNode, edit: Edit) -> str | None:
    """Return what is another one when the newest value is; None where only the value tells."""
    if find_storage(node.storage_type).is_external:
        return None
    if edit.uri is None or not is_named(node):
        return edit.id
    try:
        found = Path(edit.uri).stat()
    except (OSError, ValueError):
        return None
    return f"{edit.id}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"


def json_place(data: object) -> Place:
    """Return a place in hand for data that a worker gets as an argument."""
    return Place(storage_type="json", content=document(msgspec.to_builtins(data)))


def _noted(edit: Edit) -> ShownValue:
    return ShownValue(edit.rendition or "null", edit.is_complete)


def _text_at(place: Place, wanted: Selection) -> str:
    try:
        return read_json(place, wanted)
    except InvalidError as error:
        if wanted != _EVERYTHING:
            _text_at(place, _EVERYTHING)
            raise
        # The request was right; what lies there is not.
        raise ConflictError(error.message, code="data_node_unreadable") from error


def _is_unchanged(edit: Edit) -> bool:
    """Whether the file that the user named still holds what was written with the edit."""
    if edit.uri is None or edit.size is None:
        return False
    try:
        with open(edit.uri, "rb") as file:
            if os.fstat(file.fileno()).st_size != edit.size:
                return False
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFoundError(
            why_unreadable(edit.uri, error, was_there=True), code="data_node_file_missing"
        ) from error
    return edit.digest == f"sha256:{found}"

"""What crosses between a data node's record and the storage that keeps its value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from scenarist.domain.named_files import named_path

INLINE_LIMIT = 64 * 1024
"""Bytes up to which a value lies in its edit's own row, and a rendition is complete."""

ROW_LIMIT = 16 * 1024 * 1024
"""Bytes up to which a value that is kept in the database lies in its edit's own row."""


IN_HAND = ""
"""The folder of a target whose value is kept in hand, however large it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What was recorded of the file of a value when it was written.

    Args:
        stamp: See `named_files.stamp_of`; None of a file that is not in a folder of this machine.
    """

    size: int
    digest: str
    stamp: str | None


def kept_of(
    properties: Mapping[str, Any], size: int | None, digest: str | None, stamp: str | None
) -> Kept | None:
    """Return what the file of a value must be like, of what was recorded with the value.

    None where a user has named the file, and where nothing was recorded of it.

    Args:
        properties: Those by which the value is read.
    """
    if size is None or digest is None or named_path(properties) is not None:
        return None
    return Kept(size=size, digest=digest, stamp=stamp)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one value of a data node lies: in a file (``uri``) or in hand (``content``).

    The place of an external storage has neither: the properties say where to look. A file that the
    system named must be as it was ``kept``; one that a user named is as it is, without this.
    """

    storage_type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    uri: str | None = None
    content: bytes | None = None
    kept: Kept | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where the next value of a data node shall go.

    A user-named path (``path`` or ``default_path`` of the properties) wins; without one the
    system names the place: in the edit's row while small, else a new file under ``folder``,
    which may be a URL; with ``IN_HAND`` no file is made. Files are named after ``edit_id``, so
    every attempt at a value needs a new one.
    """

    data_node_id: str
    edit_id: str
    storage_type: str
    folder: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A value that was written aside, and what its edit records of it.

    ``staged`` is the file that waits beside a user-named path for `files.publish`, and ``stamp``
    tells the file from any that another program puts there later.
    ``rendition`` is JSON text: the value when ``is_complete``, else a bounded preview.
    Of an external storage both ``uri`` and ``content`` are None.
    """

    size: int
    digest: str
    python_type: str
    rendition: str
    is_complete: bool
    uri: str | None = None
    content: bytes | None = None
    staged: str | None = None
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was found below a folder or URL of values."""

    uri: str
    size: int
    modified_at: datetime


class Storage(Protocol):
    """One kind of place for values.

    Every implementation passes ``tests/storage/test_conformance.py``.
    """

    storage_type: str
    is_safe: bool
    """Whether reading runs no code that the value brings along, so that the server may do it.

    Never so for an external storage: the server reads and writes it through a worker.
    """
    is_external: bool
    """Whether the value lives where the properties say: a database, a bucket, a user's function.

    Then it is read as it is there now, and a write takes effect at once.
    """
    can_append: bool

    def write(self, value: object, target: Target) -> Written:
        """Write a value aside and sync it; nothing that can be read changes until it is published.

        Raises:
            InvalidError: The storage cannot hold such a value; says what it can hold.
        """

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        """Write a new value, as `write` does: the one at *place*, and after it the one given.

        A table gains rows: its columns stay as they are, and cells that are missing are null.
        A list gains items, or one item; an object gains and replaces entries.

        Args:
            place: None where nothing has been written yet; then this is `write`. An external
                storage does not ask: what is there now gains the rows or items.

        Raises:
            NotFoundError: There is no file at the place.
            InvalidError: The storage cannot append, or the two do not go together; says why.
        """

    def read(self, place: Place) -> Any:
        """Return the value at a place.

        Raises:
            NotFoundError: There is no file at the place.
            InvalidError: What lies there is not in the storage's format.
        """

    def from_json(self, data: object) -> object:
        """Turn data that came as JSON into the kind of value this storage writes.

        Raises:
            InvalidError: The data has no such form (a scalar for a table).
        """

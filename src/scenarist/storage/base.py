"""Data classes and the `Storage` protocol, shared by the record of a data node and its storage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from scenarist.domain.named_files import named_path
from scenarist.domain.outcomes import Figure

INLINE_LIMIT = 64 * 1024
"""Largest value in bytes that is stored in its edit's row, and largest complete rendition."""

ROW_LIMIT = 16 * 1024 * 1024
"""Largest value in bytes that a storage type kept in the database stores in its edit's row."""


INLINE_FOLDER = ""
"""The folder of a target whose value is returned as bytes, whatever its size; no file is made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFingerprint:
    """Fingerprint of the file of a value, recorded when it was written.

    Args:
        stamp: See `storage.files.named.stamp_of`; None for a file that is not in a local folder.
    """

    size: int
    digest: str
    stamp: str | None


def fingerprint_of(
    properties: Mapping[str, Any], size: int | None, digest: str | None, stamp: str | None
) -> FileFingerprint | None:
    """Return the fingerprint that the file of a value must have, from what its edit recorded.

    None when the user named the file, and when size or digest were not recorded.

    Args:
        properties: The properties with which the value is read.
    """
    if size is None or digest is None or named_path(properties) is not None:
        return None
    return FileFingerprint(size=size, digest=digest, stamp=stamp)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredType:
    """Type in which a function gets a value.

    Args:
        data_node: The name of the data node, for messages.
        name: The type as text, made by `config.type_names`.
    """

    data_node: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ValueLocation:
    """Location of one value of a data node: a file (``uri``) or its bytes (``content``).

    For an external storage both are None: the properties specify the location. A file that the
    system named must match ``fingerprint``; for a file that a user named, ``fingerprint`` is None
    and the file is read as it is.
    """

    storage_type: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    uri: str | None = None
    content: bytes | None = None
    fingerprint: FileFingerprint | None = None
    declared_type: DeclaredType | None = None  #: for a value that a function gets


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteTarget:
    """Where the next value of a data node is written.

    A user-named path (``path`` or ``default_path`` of the properties) takes precedence. Without
    one the system chooses: the edit's row for a small value, else a new file under ``folder``,
    which may be a URL; with ``INLINE_FOLDER`` no file is made. Files are named after ``edit_id``,
    so every attempt to write a value needs a new one.
    """

    data_node_id: str
    edit_id: str
    storage_type: str
    folder: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[str, ...] = ()  #: places of numbers to take from the value: JSON Pointers


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenValue:
    """A value that was written but not published, with what its edit records of it.

    ``staged`` is the file next to a user-named path that `value_files.publish` renames, and
    ``stamp`` distinguishes the file from any that another program puts there later.
    ``rendition`` is JSON text: the value when ``is_complete``, else a bounded preview.
    For an external storage both ``uri`` and ``content`` are None.
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
    figures: Mapping[str, Figure] = field(default_factory=dict)  #: what the target asks for


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file found below the folder or URL in which values are stored."""

    uri: str
    size: int
    modified_at: datetime


class Storage(Protocol):
    """Storage type: reads, writes and appends values.

    Every implementation passes ``tests/storage/test_conformance.py``.
    """

    storage_type: str
    is_safe: bool
    """Whether reading runs no code from the value, so that the server may read it itself.

    False for every external storage: the server reads and writes it through a worker.
    """
    is_external: bool
    """Whether the value is stored outside: in a database, a bucket, or by a user's function.

    Reading such a value returns what is there now, and a write takes effect immediately.
    """
    can_append: bool

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        """Write a value to a new file or to bytes, and sync it; readers see it once published.

        Raises:
            InvalidError: The storage cannot hold such a value; says what it can hold.
        """

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        """Write a new value, as `write` does: the one at *location* followed by the one given.

        Rows are added to a table: its columns stay as they are, and missing cells are null.
        Items, or one item, are added to a list; entries of an object are added or replaced.

        Args:
            location: None when nothing has been written yet; then this is `write`. An external
                storage ignores it and appends to what is there now.

        Raises:
            NotFoundError: There is no file at the location.
            InvalidError: The storage cannot append, or the values do not fit together; says why.
        """

    def read(self, location: ValueLocation) -> Any:
        """Return the value at a location.

        Raises:
            NotFoundError: There is no file at the location.
            InvalidError: The content is not in the storage's format.
        """

    def from_json(self, data: object) -> object:
        """Convert data from a JSON request to the kind of value that this storage writes.

        Raises:
            InvalidError: The data cannot be converted (a scalar for a table).
        """

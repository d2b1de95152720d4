"""Files and bytes of values: written aside and synced, put in place by a rename, opened again."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO

from scenarist.domain.errors import (
    InvalidError,
    NotFoundError,
    ScenaristError,
    UnavailableError,
)
from scenarist.storage.base import INLINE_LIMIT, Place, Target, Written
from scenarist.storage.objects import reason


def named_path(properties: Mapping[str, Any]) -> str | None:
    """Return the absolute path that the user gave to a data node, if there is one."""
    path = properties.get("path") or properties.get("default_path")
    return os.path.abspath(path) if path else None


def encode(value: object, target: Target, dump: Callable[[Any], bytes]) -> bytes:
    """Return the bytes that *dump* makes of a value.

    Raises:
        InvalidError: It failed; the value's own code may have done so.
    """
    try:
        return dump(value)
    except ScenaristError:
        raise
    except Exception as error:
        raise InvalidError(
            f"the value for data node {target.data_node_id} cannot be written"
            f" as {target.storage_type}: {reason(error)}"
        ) from error


def decode(place: Place, load: Callable[[BinaryIO], Any]) -> Any:
    """Return what *load* makes of the bytes at a place.

    Raises:
        NotFoundError: There is no file at the place.
        InvalidError: The file cannot be read, or *load* failed.
    """
    with _open(place) as file:
        try:
            return load(file)
        except ScenaristError:
            raise
        except Exception as error:
            where = place.uri or "the value in the database"
            raise InvalidError(
                f"{where} cannot be read as {place.storage_type}: {reason(error)}"
            ) from error


def keep(
    data: bytes, target: Target, *, extension: str, python_type: str, rendition: tuple[str, bool]
) -> Written:
    """Keep bytes where the target says: staged beside the user's file, in hand, or in a new file.

    Raises:
        UnavailableError: A file could not be written; nothing of it is left.
    """
    path = named_path(target.properties)
    if path is None and len(data) <= INLINE_LIMIT:
        return record(data, python_type, rendition, content=data)
    staged = None
    try:
        if path is not None:
            staged = _stage(path, data, target)
        else:
            path = _system_path(target, extension)
            _write_new(path, data)
    except (OSError, ValueError) as error:
        raise UnavailableError(
            f"the value for data node {target.data_node_id} could not be written"
            f" to {path}: {reason(error)}"
        ) from error
    return record(data, python_type, rendition, uri=path, staged=staged)


def record(
    data: bytes,
    python_type: str,
    rendition: tuple[str, bool],
    *,
    uri: str | None = None,
    content: bytes | None = None,
    staged: str | None = None,
) -> Written:
    """Describe bytes that were kept."""
    text, is_complete = rendition
    return Written(
        size=len(data),
        digest="sha256:" + hashlib.sha256(data).hexdigest(),
        python_type=python_type,
        rendition=text,
        is_complete=is_complete,
        uri=uri,
        content=content,
        staged=staged,
    )


def publish(written: Written) -> None:
    """Rename the staged file over the user's, durably; nothing to do when none is staged.

    Safe to repeat: a staged file that is gone was published before.

    Raises:
        UnavailableError: The rename failed; the old file and the staged one are still there.
    """
    if written.staged is None or written.uri is None:
        return
    # A link stays a link: the file that it leads to is replaced.
    path = os.path.realpath(written.uri)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.replace(written.staged, path)
            _sync_folder(os.path.dirname(path))
    except OSError as error:
        raise UnavailableError(
            f"{written.uri} could not be replaced: {error.strerror}; the new value waits in"
            f" {written.staged}"
        ) from error


def discard(written: Written) -> None:
    """Remove the file of a value that will not be recorded; what was published stays.

    A file that is gone, or that the system does not let go, is no error.
    """
    path = written.staged or written.uri
    if path is not None:
        with contextlib.suppress(OSError):
            os.remove(path)


@contextlib.contextmanager
def _open(place: Place) -> Iterator[BinaryIO]:
    if place.content is not None:
        yield BytesIO(place.content)
        return
    if place.uri is None:
        raise NotFoundError("there is no value to read; write the data node first")
    try:
        file = open(place.uri, "rb")  # noqa: SIM115 - closed below; only opening is guarded
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"there is no file at {place.uri}; write the data node, or put the file there"
        ) from None
    except (OSError, ValueError) as error:
        raise InvalidError(f"{place.uri} cannot be opened: {reason(error)}") from error
    with file:
        yield file


def _system_path(target: Target, extension: str) -> str:
    return os.path.join(
        os.path.abspath(target.folder),
        f"{target.storage_type}s",
        target.data_node_id,
        f"{target.edit_id}.{extension}",
    )


def _stage(path: str, data: bytes, target: Target) -> str:
    if os.path.isdir(path):
        raise InvalidError(
            f"the path of data node {target.data_node_id}, {path}, is a folder; name a file"
        )
    # Beside the file that a link leads to, so that the rename stays within one file system.
    path = os.path.realpath(path)
    staged = os.path.join(os.path.dirname(path), f".{target.edit_id}.staged")
    _write_new(staged, data)
    with contextlib.suppress(OSError):
        shutil.copymode(path, staged)
    return staged


def _write_new(path: str, data: bytes) -> None:
    """Write a file that does not exist yet, and sync it and its folder; all or nothing."""
    folder = os.path.dirname(path)
    _make_folder(folder)
    with open(path, "xb", buffering=0) as file:
        try:
            _write_all(file.fileno(), data)
            os.fsync(file.fileno())
            _sync_folder(folder)
        except BaseException:
            os.remove(path)
            raise


def _write_all(descriptor: int, data: bytes) -> None:
    # A raw write may take only a part, as it does when the disk fills up.
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _make_folder(folder: str) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    _make_folder(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    _sync_folder(parent)


def _sync_folder(folder: str) -> None:
    """Make the names in a folder durable, where the system can (Windows cannot)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

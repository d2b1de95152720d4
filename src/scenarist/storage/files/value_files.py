"""Files and bytes of values: write them to a staged file, publish by rename, open, remove."""

import contextlib
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, Protocol

from scenarist.domain.errors import (
    DamagedError,
    InvalidError,
    NotFoundError,
    ScenaristError,
    UnavailableError,
)
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.domain.named_files import explain_compressed, named_path
from scenarist.storage.base import (
    INLINE_FOLDER,
    INLINE_LIMIT,
    FileFingerprint,
    ValueLocation,
    WriteTarget,
    WrittenValue,
)
from scenarist.storage.files import local, remote
from scenarist.storage.files.named import stamp_of
from scenarist.storage.files.path_errors import explain_unwritable
from scenarist.storage.python.objects import describe_error

_TEXTS = frozenset({"csv", "json"})
_CHUNK_BYTES = 1024 * 1024


def encode(value: object, target: WriteTarget, dump: Callable[[Any], bytes]) -> bytes:
    """Return a value as the bytes that *dump* makes of it.

    Raises:
        InvalidError: *dump* failed, possibly in the value's own code.
        UnavailableError: *dump* failed for a reason of the machine, such as a full disk.
    """
    try:
        return dump(value)
    except (ScenaristError, MemoryError):
        raise
    except Exception as error:
        raise (UnavailableError if is_machine_fault(error) else InvalidError)(
            f"the value for data node {target.data_node_id} cannot be written"
            f" as {target.storage_type}: {describe_error(error)}"
        ) from error


def decode(location: ValueLocation, load: Callable[[BinaryIO], Any]) -> Any:
    """Return what *load* makes of the bytes at a location.

    Raises:
        NotFoundError: There is no file at the location.
        DamagedError: The file is not as it was written.
        InvalidError: The file cannot be read, or *load* failed.
        UnavailableError: Reading failed for a reason of the machine, such as an I/O error.
    """
    with _open_location(location) as file:
        try:
            return load(file)
        except (ScenaristError, MemoryError):
            raise
        except UnicodeDecodeError as error:
            where = location.uri or "the value in the database"
            raise InvalidError(
                f"{where} cannot be read as {location.storage_type}: byte {error.start} is not"
                f" valid {error.encoding}; name its encoding in the config of the data node, such"
                " as encoding='cp1252', or save it as UTF-8"
            ) from error
        except Exception as error:
            where = location.uri or "the value in the database"
            raise (UnavailableError if is_machine_fault(error) else InvalidError)(
                f"{where} cannot be read as {location.storage_type}: {describe_error(error)}"
            ) from error


def store_bytes(
    data: bytes,
    target: WriteTarget,
    *,
    extension: str,
    python_type: str,
    rendition: tuple[str, bool],
) -> WrittenValue:
    """Store bytes as the target specifies: in a staged file, in the result, or in a new file.

    Raises:
        UnavailableError: The file could not be written; no part of it is left.
    """
    path = named_path(target.properties)
    if path is None and (len(data) <= INLINE_LIMIT or target.folder == INLINE_FOLDER):
        return describe_bytes(data, python_type, rendition, content=data)
    staged = None
    try:
        if path is not None:
            staged = _stage(path, data, target)
        else:
            _require_folder(target.folder)
            names = (
                folder_name_of(target.storage_type),
                target.data_node_id,
                f"{target.edit_id}.{extension}",
            )
            path = _backend_of(target.folder).join_path(target.folder, *names)
            _backend_of(path).write_new(path, data)
    except UnavailableError as error:
        raise UnavailableError(
            f"the value for data node {target.data_node_id} could not be written to {error.message}"
        ) from error
    written = describe_bytes(data, python_type, rendition, uri=path, staged=staged)
    if remote.is_url(path):
        return written
    return replace(written, stamp=stamp_of(os.stat(staged or path)))


def folder_name_of(storage_type: str) -> str:
    """Return the name of the subfolder of the storage folder for values of a storage type."""
    return f"{storage_type}s"


def describe_bytes(
    data: bytes,
    python_type: str,
    rendition: tuple[str, bool],
    *,
    uri: str | None = None,
    content: bytes | None = None,
    staged: str | None = None,
) -> WrittenValue:
    """Return the description of bytes that were stored, with their size and digest."""
    text, is_complete = rendition
    return WrittenValue(
        size=len(data),
        digest="sha256:" + hashlib.sha256(data).hexdigest(),
        python_type=python_type,
        rendition=text,
        is_complete=is_complete,
        uri=uri,
        content=content,
        staged=staged,
    )


def publish(written: WrittenValue) -> None:
    """Rename the staged file over the user's, durably; do nothing when none is staged.

    Safe to repeat: a staged file that is gone was published before.

    Raises:
        UnavailableError: The rename failed; the old file and the staged one still exist.
    """
    if written.staged is None or written.uri is None:
        return
    # A link stays a link: its target is replaced.
    path = os.path.realpath(written.uri)
    if _is_special(path):
        raise UnavailableError(
            f"{written.uri} could not be replaced: it is not a regular file; the new value is in"
            f" {written.staged}"
        )
    try:
        with contextlib.suppress(FileNotFoundError):
            os.replace(written.staged, path)
            local.sync_folder(os.path.dirname(path))
    except OSError as error:
        raise UnavailableError(
            f"{written.uri} could not be replaced: {error.strerror}; the new value is in"
            f" {written.staged}"
        ) from error


class FileReplacement:
    """Replacement of a user-named file that can be undone if its edit is not recorded.

    Args:
        written: The value to publish; without a staged file, every method does nothing.
    """

    def __init__(self, written: WrittenValue) -> None:
        self._written = written
        self._former: str | None = None
        self._path: str | None = None

    def publish(self) -> None:
        """Publish the value as the function `publish` does, and keep the previous file next to it.

        Raises:
            UnavailableError: The file could not be replaced, and still exists.
        """
        written = self._written
        if written.staged is None or written.uri is None:
            return
        path, former = os.path.realpath(written.uri), f"{written.staged}.former"
        try:
            _link_former(path, former)
            self._former = former
        except FileNotFoundError:
            pass  # there was no previous file
        except OSError as error:
            raise UnavailableError(
                f"{written.uri} could not be replaced: {error.strerror}"
            ) from error
        self._path = path
        publish(written)

    def undo(self) -> None:
        """Restore the previous file, or remove the new one if there was none.

        Raises:
            OSError: The file could not be restored or removed.
        """
        if self._path is None:
            return
        if self._former is None:
            local.remove([self._path])
        else:
            os.replace(self._former, self._path)
            local.remove([self._former])  # still exists when both names are the same file
        local.sync_folder(os.path.dirname(self._path))
        self._path = self._former = None

    def finish(self) -> None:
        """Remove the previous file."""
        if self._former is not None:
            local.remove([self._former])
            self._former = None


def _link_former(path: str, former: str) -> None:
    """Link a file under a second name, so that restoring it changes nothing about the file."""
    try:
        os.link(path, former)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copy2(path, former)


def discard(written: WrittenValue) -> None:
    """Remove the file of a value that will not be recorded; a published file stays.

    A file that is gone or cannot be removed is not an error.
    """
    path = written.staged or written.uri
    if path is not None:
        _backend_of(path).remove([path])


def remove_files(uris: Iterable[str], *, with_folders: bool) -> dict[str, str]:
    """Remove files of values that nothing refers to any more.

    Args:
        with_folders: Whether their data nodes are deleted too, so that nothing writes to the
            folders any more.

    Returns:
        The files that could not be removed, each with the reason. A missing file is not an error.
    """
    here: list[str] = []
    elsewhere: list[str] = []
    for uri in uris:
        (elsewhere if remote.is_url(uri) else here).append(uri)
    left = local.remove(here) | remote.remove(elsewhere)
    if with_folders:
        local.remove_empty_folders(here)
    return left


def has_bytes(uri: str, size: int | None) -> bool:
    """Whether a value's file is still there with its recorded size.

    A file that a URL names is not looked at, as that would take too long: it counts as there.
    """
    if remote.is_url(uri):
        return True
    try:
        return size is None or os.stat(uri).st_size == size
    except OSError:
        return False


def open_file(uri: str) -> BinaryIO:
    """Open the file of a value to read it in pieces.

    Raises:
        NotFoundError: The file is gone.
        InvalidError: The file cannot be opened.
        UnavailableError: The storage cannot be reached.
    """
    return _backend_of(uri).open_file(uri)


def check_fingerprint(file: BinaryIO, uri: str, kept: FileFingerprint) -> None:
    """Verify that a file is as it was written; rewind it to its start.

    A local file with the recorded size, modification time and inode is accepted without reading
    it; for any other file the digest is compared.

    Raises:
        DamagedError: The size or the digest differs.
    """
    check_size(file.seek(0, os.SEEK_END), uri, kept)
    file.seek(0)
    if kept.stamp is not None and not isinstance(file, BytesIO):
        with contextlib.suppress(OSError):
            if stamp_of(os.fstat(file.fileno())) == kept.stamp:
                return
    found = hashlib.sha256()
    while piece := file.read(_CHUNK_BYTES):
        found.update(piece)
    file.seek(0)
    check_digest(found.hexdigest(), uri, kept)


def check_size(size: int, uri: str, kept: FileFingerprint) -> None:
    """Verify that a file has the size with which it was written.

    Raises:
        DamagedError: The size differs.
    """
    if size != kept.size:
        raise DamagedError(
            _damaged_message(uri, f"it has {size} bytes, but {kept.size} were written")
        )


def check_digest(found: str, uri: str, kept: FileFingerprint) -> None:
    """Verify the digest of a file, given in hexadecimal digits.

    Raises:
        DamagedError: The digest differs.
    """
    if kept.digest != f"sha256:{found}":
        raise DamagedError(
            _damaged_message(uri, "its digest differs from that of the bytes written")
        )


def _damaged_message(uri: str, why: str) -> str:
    return (
        f"the file {uri} was truncated or changed after it was written: {why}; restore it from a"
        " backup, write the data node again, or submit the task that produces it"
    )


class _FileBackend(Protocol):
    """Functions of the modules for files in local folders and for files named by URLs."""

    def join_path(self, folder: str, *names: str) -> str: ...
    def write_new(self, path: str, data: bytes) -> None: ...
    def open_file(self, path: str) -> BinaryIO: ...
    def open_whole(self, path: str) -> BinaryIO: ...
    def remove(self, paths: Iterable[str]) -> dict[str, str]: ...


def _backend_of(uri: str) -> _FileBackend:
    return remote if remote.is_url(uri) else local


@contextlib.contextmanager
def _open_location(location: ValueLocation) -> Iterator[BinaryIO]:
    if location.content is not None:
        yield BytesIO(location.content)
        return
    if location.uri is None:
        raise NotFoundError("there is no value to read; write the data node first")
    _require_plain(location.storage_type, location.uri)
    with _backend_of(location.uri).open_whole(location.uri) as file:
        if location.fingerprint is not None:
            check_fingerprint(file, location.uri, location.fingerprint)
        yield file


def _require_folder(folder: str) -> None:
    """Refuse to make the storage folder again: if it was moved, the values are elsewhere."""
    if not remote.is_url(folder) and not os.path.isdir(folder):
        raise UnavailableError(
            f"{folder}: the storage folder is not there; put it back where it was when the server "
            "was started"
        )


def _require_plain(storage_type: str, path: str) -> None:
    """Refuse a file that other programs take to be compressed, which is known only now."""
    if storage_type in _TEXTS and (why := explain_compressed(path)):
        raise InvalidError(why)


def _is_special(path: str) -> bool:
    """Whether a path leads to a device, a named pipe or a socket, which no value may replace."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _stage(path: str, data: bytes, target: WriteTarget) -> str:
    if os.path.isdir(path):
        raise InvalidError(
            f"the path of data node {target.data_node_id}, {path}, is a folder; name a file"
        )
    if _is_special(path):
        raise InvalidError(
            f"the path of data node {target.data_node_id}, {path}, is not a regular file; name one"
        )
    _require_plain(target.storage_type, path)
    try:
        # Next to the target of a link, so that the rename stays within one file system.
        path = os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise UnavailableError(explain_unwritable(path, error)) from error
    staged = os.path.join(os.path.dirname(path), f".{target.edit_id}.staged")
    # An existing file of the user keeps its mode; a new one gets the mode of the umask.
    mode = 0o666
    with contextlib.suppress(OSError):
        mode = os.stat(path).st_mode & 0o777
    local.write_new(staged, data, mode=mode, folder_mode=0o777)
    with contextlib.suppress(OSError):
        shutil.copymode(path, staged)
    return staged

"""Files and bytes of values: written aside, put in place by a rename, opened, removed."""

import contextlib
import hashlib
import os
import shutil
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
from scenarist.domain.machine import is_of_machine
from scenarist.domain.named_files import named_path
from scenarist.storage import disk, shared
from scenarist.storage.base import IN_HAND, INLINE_LIMIT, Kept, Place, Target, Written
from scenarist.storage.named_files import stamp_of
from scenarist.storage.objects import reason
from scenarist.storage.paths import why_unwritable

_PIECE_BYTES = 1024 * 1024


def encode(value: object, target: Target, dump: Callable[[Any], bytes]) -> bytes:
    """Return the bytes that *dump* makes of a value.

    Raises:
        InvalidError: It failed; the value's own code may have done so.
        UnavailableError: The machine failed it.
    """
    try:
        return dump(value)
    except (ScenaristError, MemoryError):
        raise
    except Exception as error:
        raise (UnavailableError if is_of_machine(error) else InvalidError)(
            f"the value for data node {target.data_node_id} cannot be written"
            f" as {target.storage_type}: {reason(error)}"
        ) from error


def decode(place: Place, load: Callable[[BinaryIO], Any]) -> Any:
    """Return what *load* makes of the bytes at a place.

    Raises:
        NotFoundError: There is no file at the place.
        DamagedError: The file is not as it was written.
        InvalidError: The file cannot be read, or *load* failed.
        UnavailableError: The machine failed it.
    """
    with _open(place) as file:
        try:
            return load(file)
        except (ScenaristError, MemoryError):
            raise
        except UnicodeDecodeError as error:
            where = place.uri or "the value in the database"
            raise InvalidError(
                f"{where} cannot be read as {place.storage_type}: it is not {error.encoding}, as"
                f" byte {error.start} says; name its encoding in the config of the data node, such"
                " as encoding='cp1252', or save it as UTF-8"
            ) from error
        except Exception as error:
            where = place.uri or "the value in the database"
            raise (UnavailableError if is_of_machine(error) else InvalidError)(
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
    if path is None and (len(data) <= INLINE_LIMIT or target.folder == IN_HAND):
        return record(data, python_type, rendition, content=data)
    staged = None
    try:
        if path is not None:
            staged = _stage(path, data, target)
        else:
            names = (
                folder_of(target.storage_type),
                target.data_node_id,
                f"{target.edit_id}.{extension}",
            )
            path = _home(target.folder).below(target.folder, *names)
            _home(path).write_new(path, data)
    except UnavailableError as error:
        raise UnavailableError(
            f"the value for data node {target.data_node_id} could not be written to {error.message}"
        ) from error
    written = record(data, python_type, rendition, uri=path, staged=staged)
    if shared.is_url(path):
        return written
    return replace(written, stamp=stamp_of(os.stat(staged or path)))


def folder_of(storage_type: str) -> str:
    """Return the name of the folder, in that of the storage, in which values of a type lie."""
    return f"{storage_type}s"


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
            disk.sync_folder(os.path.dirname(path))
    except OSError as error:
        raise UnavailableError(
            f"{written.uri} could not be replaced: {error.strerror}; the new value waits in"
            f" {written.staged}"
        ) from error


class Replacement:
    """A named file that is replaced while nobody knows yet whether its edit will be recorded.

    Args:
        written: The value that is published; of one without a staged file, nothing happens.
    """

    def __init__(self, written: Written) -> None:
        self._written = written
        self._former: str | None = None
        self._path: str | None = None

    def publish(self) -> None:
        """Do as `publish`, and keep the file of before beside the new one.

        Raises:
            UnavailableError: The file could not be replaced, and is still there.
        """
        written = self._written
        if written.staged is None or written.uri is None:
            return
        path, former = os.path.realpath(written.uri), f"{written.staged}.former"
        try:
            _keep_former(path, former)
            self._former = former
        except FileNotFoundError:
            pass  # there was none
        except OSError as error:
            raise UnavailableError(
                f"{written.uri} could not be replaced: {error.strerror}"
            ) from error
        self._path = path
        publish(written)

    def undo(self) -> None:
        """Put the file of before back, or remove the new one where there was none.

        Raises:
            OSError: It could not be done.
        """
        if self._path is None:
            return
        if self._former is None:
            disk.remove([self._path])
        else:
            os.replace(self._former, self._path)
            disk.remove([self._former])  # still there when both are one file
        disk.sync_folder(os.path.dirname(self._path))
        self._path = self._former = None

    def finish(self) -> None:
        """Let the file of before go."""
        if self._former is not None:
            disk.remove([self._former])
            self._former = None


def _keep_former(path: str, former: str) -> None:
    """Give a file a second name: the same file, so that putting it back is no change."""
    try:
        os.link(path, former)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links
        shutil.copy2(path, former)


def discard(written: Written) -> None:
    """Remove the file of a value that will not be recorded; what was published stays.

    A file that is gone, or that the system does not let go, is no error.
    """
    path = written.staged or written.uri
    if path is not None:
        _home(path).remove([path])


def remove_files(uris: Iterable[str], *, with_folders: bool) -> dict[str, str]:
    """Remove files of values that nothing refers to any more.

    Args:
        with_folders: Whether their data nodes are gone too, so that nobody writes there any more.

    Returns:
        Why those are left that could not be removed. A file that is gone is no error.
    """
    here: list[str] = []
    elsewhere: list[str] = []
    for uri in uris:
        (elsewhere if shared.is_url(uri) else here).append(uri)
    left = disk.remove(here) | shared.remove(elsewhere)
    if with_folders:
        disk.remove_empty_folders(here)
    return left


def open_file(uri: str) -> BinaryIO:
    """Open the file of a value, to read it piece by piece.

    Raises:
        NotFoundError: It is gone.
        InvalidError: It cannot be opened.
        UnavailableError: The storage cannot be reached.
    """
    return _home(uri).open_file(uri)


def check_kept(file: BinaryIO, uri: str, kept: Kept) -> None:
    """Refuse a file that is not as it was written; leave it at its start.

    A file of this machine that still has the size, the time of change and the inode of then is
    taken as it is; of any other the digest is compared.

    Raises:
        DamagedError: Its size or its digest is another one.
    """
    check_size(file.seek(0, os.SEEK_END), uri, kept)
    file.seek(0)
    if kept.stamp is not None and not isinstance(file, BytesIO):
        with contextlib.suppress(OSError):
            if stamp_of(os.fstat(file.fileno())) == kept.stamp:
                return
    found = hashlib.sha256()
    while piece := file.read(_PIECE_BYTES):
        found.update(piece)
    file.seek(0)
    check_digest(found.hexdigest(), uri, kept)


def check_size(size: int, uri: str, kept: Kept) -> None:
    """Refuse a file that has another size than when it was written.

    Raises:
        DamagedError: It has.
    """
    if size != kept.size:
        raise DamagedError(_damaged(uri, f"it has {size} bytes, and {kept.size} were written"))


def check_digest(found: str, uri: str, kept: Kept) -> None:
    """Refuse the bytes of a file whose digest, in hexadecimal digits, is another one.

    Raises:
        DamagedError: It is.
    """
    if kept.digest != f"sha256:{found}":
        raise DamagedError(_damaged(uri, "its digest is not that of what was written"))


def _damaged(uri: str, why: str) -> str:
    return (
        f"the file {uri} was cut or changed after it was written: {why}; bring it back from a"
        " backup, write the data node again, or submit what produces it"
    )


class _Home(Protocol):
    """What a module does that knows one kind of home of files: folders, or URLs."""

    def below(self, folder: str, *names: str) -> str: ...
    def write_new(self, path: str, data: bytes) -> None: ...
    def open_file(self, path: str) -> BinaryIO: ...
    def open_whole(self, path: str) -> BinaryIO: ...
    def remove(self, paths: Iterable[str]) -> dict[str, str]: ...


def _home(uri: str) -> _Home:
    return shared if shared.is_url(uri) else disk


@contextlib.contextmanager
def _open(place: Place) -> Iterator[BinaryIO]:
    if place.content is not None:
        yield BytesIO(place.content)
        return
    if place.uri is None:
        raise NotFoundError("there is no value to read; write the data node first")
    with _home(place.uri).open_whole(place.uri) as file:
        if place.kept is not None:
            check_kept(file, place.uri, place.kept)
        yield file


def _stage(path: str, data: bytes, target: Target) -> str:
    if os.path.isdir(path):
        raise InvalidError(
            f"the path of data node {target.data_node_id}, {path}, is a folder; name a file"
        )
    try:
        # Beside the file that a link leads to, so that the rename stays within one file system.
        path = os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise UnavailableError(why_unwritable(path, error)) from error
    staged = os.path.join(os.path.dirname(path), f".{target.edit_id}.staged")
    # A file of the user has the mode that the user gave it, and a new one that of the umask.
    mode = 0o666
    with contextlib.suppress(OSError):
        mode = os.stat(path).st_mode & 0o777
    disk.write_new(staged, data, mode=mode, folder_mode=0o777)
    with contextlib.suppress(OSError):
        shutil.copymode(path, staged)
    return staged

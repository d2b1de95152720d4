"""The folder of an application of Taipy: where its records and values are, and safe reading."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scenarist.domain.errors import InvalidError, NotFoundError

ENTITY_FOLDER = ".taipy"
"""The folder of records below the one in which the application was started, if not renamed."""

MAX_RECORD_BYTES = 64 * 1024 * 1024


class UnreadableFileError(Exception):
    """A file of the folder cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class TaipyFolder:
    """The folders of an application of Taipy.

    Args:
        root: Where the application was started, which relative paths of values begin at.
        entities: Where its records are.
        values: Further folders in which files of values may be.
    """

    root: Path
    entities: Path
    values: tuple[Path, ...] = ()
    _real: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def read(self, path: Path, *, limit: int | None = None) -> bytes:
        """Return the content of a file below one of the folders.

        Raises:
            UnreadableFileError: It is elsewhere, missing, not a regular file, or too large.
        """
        self.require_inside(path)
        try:
            # Not blocking, as opening a named pipe would wait for its writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise UnreadableFileError(f"{path} is not a regular file")
                if limit is not None and found.st_size > limit:
                    raise UnreadableFileError(
                        f"{path} has {found.st_size} bytes; at most {limit} are read"
                    )
                return file.read()
        except IsADirectoryError:
            raise UnreadableFileError(f"{path} is a folder") from None
        except FileNotFoundError:
            raise UnreadableFileError(f"the file {path} is missing") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreadableFileError(f"{path} cannot be read: {reason}") from None

    def require_inside(self, path: Path) -> None:
        """Refuse a path that is, or leads by links, out of the folders.

        Raises:
            UnreadableFileError: It does.
        """
        folders = [self._find_real(str(item)) for item in (self.root, self.entities, *self.values)]
        try:
            real = os.path.join(self._find_real(str(path.parent)), path.name)
            if os.path.islink(path) or path.name == "..":
                real = os.path.realpath(path)
        except (OSError, ValueError) as error:
            raise UnreadableFileError(f"{path} cannot be read: {error}") from None
        if any(os.path.commonpath([folder, real]) == folder for folder in folders):
            return
        is_link = real != os.path.abspath(path)
        raise UnreadableFileError(
            f"{path} {f'is a link to {real}, which' if is_link else ''} is outside of {self.root}; "
            "name the folder that it is in with --values, if it belongs to the application"
        )

    def _find_real(self, folder: str) -> str:
        """Return the path of a folder without links; looked up once for all files in it."""
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return self._real[folder]

    def iter_records(self, name: str) -> Iterator[Path]:
        """Yield the files of records in a folder below that of the records, sorted by name.

        Raises:
            UnreadableFileError: The folder cannot be listed, or is a link that leads elsewhere.
        """
        folder = self.entities / name
        try:
            names = sorted(os.listdir(folder))
        except FileNotFoundError:
            return
        except OSError as error:
            raise UnreadableFileError(f"{folder} cannot be listed: {error.strerror}") from None
        self.require_inside(folder)
        for file in names:
            if file.endswith(".json"):
                yield folder / file

    def find_named(self, text: str) -> Path | None:
        """Return the file at a path that a user has named, relative to the root; None without."""
        return _find_first([self.root / _to_path(text)])

    def find_generated(self, text: str) -> Path | None:
        """Return the file at a path that Taipy has made up, also in a folder that was moved since.

        Such a file has the identifier of its data node for a name, so that it can be looked for
        below the root without the first parts of its path.
        """
        path = _to_path(text)
        parts = [part for part in path.parts if part not in {path.anchor, ".."}]
        moved = [Path(*parts[start:]) for start in range(len(parts))]
        folders = (self.root, *self.values)
        below = [folder / item for item in moved for folder in folders]
        return _find_first([self.root / path, *below])


def _to_path(text: str) -> Path:
    return Path(text.replace("\\", "/"))


def _to_plain(folder: Path) -> Path:
    """Return an absolute path without ``..``."""
    return Path(os.path.abspath(folder))


def _find_first(paths: Sequence[Path]) -> Path | None:
    return next((path for path in paths if os.path.lexists(path)), None)


def find_folder(folder: Path, values: Path | None = None) -> TaipyFolder:
    """Return the folders of an application, given where it was started or where its records are.

    Args:
        values: A folder outside of the given one in which files of values are.

    Raises:
        NotFoundError: There is no such folder.
        InvalidError: No application of Taipy has kept records there.
    """
    for given in (folder, values):
        if given is not None and not os.path.isdir(given):
            raise NotFoundError(f"there is no folder {given}")
    more = () if values is None else (_to_plain(values),)
    start = _to_plain(folder)
    for root, entities in ((start, start / ENTITY_FOLDER), (start.parent, start)):
        if os.path.isfile(entities / "version.json") or os.path.isdir(entities / "version"):
            return TaipyFolder(root, entities, more)
    raise InvalidError(
        f"{folder} is no folder of an application of Taipy: neither it nor {ENTITY_FOLDER} in it "
        "has the file version.json or the folder version; name the folder in which the "
        "application was started, or its taipy_storage_folder. Records in a database of SQL or "
        "MongoDB (repository_type) cannot be imported"
    )

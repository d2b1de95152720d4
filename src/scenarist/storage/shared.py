"""Files of values on a storage that machines share, named by a URL, by way of fsspec.

The libraries below it take their credentials from the environment, or from their own files.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import urlsplit
from uuid import uuid4

from scenarist.domain.errors import (
    InvalidError,
    NotFoundError,
    ScenaristError,
    UnavailableError,
)
from scenarist.storage.base import StoredFile
from scenarist.storage.objects import reason

_OF_ONE_PROCESS = frozenset({"memory", "memfs"})
_WITH_FOLDERS = frozenset({"sftp", "ssh", "smb", "hdfs", "webhdfs"})
"""Protocols in which a folder must be there before a file in it."""

_TIMES = ("LastModified", "last_modified", "mtime")
_PIECE_BYTES = 4 * 1024 * 1024
_SECRET = re.compile("SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL|FSSPEC", re.IGNORECASE)
_SHORTEST_SECRET = 6

_S3 = frozenset({"s3", "s3a"})
S3_LIMITS: Mapping[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 15,  # seconds without a byte
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
"""How long a store may say nothing while something is read: it ends within a minute."""

WRITE_SECONDS = 45.0
_SLOWEST_BYTES = 256 * 1024  # a second


def is_url(text: str) -> bool:
    return "://" in text


def plain_url(url: str) -> str:
    """Return a URL in the form in which it is recorded: without a slash at its end.

    Raises:
        InvalidError: It cannot name a storage; says why, without what may be a secret.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        name = f"{parts.scheme}://{host}{parts.path}"
        password, extra = parts.password, parts.query or parts.fragment
    except ValueError:
        raise InvalidError("the storage is a URL that cannot be read") from None
    if "::" in url or not host:
        raise InvalidError(
            f"the storage {name} names no bucket or host; write it as s3://bucket/folder"
        )
    if password or extra:
        raise InvalidError(
            f"the storage {name} must stand alone: a password, and what follows ? or #, would be "
            "recorded with each value; give credentials in the environment"
        )
    if parts.scheme in _OF_ONE_PROCESS:
        raise InvalidError(
            f"the storage {name} is memory of one process, and workers are others; take a folder, "
            "or a URL such as s3://bucket/folder"
        )
    return url.rstrip("/")


def prepare(url: str) -> str:
    """Return a URL in the form in which it is recorded, once a file could be written below it.

    Raises:
        InvalidError: It cannot name a storage, or a library is missing; says which.
        UnavailableError: It cannot be reached or written; says why.
    """
    plain = plain_url(url)
    try:
        import fsspec  # type: ignore[import-untyped]

        fsspec.get_filesystem_class(_scheme(plain))
    except ImportError as error:
        is_ours = _scheme(plain) in _S3 or error.name == "fsspec"
        what = "the extra: pip install 'scenarist[s3]'" if is_ours else f"a library: {error}"
        raise InvalidError(f"the storage {plain} needs {what}") from error
    except ValueError as error:
        raise InvalidError(f"the storage {plain} cannot be used: {error}") from error
    probe = below(plain, f".scenarist-{uuid4().hex}")
    try:
        write_new(probe, b"probe")
        open_whole(probe).close()
        left = remove([probe])
    except (UnavailableError, NotFoundError) as error:
        raise UnavailableError(f"the storage cannot be used: {error.message}") from error
    if left:
        raise UnavailableError(f"the storage lets nothing be removed: {left[probe]}")
    return plain


def below(folder: str, *names: str) -> str:
    """Return the name of a file below a URL."""
    return "/".join((folder, *names))


def write_new(url: str, data: bytes) -> None:
    """Write a file that does not exist yet; it is as durable as the storage makes it.

    Raises:
        UnavailableError: It exists, or could not be written; says why.
    """
    with _translated(url):
        system, path = _found(url)
        if _scheme(url) in _WITH_FOLDERS:
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        options = {"timeout": seconds_to_write(data)} if system.async_impl else {}
        system.pipe_file(path, data, mode="create", **options)


def seconds_to_write(data: bytes) -> float:
    """Return how long it may take to write some bytes, in all.

    The client of S3 asks first whether it may send them, and has no limit for the answer.
    """
    return WRITE_SECONDS + len(data) / _SLOWEST_BYTES


def open_file(url: str) -> BinaryIO:
    """Open a file to read it piece by piece.

    Raises:
        NotFoundError: It is gone.
        UnavailableError: The storage cannot be reached.
    """
    with _translated(url, is_read=True):
        system, path = _found(url)
        opened: BinaryIO = system.open(path, "rb", block_size=_PIECE_BYTES)
    return opened


def open_whole(url: str) -> BinaryIO:
    """Open a file after all of it was read, in one request.

    Raises:
        NotFoundError: It is gone.
        UnavailableError: The storage cannot be reached.
    """
    with _translated(url, is_read=True):
        system, path = _found(url)
        return BytesIO(system.cat_file(path))


def list_files(folder: str) -> Iterator[StoredFile]:
    """Go through all files below a URL.

    Raises:
        UnavailableError: The storage cannot be reached.
    """
    with _translated(folder):
        system, root = _found(folder)
        # Others write there as well.
        system.invalidate_cache()
        found = system.find(root, detail=True)
        for path, details in found.items():
            at = next((details[name] for name in _TIMES if name in details), None)
            yield StoredFile(
                uri=below(folder, path.removeprefix(root).lstrip("/")),
                size=details["size"],
                modified_at=at if isinstance(at, datetime) else system.modified(path),
            )


def remove(urls: Iterable[str]) -> dict[str, str]:
    """Remove files; return why those are left that could not be. One that is gone is no error."""
    left: dict[str, str] = {}
    of_schemes: defaultdict[str, list[str]] = defaultdict(list)
    for url in urls:
        of_schemes[_scheme(url)].append(url)
    for some in of_schemes.values():
        try:
            with _translated(some[0]):
                found = [_found(url) for url in some]
                found[0][0].rm([path for _, path in found])
        except UnavailableError:
            left |= _remove_each(some)
    return left


def _remove_each(urls: Iterable[str]) -> dict[str, str]:
    left = {}
    for url in urls:
        try:
            with _translated(url, is_read=True):
                system, path = _found(url)
                system.rm_file(path)
        except NotFoundError:
            continue
        except UnavailableError as error:
            left[url] = error.message
    return left


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _found(url: str) -> tuple[Any, str]:
    """Return what speaks to the storage, and the path there; each thread has its own."""
    import fsspec

    options: dict[str, Any] = {}
    is_s3 = _scheme(url) in _S3
    if is_s3 and "config_kwargs" not in fsspec.config.conf.get("s3", {}):
        options["config_kwargs"] = dict(S3_LIMITS)
    system, path = fsspec.url_to_fs(url, **options)
    if is_s3:
        # The client below it repeats what is worth it.
        system.retries = 1
    return system, path


@contextmanager
def _translated(url: str, *, is_read: bool = False) -> Iterator[None]:
    """Raise what the libraries raise as errors of ours, without causes, which may tell secrets.

    Raises:
        NotFoundError: There is no such file, and it was to be read.
        UnavailableError: Whatever else went wrong.
    """
    try:
        yield
    except ScenaristError:
        raise
    except FileNotFoundError as error:
        if is_read:
            raise NotFoundError(f"there is no file at {url}; write the data node") from None
        raise UnavailableError(f"{url}: {_said(url, error)}") from None
    # Each kind of storage has a library of its own, and no family of errors.
    except Exception as error:  # noqa: BLE001
        if _scheme(url) in _WITH_FOLDERS:
            # Its connection may be broken for good; the next call makes another.
            type(_found(url)[0]).clear_instance_cache()
        raise UnavailableError(f"{url}: {_said(url, error)}") from None


def _said(url: str, error: Exception) -> str:
    import fsspec
    from fsspec.exceptions import FSTimeoutError  # type: ignore[import-untyped]

    if isinstance(error, FSTimeoutError):
        return "the storage did not answer in time"
    given = [*os.environ.items(), *fsspec.config.conf.get(_scheme(url), {}).items()]
    secrets = [str(value) for name, value in given if _SECRET.search(name)]
    return reason(error, hiding=[text for text in secrets if len(text) >= _SHORTEST_SECRET])

"""Files of values on remote storage named by a URL, accessed with fsspec.

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
from scenarist.storage.python.objects import describe_error

_PROCESS_LOCAL = frozenset({"memory", "memfs"})
_WITH_FOLDERS = frozenset({"sftp", "ssh", "smb", "hdfs", "webhdfs"})
"""Protocols that need a folder to exist before a file is written to it."""

_MODIFIED_KEYS = ("LastModified", "last_modified", "mtime")
_CHUNK_BYTES = 4 * 1024 * 1024
_SECRET = re.compile("SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL|FSSPEC", re.IGNORECASE)
_MIN_SECRET_LENGTH = 6

_S3 = frozenset({"s3", "s3a"})
S3_LIMITS: Mapping[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 15,  # seconds without a byte
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
"""Timeouts and retries of reads from S3: a read from a silent store fails within a minute."""

WRITE_SECONDS = 45.0
_MIN_BYTES_PER_SECOND = 256 * 1024  # a second


def is_url(text: str) -> bool:
    return "://" in text


def normalize_url(url: str) -> str:
    """Return a URL as it is recorded: without a trailing slash.

    Raises:
        InvalidError: The URL cannot name a storage; says why, without possible secrets.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        name = f"{parts.scheme}://{host}{parts.path}"
        password, extra = parts.password, parts.query or parts.fragment
    except ValueError:
        raise InvalidError("the URL of the storage is not valid") from None
    if "::" in url or not host:
        raise InvalidError(
            f"the storage {name} names no bucket or host; write it as s3://bucket/folder"
        )
    if password or extra:
        raise InvalidError(
            f"the storage {name} must not have a password, query or fragment, which would be "
            "recorded with each value; give credentials in the environment"
        )
    if parts.scheme in _PROCESS_LOCAL:
        raise InvalidError(
            f"the storage {name} is the memory of one process, which workers cannot read; use a "
            "folder, or a URL such as s3://bucket/folder"
        )
    return url.rstrip("/")


def prepare_url(url: str) -> str:
    """Return a URL as it is recorded, after writing, reading and removing a file below it.

    Raises:
        InvalidError: The URL cannot name a storage, or a library is missing; says which.
        UnavailableError: The storage cannot be reached or written; says why.
    """
    plain = normalize_url(url)
    try:
        import fsspec  # type: ignore[import-untyped]

        fsspec.get_filesystem_class(_scheme(plain))
    except ImportError as error:
        is_ours = _scheme(plain) in _S3 or error.name == "fsspec"
        what = "the extra: pip install 'scenarist[s3]'" if is_ours else f"a library: {error}"
        raise InvalidError(f"the storage {plain} needs {what}") from error
    except ValueError as error:
        raise InvalidError(f"the storage {plain} cannot be used: {error}") from error
    probe = join_path(plain, f".scenarist-{uuid4().hex}")
    try:
        write_new(probe, b"probe")
        open_whole(probe).close()
        left = remove([probe])
    except (UnavailableError, NotFoundError) as error:
        raise UnavailableError(f"the storage cannot be used: {error.message}") from error
    if left:
        raise UnavailableError(f"files cannot be removed from the storage: {left[probe]}")
    return plain


def join_path(folder: str, *names: str) -> str:
    """Return the name of a file below a URL."""
    return "/".join((folder, *names))


def write_new(url: str, data: bytes) -> None:
    """Write a file that does not exist yet; it is as durable as the storage makes it.

    Raises:
        UnavailableError: The file exists, or could not be written; says why.
    """
    with _translate_errors(url):
        system, path = _open_filesystem(url)
        if _scheme(url) in _WITH_FOLDERS:
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        options = {"timeout": write_timeout(data)} if system.async_impl else {}
        system.pipe_file(path, data, mode="create", **options)


def write_timeout(data: bytes) -> float:
    """Return the timeout in seconds for writing some bytes, in total.

    The S3 client first asks whether it may send the bytes, with no timeout for the response.
    """
    return WRITE_SECONDS + len(data) / _MIN_BYTES_PER_SECOND


def open_file(url: str) -> BinaryIO:
    """Open a file to read it in pieces.

    Raises:
        NotFoundError: The file is gone.
        UnavailableError: The storage cannot be reached.
    """
    with _translate_errors(url, is_read=True):
        system, path = _open_filesystem(url)
        opened: BinaryIO = system.open(path, "rb", block_size=_CHUNK_BYTES)
    return opened


def open_whole(url: str) -> BinaryIO:
    """Read a whole file in one request, and return it as an open file.

    Raises:
        NotFoundError: The file is gone.
        UnavailableError: The storage cannot be reached.
    """
    with _translate_errors(url, is_read=True):
        system, path = _open_filesystem(url)
        return BytesIO(system.cat_file(path))


def iter_files(folder: str) -> Iterator[StoredFile]:
    """Yield all files below a URL.

    Raises:
        UnavailableError: The storage cannot be reached.
    """
    with _translate_errors(folder):
        system, root = _open_filesystem(folder)
        # Other processes write there too.
        system.invalidate_cache()
        found = system.find(root, detail=True)
        for path, details in found.items():
            at = next((details[name] for name in _MODIFIED_KEYS if name in details), None)
            yield StoredFile(
                uri=join_path(folder, path.removeprefix(root).lstrip("/")),
                size=details["size"],
                modified_at=at if isinstance(at, datetime) else system.modified(path),
            )


def remove(urls: Iterable[str]) -> dict[str, str]:
    """Remove files; return those that could not be removed with the reason; ignore missing ones."""
    left: dict[str, str] = {}
    of_schemes: defaultdict[str, list[str]] = defaultdict(list)
    for url in urls:
        of_schemes[_scheme(url)].append(url)
    for some in of_schemes.values():
        try:
            with _translate_errors(some[0]):
                found = [_open_filesystem(url) for url in some]
                found[0][0].rm([path for _, path in found])
        except UnavailableError:
            left |= _remove_one_by_one(some)
    return left


def _remove_one_by_one(urls: Iterable[str]) -> dict[str, str]:
    left = {}
    for url in urls:
        try:
            with _translate_errors(url, is_read=True):
                system, path = _open_filesystem(url)
                system.rm_file(path)
        except NotFoundError:
            continue
        except UnavailableError as error:
            left[url] = error.message
    return left


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _open_filesystem(url: str) -> tuple[Any, str]:
    """Return the fsspec file system and the path in it; each thread has its own file system."""
    import fsspec

    options: dict[str, Any] = {}
    is_s3 = _scheme(url) in _S3
    if is_s3 and "config_kwargs" not in fsspec.config.conf.get("s3", {}):
        options["config_kwargs"] = dict(S3_LIMITS)
    system, path = fsspec.url_to_fs(url, **options)
    if is_s3:
        # The client below it already retries.
        system.retries = 1
    return system, path


@contextmanager
def _translate_errors(url: str, *, is_read: bool = False) -> Iterator[None]:
    """Convert errors of the libraries to ours, without their causes, which may contain secrets.

    Raises:
        NotFoundError: The file to read does not exist.
        UnavailableError: Anything else went wrong.
    """
    try:
        yield
    except ScenaristError:
        raise
    except FileNotFoundError as error:
        if is_read:
            raise NotFoundError(f"there is no file at {url}; write the data node") from None
        raise UnavailableError(f"{url}: {_message_of(url, error)}") from None
    # Each kind of storage has its own library, without a common base class of errors.
    except Exception as error:  # noqa: BLE001
        if _scheme(url) in _WITH_FOLDERS:
            # Its connection may be broken for good; the next call opens a new one.
            type(_open_filesystem(url)[0]).clear_instance_cache()
        raise UnavailableError(f"{url}: {_message_of(url, error)}") from None


def _message_of(url: str, error: Exception) -> str:
    import fsspec
    from fsspec.exceptions import FSTimeoutError  # type: ignore[import-untyped]

    if isinstance(error, FSTimeoutError):
        return "the storage did not answer in time"
    given = [*os.environ.items(), *fsspec.config.conf.get(_scheme(url), {}).items()]
    secrets = [str(value) for name, value in given if _SECRET.search(name)]
    return describe_error(
        error, hiding=[text for text in secrets if len(text) >= _MIN_SECRET_LENGTH]
    )

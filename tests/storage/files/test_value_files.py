"""The file of a value that is not as it was written is noticed wherever it is read."""

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scenarist.domain.errors import DamagedError, NotFoundError, UnavailableError
from scenarist.storage.base import (
    INLINE_LIMIT,
    ValueLocation,
    WriteTarget,
    WrittenValue,
    fingerprint_of,
)
from scenarist.storage.registry import find_storage, write_value
from storage.homes import Home

TABLE = pandas.DataFrame(
    {"text": [sha256(str(number).encode()).hexdigest() for number in range(3_000)]}
)
TEXT = "z" * (INLINE_LIMIT + 1)
VALUES = {"csv": TABLE, "excel": TABLE, "parquet": TABLE, "json": [TEXT], "pickle": TEXT}


def _written(storage_type: str, folder: str) -> tuple[WrittenValue, ValueLocation]:
    target = WriteTarget(
        data_node_id="DATANODE_x", edit_id="edit", storage_type=storage_type, folder=folder
    )
    written = write_value(VALUES[storage_type], target)
    kept = fingerprint_of({}, written.size, written.digest, written.stamp)
    return written, ValueLocation(storage_type=storage_type, uri=written.uri, fingerprint=kept)


def _put_later(file: Path) -> None:
    """Move the time of a change on: two within one tick of the system have the same."""
    found = file.stat()
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 10**9))


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-1],
    "emptied": lambda data: b"",
    "longer": lambda data: data + b" ",
    "one bit": _flip,
    "nulled": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("storage_type", VALUES)
def test_a_changed_file_is_not_read(tmp_path: Path, storage_type: str, change: str) -> None:
    written, place = _written(storage_type, str(tmp_path))
    file = Path(str(written.uri))
    file.write_bytes(CHANGES[change](file.read_bytes()))
    _put_later(file)

    with pytest.raises(DamagedError, match="was truncated or changed"):
        find_storage(storage_type).read(place)


@pytest.mark.parametrize("storage_type", VALUES)
def test_a_storage_folder_that_was_moved_away_is_not_made_again(
    tmp_path: Path, storage_type: str
) -> None:
    folder = tmp_path / "values"

    with pytest.raises(UnavailableError, match="the storage folder is not there; put it back"):
        _written(storage_type, str(folder))
    assert not folder.exists()


@pytest.mark.parametrize("storage_type", VALUES)
def test_a_file_as_it_was_written_is_read(home: Home, storage_type: str) -> None:
    _, place = _written(storage_type, home.folder)

    find_storage(storage_type).read(place)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_not_read_from_anywhere(home: Home, change: str) -> None:
    written, place = _written("pickle", home.folder)
    name = str(written.uri).removeprefix(f"{home.folder}/")
    uri = home.put(name, CHANGES[change](home.read(str(written.uri))))
    if "://" not in uri:
        _put_later(Path(uri))

    with pytest.raises(DamagedError):
        find_storage("pickle").read(place)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    written, place = _written("pickle", str(tmp_path))
    os.remove(str(written.uri))

    with pytest.raises(NotFoundError):
        find_storage("pickle").read(place)


def test_a_file_that_was_brought_back_is_read(tmp_path: Path) -> None:
    written, place = _written("pickle", str(tmp_path))
    file = Path(str(written.uri))
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data)

    assert find_storage("pickle").read(place) == TEXT


def test_the_digest_of_a_value_without_a_stamp_is_compared(tmp_path: Path) -> None:
    written, place = _written("pickle", str(tmp_path))
    file = Path(str(written.uri))
    assert place.fingerprint is not None
    old = replace(place, fingerprint=replace(place.fingerprint, stamp=None))

    assert find_storage("pickle").read(old) == TEXT
    file.write_bytes(_flip(file.read_bytes()))
    with pytest.raises(DamagedError):
        find_storage("pickle").read(old)


@pytest.mark.parametrize(
    ("properties", "size", "digest"),
    [({"path": "mine.p"}, 1, "d"), ({"default_path": "mine.p"}, 1, "d"), ({}, None, "d")],
)
def test_named_files_and_values_without_a_size_are_not_compared(
    properties: dict[str, Any], size: int | None, digest: str | None
) -> None:
    assert fingerprint_of(properties, size, digest, None) is None


@pytest.mark.parametrize("storage_type", VALUES)
def test_no_change_of_bytes_goes_unnoticed(tmp_path: Path, storage_type: str) -> None:
    written, place = _written(storage_type, str(tmp_path))
    file = Path(str(written.uri))
    before = file.read_bytes()
    places = st.integers(0, len(before))

    @settings(max_examples=25, deadline=None)
    @given(between=st.tuples(places, places).map(sorted), instead=st.binary(max_size=20))
    def check(between: list[int], instead: bytes) -> None:
        start, end = between
        after = before[:start] + instead + before[end:]
        assume(after != before)
        file.write_bytes(after)
        _put_later(file)

        with pytest.raises(DamagedError):
            find_storage(storage_type).read(place)

    check()

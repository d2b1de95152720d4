"""A disk under SQLite that fails when a test says so: SQLite's own layer for files, and a fault."""

import ctypes
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

IOERR_READ = 266
IOERR_WRITE = 778
IOERR_FSYNC = 1034
FULL = 13

_OK = 0
_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,  # the name, which SQLite keeps where it is
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
)
_TRANSFER = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 15),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", ctypes.c_void_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("truncate", ctypes.c_void_p),
        ("sync", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 13),
    )


class FailingDisk:
    """What the files of databases are on that are opened while it is there.

    Attributes:
        faults: The code of SQLite with which each of "read", "write" and "sync" fails.
        passing: How many calls that would fail do what they should before.
        hits: How many calls have failed.
    """

    def __init__(self) -> None:
        self.faults: dict[str, int] = {}
        self.passing = 0
        self.hits = 0
        self._library = ctypes.CDLL(_library())
        self._library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
        self._usual = self._library.sqlite3_vfs_find(None)
        self._open_usual = _OPEN(self._usual.contents.open)
        self._methods: dict[int, _Methods] = {}
        self._kept: list[Any] = [_OPEN(self._open)]
        self._vfs = _Vfs.from_buffer_copy(self._usual.contents)
        self._vfs.name = b"failing"
        self._vfs.open = ctypes.cast(self._kept[0], ctypes.c_void_p)

    def set_up(self) -> None:
        self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1)

    def take_down(self) -> None:
        self.faults.clear()
        self._library.sqlite3_vfs_register(self._usual, 1)
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))

    def _open(self, vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code: int = self._open_usual(vfs, name, file, flags, out)
        if code == _OK:
            place = ctypes.c_void_p.from_address(file)
            place.value = ctypes.addressof(self._failing(place.value or 0))
        return code

    def _failing(self, usual: int) -> _Methods:
        """Return the methods of a kind of file, with those that can fail in their places."""
        if usual not in self._methods:
            made = _Methods.from_buffer_copy(_Methods.from_address(usual))
            for name, form in (("read", _TRANSFER), ("write", _TRANSFER), ("sync", _SYNC)):
                method = form(self._or_fault(name, form(getattr(made, name))))
                self._kept.append(method)
                setattr(made, name, ctypes.cast(method, ctypes.c_void_p))
            self._methods[usual] = made
        return self._methods[usual]

    def _or_fault(self, name: str, usual: Callable[..., int]) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            fault = self.faults.get(name)
            if fault is None:
                return usual(*arguments)
            if self.passing:
                self.passing -= 1
                return usual(*arguments)
            self.hits += 1
            return fault

        return call


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    disk = FailingDisk()
    disk.set_up()
    try:
        yield disk
    finally:
        disk.take_down()


@cache
def _library() -> str:
    """Return the library of SQLite that Python uses."""
    sqlite3.connect(":memory:").close()
    for line in Path("/proc/self/maps").read_bytes().splitlines():
        path = line.split()[-1]
        if b"libsqlite3" in os.path.basename(path):
            return path.decode()
    pytest.skip("this Python has SQLite within itself, where no disk can be put under it")

"""What the machine fails is never told as the fault of a client."""

import errno
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httptools
import pytest

from processes import limited
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.machine_faults import is_machine_fault
from scenarist.identity.passwords import Passwords
from scenarist.server.http_rejections import to_refusal
from scenarist.storage.base import INLINE_FOLDER, ValueLocation, WriteTarget
from scenarist.storage.files import local, value_files
from scenarist.storage.formats import typed_reading
from scenarist.storage.python.objects import load_function
from scenarist.storage.tables import conversion, retyping

OF_MACHINE = [MemoryError(), *(OSError(number, "no") for number in (errno.EIO, errno.EMFILE))]
TARGET = WriteTarget(
    data_node_id="d", edit_id="e", storage_type="json", folder=INLINE_FOLDER, properties={}
)


class Raising:
    """Takes an HTTP request, and raises when its body comes."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def on_body(self, body: bytes) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (MemoryError(), 503, "out_of_memory"),
        (RuntimeError("a mistake"), 500, "internal"),
        (ValueError("not a target"), 400, "request_malformed"),
    ],
)
def test_a_request_that_the_server_cannot_take_in_is_not_malformed(
    error: Exception, status: int, code: str
) -> None:
    parser = httptools.HttpRequestParser(Raising(error))
    with pytest.raises(httptools.HttpParserError) as caught:
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1")

    refusal = to_refusal(caught.value)

    assert (refusal.status, refusal.code) == (status, code)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EMFILE, errno.EFBIG])
def test_a_value_that_the_machine_cannot_read_or_write_is_unavailable(number: int) -> None:
    def fail(_: object) -> Any:
        raise OSError(number, os.strerror(number))

    with pytest.raises(UnavailableError, match=os.strerror(number)):
        value_files.encode(1, TARGET, fail)
    with pytest.raises(UnavailableError, match=os.strerror(number)):
        value_files.decode(ValueLocation(storage_type="json", content=b"1"), fail)


def test_a_value_that_is_not_there_or_not_of_its_form_is_not_of_the_machine(
    tmp_path: Path,
) -> None:
    def fail(_: object) -> Any:
        raise FileNotFoundError(errno.ENOENT, "no")

    with pytest.raises(InvalidError):
        value_files.decode(ValueLocation(storage_type="json", content=b"1"), fail)
    with pytest.raises(InvalidError):
        local.open_file(str(tmp_path))


@dataclass
class Greedy:
    """A class of the user's that gets no memory."""

    a: int = 0

    def __post_init__(self) -> None:
        if self.a:
            raise MemoryError


@dataclass
class GreedyModel:
    a: int = 0

    @classmethod
    def model_validate(cls, data: object, *, by_name: bool) -> object:
        raise MemoryError


def greedy_module(folder: Path, patch: pytest.MonkeyPatch) -> str:
    (folder / "greedy_module.py").write_text("raise MemoryError\n")
    patch.syspath_prepend(str(folder))
    return "greedy_module"


@pytest.mark.parametrize(
    "work",
    [
        lambda module: load_function(f"{module}:f", setting="read_fct"),
        lambda module: typed_reading.import_class(f"{module}-C"),
        lambda _: conversion._make_object(Greedy, {"a": 1}, 1, by_name=True),
        lambda _: retyping.retype({"a": 1}, GreedyModel(), "the value"),
        lambda _: value_files.encode(1, TARGET, lambda value: Greedy(1)),  # type: ignore[arg-type,return-value]
        lambda _: value_files.decode(
            ValueLocation(storage_type="json", content=b"1"), lambda file: Greedy(1)
        ),
    ],
)
def test_memory_that_gives_out_is_told_as_such(
    work: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = greedy_module(tmp_path, monkeypatch)

    with pytest.raises(MemoryError):
        work(module)


def test_a_password_for_which_there_is_no_memory_is_not_wrong() -> None:
    four_terabytes = (
        "$argon2id$v=19$m=4294967295,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYQ"
        "$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE"
    )

    # Without a limit, some machines promise any amount.
    with limited(resource.RLIMIT_AS, 2**40), pytest.raises(UnavailableError) as caught:
        Passwords().verify(four_terabytes, "right")

    assert caught.value.reason == "out_of_memory"


@pytest.mark.parametrize("error", OF_MACHINE)
def test_faults_of_the_machine_are_known(error: Exception) -> None:
    assert is_machine_fault(error)
    assert not is_machine_fault(FileNotFoundError(errno.ENOENT, "no"))

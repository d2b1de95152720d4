"""Decoding of JSON from clients in little time, whatever numbers it contains.

For a number with a large exponent, such as ``1e308``, msgspec takes a hundred times as long as for
others, and nothing else runs meanwhile: a body of one MiB would stop the server for two seconds.
Such numbers are given to Python instead.
"""

from collections.abc import Callable
from math import isinf
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

_SMALL = 1024
"""Bytes whose numbers take no time that matters."""

_BYTES_PER_SLOW_NUMBER = 1024
"""Fewer slow numbers than one in this many bytes take no time that matters."""

_CLASSES = bytes.maketrans(b"012345678E", b"999999999e")
_SIGNS = b"+-"
_LARGE_EXPONENT = b"9e999"


class JsonDecoder(Generic[T]):
    """Decodes JSON of a type, as ``msgspec.json.Decoder`` does.

    Numbers in fields that are typed as ``float`` are left to msgspec: each field has one.
    """

    def __init__(self, type_: type[T] | Any = Any) -> None:
        self._decoder = msgspec.json.Decoder(type_)
        self._with_python = msgspec.json.Decoder(type_, float_hook=_read_number)

    def decode(self, data: bytes) -> T:
        """Decode JSON.

        Raises:
            msgspec.MsgspecError: It is not JSON of this type.
        """
        decoder = self._with_python if has_slow_numbers(data) else self._decoder
        decoded: T = decoder.decode(data)
        return decoded


def decode_json(data: bytes | str) -> Any:
    """Decode any JSON. For short texts, and for those with few fractions."""
    return _ANY.decode(data)


def make_text_decoder(type_: Any) -> Callable[[str], Any]:
    """Return a function that decodes texts as a type, as `decode_json` does."""
    return msgspec.json.Decoder(type_, float_hook=_read_number).decode


def has_slow_numbers(data: bytes) -> bool:
    """Whether there may be many numbers that msgspec decodes slowly."""
    if len(data) <= _SMALL:
        return False
    found = data.translate(_CLASSES, _SIGNS).count(_LARGE_EXPONENT)
    return found * _BYTES_PER_SLOW_NUMBER > len(data)


def _read_number(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("Number out of range")
    return number


_ANY = msgspec.json.Decoder(float_hook=_read_number)

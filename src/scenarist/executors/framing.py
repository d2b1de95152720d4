"""Framing of messages on a byte stream: four bytes of length, then the message."""

import struct

MESSAGE_LIMIT = 512 * 2**20
"""The largest message accepted from a worker, in bytes; a worker that sends more is replaced."""

_HEADER = struct.Struct("!I")


class MessageTooLargeError(ValueError):
    """A message is larger than the limit."""


def encode_frame(message: bytes) -> bytes:
    return _HEADER.pack(len(message)) + message


class FrameDecoder:
    """Decoder that splits a byte stream into messages.

    Args:
        limit: The largest message accepted, in bytes.
    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = 2**32) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes from the stream; return the messages that are complete now.

        Raises:
            MessageTooLargeError: The header announces a message larger than the limit.
        """
        buffer = self._buffer
        buffer += data
        messages = []
        start = 0
        while len(buffer) - start >= _HEADER.size:
            (length,) = _HEADER.unpack_from(buffer, start)
            if length > self._limit:
                buffer.clear()
                raise MessageTooLargeError(
                    f"a message of {length:,} bytes, more than the limit of {self._limit:,}"
                )
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            messages.append(bytes(buffer[start + _HEADER.size : end]))
            start = end
        del buffer[:start]
        return messages

"""Messages on a byte stream: four bytes of length, then the message."""

import struct

MESSAGE_LIMIT = 512 * 2**20
"""Bytes of a message that is taken from a worker; one that sends more is replaced."""

_HEADER = struct.Struct("!I")


class MessageTooLargeError(ValueError):
    """A message is larger than any that is taken."""


def frame(message: bytes) -> bytes:
    return _HEADER.pack(len(message)) + message


class Frames:
    """Cuts what comes in on a stream into messages.

    Args:
        limit: How many bytes a message may have.
    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = 2**32) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the messages that are complete now.

        Raises:
            MessageTooLargeError: A message has begun that is larger than the limit.
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
                    f"a message of {length:,} bytes, where {self._limit:,} are taken at most"
                )
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            messages.append(bytes(buffer[start + _HEADER.size : end]))
            start = end
        del buffer[:start]
        return messages

"""Messages on a byte stream: four bytes of length, then the message."""

import struct

_HEADER = struct.Struct("!I")


def frame(message: bytes) -> bytes:
    return _HEADER.pack(len(message)) + message


class Frames:
    """Cuts what comes in on a stream into messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream; return the messages that are complete now."""
        buffer = self._buffer
        buffer += data
        messages = []
        start = 0
        while len(buffer) - start >= _HEADER.size:
            (length,) = _HEADER.unpack_from(buffer, start)
            end = start + _HEADER.size + length
            if len(buffer) < end:
                break
            messages.append(bytes(buffer[start + _HEADER.size : end]))
            start = end
        del buffer[:start]
        return messages

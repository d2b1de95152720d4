"""The environment as C libraries see it, which `os.putenv` changes without `os.environ`."""

import ctypes
import os

_POINTER = ctypes.sizeof(ctypes.c_void_p)


class CEnvironment:
    """Snapshot of the environment variables of this process; empty if they cannot be found."""

    def __init__(self) -> None:
        try:
            self._start: ctypes.c_void_p | None = ctypes.c_void_p.in_dll(
                ctypes.CDLL(None), "environ"
            )
        except (OSError, ValueError, TypeError):
            self._start = None
        self._remember()
        self._saved = self._read()

    def restore(self) -> None:
        """Restore what differs."""
        # Setting a variable gives it another address, so comparing addresses finds each change.
        if self._start is None or (
            self._start.value == self._address and self._view == self._places
        ):
            return
        now = self._read()
        for name in now.keys() - self._saved.keys():
            os.unsetenv(name)
        for name, value in self._saved.items():
            if now.get(name) != value:
                os.putenv(name, value)
        self._remember()

    def _remember(self) -> None:
        self._address = None if self._start is None else self._start.value
        # Includes the terminating null pointer, so that an added variable is noticed.
        size = (len(self._entries()) + 1) * _POINTER if self._address else 0
        area = (ctypes.c_char * size).from_address(self._address or 0)
        self._view = memoryview(area).cast("B")
        self._places = bytes(self._view)

    def _read(self) -> dict[bytes, bytes]:
        pairs = [entry.partition(b"=") for entry in self._entries()]
        return {name: value for name, _, value in reversed(pairs) if name}

    def _entries(self) -> list[bytes]:
        found: list[bytes] = []
        if self._start is None or not self._start.value:
            return found
        array = ctypes.cast(self._start.value, ctypes.POINTER(ctypes.c_char_p))
        while (entry := array[len(found)]) is not None:
            found.append(entry)
        return found

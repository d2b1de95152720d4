"""A server that takes connections and never answers."""

import socket
import threading
from typing import Any, Self


class SilentServer:
    """Accepts all connections to a port of its own, and neither reads nor sends.

    Attributes:
        is_asked: Set once somebody has connected.
    """

    def __init__(self) -> None:
        self.is_asked = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._taken: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def s3_settings(self) -> dict[str, Any]:
        """What s3fs is told to take it for an object store."""
        return {"endpoint_url": self.url, "key": "anybody", "secret": "anything"}

    def close(self) -> None:
        """Hang up; may be called again."""
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        for taken in (self._socket, *self._taken):
            taken.close()

    def _accept(self) -> None:
        while True:
            try:
                taken, _ = self._socket.accept()
            except OSError:
                return
            self._taken.append(taken)
            self.is_asked.set()

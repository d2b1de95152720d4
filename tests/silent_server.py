"""A server that takes connections and never answers."""

import socket
import threading
from typing import Self


class SilentServer:
    """Accepts all who come on a port of its own, reads nothing and says nothing."""

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

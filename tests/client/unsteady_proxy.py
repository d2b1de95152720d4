"""Stands between a client and a server, and breaks connections when a test says so."""

import re
import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"^content-length: (\d+)\r?$", re.IGNORECASE | re.MULTILINE)


class UnsteadyProxy:
    """Passes on what goes to a server, and what comes back."""

    def __init__(self, address: str) -> None:
        self.lead_to(address)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._lost = 0
        self._halved = 0
        self._answers: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def lead_to(self, address: str) -> None:
        """Pass on what comes from now on to this server."""
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)

    def lose_answers(self, count: int) -> None:
        """Let so many requests through, and cut before their answers come back."""
        self._lost = count

    def halve_answers(self, count: int) -> None:
        """Cut in the middle of the next answers."""
        self._halved = count

    def answer(self, *answers: str) -> None:
        """Answer the next requests like this, without passing them on."""
        self._answers = [text.replace("\n", "\r\n").encode() for text in answers]

    @property
    def unused(self) -> int:
        """How many of these answers were not given."""
        return len(self._answers)

    def cut(self) -> None:
        """Break all connections that there are."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            self._threads.append(threading.Thread(target=self._pass_on, args=(client, server)))
            self._threads[-1].start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while self._pass_some(client, server):
                pass
        for end in (client, server):
            end.close()

    def _pass_some(self, client: socket.socket, server: socket.socket) -> bool:
        for end in select.select([client, server], [], [])[0]:
            data = end.recv(65536)
            if not data:
                return False
            if end is server:
                if self._lost:
                    self._lost -= 1
                    return False
                if self._halved:
                    self._halved -= 1
                    client.sendall(data[: len(data) // 2])
                    return False
                client.sendall(data)
            elif self._answers:
                _read_request(client, data)
                client.sendall(self._answers.pop(0))
                return False
            else:
                server.sendall(data)
        return True


def _read_request(client: socket.socket, data: bytes) -> None:
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    left = int(length[1]) - len(body) if length else 0
    while left > 0:
        left -= len(client.recv(65536))

"""Stands between a server of ours and PostgreSQL, and cuts the connection when a test says so."""

import select
import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

COMMIT = b"COMMIT\0"  # READ COMMITTED, which stands at each beginning, goes on

_NAME = ".s.PGSQL.5432"


class CuttingProxy:
    """Passes on what goes to a PostgreSQL on a socket, and what comes back.

    Args:
        folder: Where the socket of PostgreSQL is.
    """

    def __init__(self, folder: str) -> None:
        self._target = str(Path(folder, _NAME))
        self._folder = tempfile.TemporaryDirectory(prefix="proxy-")
        self.host = self._folder.name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self.host, _NAME)))
        self._listener.listen()
        self._cut_after: bytes | None = None
        self._cut_before: bytes | None = None
        self._end_at: bytes | None = None
        self._end_is_before = False
        self._left = 0  # of the statements at the last of which everything ends
        self._is_ended = False
        self._open: list[socket.socket] = []
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
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._folder.cleanup()

    def cut_after(self, statement: bytes) -> None:
        """Let a statement through once, and cut before its answer comes back."""
        self._cut_after = statement

    def cut_before(self, statement: bytes) -> None:
        """Cut before a statement comes through, once."""
        self._cut_before = statement

    def cut_nothing(self) -> None:
        """Cut no longer, where the statement has not come yet."""
        self._cut_after = self._cut_before = None

    def end_at(self, statement: bytes, number: int, *, is_before: bool) -> None:
        """Cut all connections when a statement has come so many times, and let nobody in.

        Args:
            number: How many times it comes, from now on.
            is_before: Whether the last one does not come through; else its answer does.
        """
        self._left, self._end_is_before = number, is_before
        self._end_at = statement

    def mend(self) -> bool:
        """Let everybody in again; return whether everything was cut."""
        was_ended = self._is_ended
        self._end_at, self._is_ended = None, False
        return was_ended

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            self._open += [client, server]  # before the look: what ends everything looks after it
            if self._is_ended or server.connect_ex(self._target) != 0:
                client.close()
                server.close()
                continue
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
                client.sendall(data)
                continue
            if self._cut_before is not None and self._cut_before in data:
                self._cut_before = None
                return False
            if self._end_at is not None and self._end_at in data:
                self._left -= 1
                if not self._left:
                    self._end(client, server, data)
                    return False
            server.sendall(data)
            if self._cut_after is not None and self._cut_after in data:
                self._cut_after = None
                server.recv(65536)  # the answer: it was done
                return False
        return True

    def _end(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self._end_at, self._is_ended = None, True
        if not self._end_is_before:
            server.sendall(data)
            client.sendall(server.recv(65536))
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

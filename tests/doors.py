"""Opens doors in this process, and speaks to them in bytes, where HTTP clients are too polite."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from select import select
from types import TracebackType
from typing import Any, Self

from scenarist.server.http_server import HttpServer, open_listener

PATIENCE_SECONDS = 30
_MOST_BYTES = 1024 * 1024 * 1024


class Echo:
    """An application that tells what it was asked, and keeps it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        request = {
            "method": scope["method"],
            "path": scope["path"],
            "scheme": scope["scheme"],
            "client": scope["client"][0],
            "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
            "body": body.decode("latin-1"),
        }
        self.requests.append(request)
        await reply(send, 200, json.dumps(request).encode())


async def reply(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@contextmanager
def opened(
    asgi: Any,
    *,
    stop_accepting: Callable[[], None] = lambda: None,
    is_forced: bool = False,
    **arguments: Any,
) -> Iterator[int]:
    """Open a door in a thread; give its port."""
    with open_listener("127.0.0.1", 0) as listener:
        listener.listen()
        port: int = listener.getsockname()[1]
        door = HttpServer(
            asgi, stop_accepting=stop_accepting, on_force_exit=lambda: None, **arguments
        )
        thread = threading.Thread(target=door.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield port
        finally:
            door.force_exit = is_forced
            door.should_exit = True
            thread.join()


@dataclass(frozen=True)
class Said:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """A connection whose bytes are ours to choose."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._socket.close()

    def say(self, text: bytes) -> None:
        self._socket.sendall(text)

    def say_without_end(self, piece: bytes, *, heeds_answers: bool = True) -> None:
        """Say the same until there is an answer.

        Raises:
            ConnectionError: The other side does not listen any more.
        """
        for _ in range(_MOST_BYTES // len(piece)):
            if heeds_answers and select([self._socket], [], [], 0)[0]:
                return
            self._socket.sendall(piece)
        raise AssertionError("still listening")

    def hear(self) -> Said | None:
        """Wait for an answer; None when the connection ends instead."""
        line = self._stream.readline()
        if not line:
            return None
        headers: dict[str, str] = {}
        while (field := self._stream.readline().strip()) != b"":
            name, _, value = field.decode().partition(": ")
            headers[name] = value
        body = self._stream.read(int(headers["content-length"]))
        return Said(int(line.split()[1]), headers, body)

    def ask(self, text: bytes) -> Said:
        self.say(text)
        said = self.hear()
        assert said is not None
        return said

    def is_hung_up(self) -> bool:
        """Wait until the other side has said all."""
        return self._stream.read() == b""

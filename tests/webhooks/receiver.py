"""A real receiver of webhooks, on a port of its own, and orders to it."""

import json
import queue
import ssl
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook

PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verify(self, secret: str) -> None:
        """Check the signature as the reference package does; raises when it is not right."""
        Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Keeps what comes in order.

    Attributes:
        answers: The statuses of the next answers; 204 when there is none left.
        is_open: While it is not set, nothing is answered.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.answers: deque[int] = deque()
        self.is_open = threading.Event()
        self.is_open.set()
        self._server = _server(self)
        self.port: int = self._server.server_address[1]
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    def next(self) -> Received:
        """Wait for one more message."""
        return self.received.get(timeout=PATIENCE_SECONDS)

    def so_far(self) -> list[Received]:
        """Return what has come since the last look, without waiting."""
        return [self.received.get_nowait() for _ in range(self.received.qsize())]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.is_open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _server(receiver: Receiver) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.put(Received(self.path, headers, body))
            receiver.is_open.wait(PATIENCE_SECONDS)
            self.send_response(receiver.answers.popleft() if receiver.answers else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that hangs up is no fault of the receiver."""

    return Server(("127.0.0.1", 0), Handler)

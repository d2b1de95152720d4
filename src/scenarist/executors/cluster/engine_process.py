"""The process that connects to an engine, seen from the server that exchanges messages with it."""

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from uuid import uuid4

import msgspec

from scenarist.executors.environments import ADDRESS_VARIABLE, build_worker_environment
from scenarist.executors.framing import FrameDecoder, encode_frame
from scenarist.executors.messages import EngineName, FromEngine, ToEngine

_SILENCE_SECONDS = 10.0  # the process is killed after this; it sends a message every second
_START_SECONDS = 60.0
_CLOSING_SECONDS = 10.0
_OUTPUT_LIMIT = 4_096

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[FromEngine] = msgspec.msgpack.Decoder(FromEngine)


class EngineProcess:
    """Process that has loaded an engine's library, and the socket to it.

    Args:
        address: The address of the cluster; if None, the process starts one on this machine.
        size: How many jobs a cluster on this machine runs at the same time.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, engine: EngineName, address: str | None, size: int) -> None:
        self.session = uuid4().hex
        self._connection, theirs = socket.socketpair()
        self._output_reader, output_writer = os.pipe()
        module = "scenarist.executors.cluster.engine_main"
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [
                    *(sys.executable, "-m", module, str(theirs.fileno()), engine),
                    *(self.session, str(size)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output_writer,
                stderr=output_writer,
                pass_fds=(theirs.fileno(),),
                env=_build_environment(address),
            )
        finally:
            theirs.close()
            os.close(output_writer)
        self._sending = threading.Lock()
        self._frames = FrameDecoder()
        self._output = bytearray()
        self._silent_at = time.monotonic() + _START_SECONDS
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._connection, selectors.EVENT_READ)
        self._selector.register(self._output_reader, selectors.EVENT_READ)

    @property
    def output(self) -> str:
        """The last line that the process has printed."""
        lines = self._output.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def send(self, messages: Sequence[ToEngine]) -> None:
        """Send messages to the process; if it has ended, `receive` reports that."""
        data = b"".join(encode_frame(_encoder.encode(message)) for message in messages)
        with self._sending, contextlib.suppress(OSError):
            self._connection.sendall(data)

    def receive(self) -> list[FromEngine] | None:
        """Wait for the next messages of the process; return None if nothing more will come."""
        while True:
            ready = self._selector.select(max(0.0, self._silent_at - time.monotonic()))
            if not ready:
                self._process.kill()
                return None
            for key, _ in ready:
                if key.fileobj is self._connection:
                    return self._read()
                self._read_output()

    def request_stop(self) -> None:
        """Make the process stop all jobs and end; `receive` reports the end."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.request_stop()
        try:
            self._process.wait(_CLOSING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._selector.close()
        self._connection.close()
        os.close(self._output_reader)

    def _read(self) -> list[FromEngine] | None:
        try:
            data = self._connection.recv(1 << 18)
            messages = [_decoder.decode(content) for content in self._frames.feed(data)]
        except (ConnectionError, msgspec.MsgspecError):
            return None
        self._silent_at = time.monotonic() + _SILENCE_SECONDS
        return messages if data else None

    def _read_output(self) -> None:
        data = os.read(self._output_reader, 1 << 16)
        if not data:
            self._selector.unregister(self._output_reader)
        self._output += data
        del self._output[:-_OUTPUT_LIMIT]


def _build_environment(address: str | None) -> dict[str, str]:
    environment = build_worker_environment()
    environment.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Other users of the machine can read arguments, and an address may contain a password.
    environment[ADDRESS_VARIABLE] = address or ""
    if address is None:
        # With this, Ray listens on the loopback address only, as it does on Windows and macOS.
        environment["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return environment

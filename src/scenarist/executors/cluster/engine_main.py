"""Main module of the engine's process: takes jobs from the server and submits them to the engine.

Started for `scenarist.executors.cluster.executor`. All that the engine's library loads, unpickles,
prints or does at exit happens in this process, never in the server (docs/decisions/0040).
"""

import os
import signal
import socket
import sys
import threading
import traceback

import msgspec

from scenarist.executors.cluster.engine import Engine, Outbox, probe_port
from scenarist.executors.environments import ADDRESS_VARIABLE
from scenarist.executors.framing import FrameDecoder, encode_frame
from scenarist.executors.messages import (
    EngineFailed,
    RunJob,
    StopJob,
    ToEngine,
)

_HEARTBEAT_SECONDS = 1.0
_CLOSING_SECONDS = 8.0

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)


def main() -> None:
    descriptor, name, session, size = sys.argv[1:]
    address = os.environ.pop(ADDRESS_VARIABLE, None)
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    # The server decides when this process ends, but Ctrl-C in its terminal reaches both. A handler
    # is used because workers that are started from here would inherit SIG_IGN.
    signal.signal(signal.SIGINT, lambda *_: None)
    outbox = Outbox(connection)
    try:
        engine = _open_engine(
            name, outbox, session=session, address=address or None, size=int(size)
        )
    except Exception as error:  # noqa: BLE001 - any error means that the engine cannot be used
        traceback.print_exc()
        text = " ".join(str(error).split()) or type(error).__name__
        connection.sendall(encode_frame(_encoder.encode(EngineFailed(text[:500]))))
        return
    for target, arguments in ((outbox.send_all, ()), (_send_heartbeats, (engine, outbox))):
        threading.Thread(target=target, args=arguments, daemon=True).start()
    try:
        _serve(connection, engine)
    finally:
        # The library may wait for a cluster that is gone.
        threading.Timer(_CLOSING_SECONDS, os._exit, [1]).start()
        engine.close()
        os._exit(0)


def _open_engine(
    name: str, outbox: Outbox, *, session: str, address: str | None, size: int
) -> Engine:
    if address is not None:
        probe_port(address)
    if name == "ray":
        from scenarist.executors.cluster.ray import RayEngine

        return RayEngine(outbox, session=session, address=address, size=size)
    from scenarist.executors.cluster.dask import DaskEngine

    return DaskEngine(outbox, session=session, address=address, size=size)


def _serve(connection: socket.socket, engine: Engine) -> None:
    frames = FrameDecoder()
    while data := connection.recv(1 << 18):
        runs: list[RunJob] = []
        for content in frames.feed(data):
            message = _decoder.decode(content)
            if isinstance(message, RunJob):
                runs.append(message)
                continue
            engine.run(runs)
            runs = []
            if isinstance(message, StopJob):
                engine.stop(message.number)
            else:
                engine.request_resources(message.kinds)
        engine.run(runs)


def _send_heartbeats(engine: Engine, outbox: Outbox) -> None:
    pause = threading.Event()
    try:
        while True:
            outbox.put(engine.read_slots())
            pause.wait(_HEARTBEAT_SECONDS)
    except Exception:  # noqa: BLE001 - the server notices the end, and starts a new process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()

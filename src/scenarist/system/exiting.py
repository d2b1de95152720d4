"""Ends of processes in which a thread may be stuck, such as in a read of a folder that hangs."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

_PATIENCE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


@contextmanager
def open_thread_pool(
    size: int, name: str, *, patience: float = _PATIENCE_SECONDS
) -> Iterator[ThreadPoolExecutor]:
    """Open a pool whose end waits for running calls, but not for ever.

    Args:
        name: The names of its threads begin with it; no other pool has the same.
        patience: How long to wait, in seconds. A call that takes longer goes on in its thread.
    """
    pool = ThreadPoolExecutor(size, name)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + patience
        threads = [item for item in threading.enumerate() if item.name.startswith(f"{name}_")]
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if stuck := sum(thread.is_alive() for thread in threads):
            _log.warning("calls are left running", pool=name, calls=stuck)


def exit_soon(*, patience: float = _PATIENCE_SECONDS) -> None:
    """Let the process end within some seconds from now, even if threads are still running.

    Python waits without a bound for the threads of all pools. Call it last, when everything is
    stored and closed. The exit status is then 0.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    timer = threading.Timer(patience, os._exit, [0])
    timer.daemon = True
    timer.start()

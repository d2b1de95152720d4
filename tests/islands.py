"""Functions for the tests of what jobs do to their processes; workers import them by name."""

import _thread
import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

FOLDER = tempfile.TemporaryDirectory()  # goes when the process ends that made it
UNSEEDED, SEEDED = np.random.default_rng(), np.random.default_rng(42)
OWN = random.Random()
SECONDS = 30.0


def _until(path: str, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < end:
        time.sleep(0.002)


def behave(kind: str, value: int, mark: str) -> int:
    """Leave a mark and end in some way; those that wait go on until they are stopped."""
    if kind == "returns":
        Path(mark).touch()
        return value
    if kind == "raises":
        raise ValueError(f"no {value}")
    if kind == "exits":
        sys.exit(value)
    return _wait(kind, value, mark)


def _wait(kind: str, value: int, mark: str) -> int:
    asked: list[int] = []
    if kind == "waits, with a handler that returns":
        signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    if kind == "waits, with a handler that exits":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if kind == "waits, and ignores the signal":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(mark).touch()
    end = time.monotonic() + SECONDS
    try:
        while not asked and time.monotonic() < end:
            time.sleep(0.002)
    except BaseException:
        if kind == "waits, and returns when stopped":
            return value
        if kind == "waits, and raises when stopped":
            raise ValueError("another") from None
        raise
    return value


def tidies_up(mark: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            Path(mark).write_text(folder)
            time.sleep(SECONDS)
        finally:
            Path(f"{mark}.tidy").touch()


def starts(how: str, mark: str) -> None:
    """Start something that goes on, say which process it is, and wait."""
    if how == "program":
        child = subprocess.Popen(["sleep", "60"]).pid
    elif how == "session":
        child = subprocess.Popen(["sleep", "60"], start_new_session=True).pid
    elif how == "pool":
        pool = get_context("fork").Pool(1)
        child = pool.apply(os.getpid)
    else:  # a daemon: the child of a child that has ended
        reader, writer = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                os.write(writer, str(os.getpid()).encode())
                time.sleep(60)
            os._exit(0)
        os.wait()
        child = int(os.read(reader, 20))
    Path(f"{mark}.new").write_text(str(child))
    Path(f"{mark}.new").rename(mark)
    time.sleep(SECONDS)


def forks(how: str, mark: str) -> str:
    if os.fork() == 0:
        Path(mark).write_text(str(os.getpid()))
        if how == "raises":
            raise RuntimeError("in the child")
        if how == "exits":
            sys.exit(0)
        return "of the child"
    with contextlib.suppress(ChildProcessError):
        os.wait()
    return "of the parent"


def ends_itself() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS)


def crashes() -> None:
    ctypes.string_at(0)


def interrupts_a_program() -> int:
    program = subprocess.Popen(["sleep", "60"])
    program.send_signal(signal.SIGINT)
    return program.wait(10)


def interrupts_itself() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)


def is_interrupted_by_its_watchdog() -> None:
    threading.Timer(0.05, _thread.interrupt_main).start()
    for _ in range(3000):
        time.sleep(0.01)


def handles_its_interrupt() -> str:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return "interrupted"
    return "went on"


def forks_a_child_that_is_interrupted() -> int:
    child = os.fork()
    if child == 0:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            os._exit(7)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def draws() -> list[float]:
    return [UNSEEDED.random(), OWN.random(), random.random(), np.random.random()]


def draws_from_seed() -> float:
    return float(SEEDED.random())


def process() -> int:
    return os.getpid()


def folder_is_there() -> bool:
    return Path(FOLDER.name).is_dir()


KEPT: list[bytes] = []


def keeps(mebibytes: int) -> int:
    KEPT.append(b"x" * (mebibytes << 20))
    return os.getpid()

"""Restores the state of a worker process after each job (docs/decisions/0065)."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from operator import attrgetter
from typing import Any, TextIO, cast

from scenarist.executors.isolation.job_logs import (
    LoggingState,
    install_job_handler,
    remove_job_handler,
)
from scenarist.executors.isolation.namespaces import Namespaces
from scenarist.executors.isolation.orphans import (
    ChildSnapshot,
    DescriptorSnapshot,
    ThreadSnapshot,
    identity_of,
)
from scenarist.executors.isolation.process_state import ProcessState
from scenarist.executors.isolation.registries import Registries

_NAMES_LIMIT = 5
_SHAPE = ("encoding", "errors", "line_buffering", "write_through")
_shape_of = attrgetter(*_SHAPE)
_ignore_errors = contextlib.suppress(Exception)


class WorkerSnapshot:
    """Snapshot of the state of a worker process that a job may change and the next would notice.

    Each job finds the state of when this object was created, or of after the last import of a
    module of the application (see `importing`). The globals of the application's modules are never
    restored, because an application keeps its caches there. Functions registered with `atexit`, and
    changes in place to other modules, also remain.
    """

    def __init__(self) -> None:
        self._streams = _StreamSnapshot()
        self._replaced: str | None = None
        self._are_names_restored = False  # whether `restore_names` was called for the running job
        self._take()

    @contextmanager
    def importing(self) -> Iterator[None]:
        """Keep the changes made in the block, such as the configuration of logging."""
        remove_job_handler()
        try:
            yield
        finally:
            self._state.close()
            self._take()

    def _take(self) -> None:
        self._streams.take()
        install_job_handler()
        self._namespaces = Namespaces()
        self._registries = Registries()
        self._state = ProcessState()
        self._logging = LoggingState()
        self._threads = ThreadSnapshot()
        self._children = ChildSnapshot()
        self._descriptors = DescriptorSnapshot()

    def restore_names(self) -> None:
        """Restore the functions and modules of Python that a job has replaced.

        `restore` does so too, but until then the worker itself would call the replacements.
        """
        self._replaced = self._namespaces.restore() or self._replaced
        self._are_names_restored = True

    def restore(self) -> str | None:
        """Undo the changes of a job; return why the process must be replaced, if it must.

        Kills the processes that the job has left, flushes its output, and writes to the end of its
        log what was still running.
        """
        try:
            if not self._are_names_restored:
                self.restore_names()
            reasons, self._replaced, self._are_names_restored = [self._replaced], None, False
            threads, processes = self._threads.find_new(), self._children.kill_new()
            for old, new in self._streams.restore():
                self._logging.replace_stream(old, new)
            reasons += [self._registries.restore(), self._state.restore()]
            reasons.append(self._logging.restore())
            reasons.append(self._descriptors.find_damage())
            reasons += _report_left_running(threads, processes)
        except BaseException as error:  # noqa: BLE001 - a signal handler of the job, for example
            return f"its state could not be restored: {type(error).__name__}: {error}"
        found = [reason for reason in reasons if reason is not None]
        return "; ".join(found) if found else None


def _report_left_running(threads: list[str], processes: int) -> list[str]:
    reasons = []
    if threads:
        names = ", ".join(threads[:_NAMES_LIMIT]) + (", …" if threads[_NAMES_LIMIT:] else "")
        reasons.append(f"{_format_count(len(threads), 'thread', 'threads')} ({names})")
    if processes:
        reasons.append(_format_count(processes, "process", "processes"))
    for reason in reasons:
        sys.stderr.write(
            f"{reason} still running when the function ended; this ends with the job\n"
        )
        sys.stderr.flush()
    return [f"it left {reason} running" for reason in reasons]


def _format_count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


class _StreamSnapshot:
    """Snapshot of standard input, output and error: descriptors and Python objects."""

    _NAMES = ("stdin", "stdout", "stderr")

    def __init__(self) -> None:
        # The output of a task must be readable while it runs.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(line_buffering=True)
        self._copies = [os.dup(number) for number in range(len(self._NAMES))]
        self._identities = [identity_of(number) for number in self._copies]

    def take(self) -> None:
        self._streams = [getattr(sys, name) for name in self._NAMES]
        self._shapes = [_shape(stream) for stream in self._streams]

    def restore(self) -> list[tuple[TextIO, TextIO]]:
        """Flush and restore all three; return pairs of closed streams and their replacements."""
        replaced = []
        for number, name in enumerate(self._NAMES):
            current, stream = getattr(sys, name, None), self._streams[number]
            with _ignore_errors:  # a task may have replaced the stream by any object
                current.flush()  # type: ignore[union-attr]
            if identity_of(number) != self._identities[number]:
                os.dup2(self._copies[number], number)
            if stream.closed:
                new = self._streams[number] = _reopen(number, self._shapes[number])
                replaced.append((stream, new))
            elif stream is not current:
                with _ignore_errors:
                    stream.flush()
            if self._streams[number] is not current:
                setattr(sys, name, self._streams[number])
            if _shape(self._streams[number]) != self._shapes[number]:
                _set_shape(self._streams[number], self._shapes[number])
        # A job may have set non-blocking mode, which affects all writers of the pipe.
        os.set_blocking(1, True)
        return replaced


def _shape(stream: TextIO) -> tuple[Any, ...]:
    return _shape_of(stream) if isinstance(stream, TextIOWrapper) else ()


def _set_shape(stream: TextIO, shape: tuple[Any, ...]) -> None:
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(**dict(zip(_SHAPE, shape, strict=False)))


def _reopen(number: int, shape: tuple[Any, ...]) -> TextIO:
    mode = "r" if number == 0 else "w"
    stream = cast("TextIO", open(number, mode, closefd=False))  # noqa: SIM115 - for all jobs that follow
    _set_shape(stream, shape)
    return stream

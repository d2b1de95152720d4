"""Stopping of jobs inside a worker process: by a message and SIGTERM (docs/decisions/0063)."""

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from enum import Enum, auto
from types import FrameType

# `signal.getsignal` converts numbers to enum members, the slowest operation after each job.
_getsignal: Callable[[int], object] = sys.modules["_signal"].getsignal


class JobStopped(SystemExit):
    """Raised in the function of a stopped job, at the line that is running.

    The job is recorded as stopped even if the function handles the exception.
    """


class _Phase(Enum):
    IDLE = auto()
    RUNNING = auto()  # a stop raises JobStopped in the function
    CLOSING = auto()  # the outcome is decided; a stop comes too late


class StopHandler:
    """Signal handlers of a worker process, and the state of a stop.

    A stop is a message on the connection, followed by SIGTERM, so that it takes effect even if the
    function handles that signal itself. SIGTERM without a message does not come from the server.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._process = os.getpid()
        self._phase = _Phase.IDLE
        self._is_message_read = False  # whether the stop message was read together with the request
        self.is_signalled = False
        self.is_stopped = False  # whether the stop reached the function
        self._handler = self._on_term  # stored, so that handlers can be compared by identity
        self._interrupt_handler = self._on_interrupt
        self._install()
        # Importing the application may have blocked it.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.register_at_fork(after_in_child=self._restore_defaults)

    def arm(self, *, is_stop_requested: bool) -> None:
        """Begin to raise JobStopped in the function when a stop arrives.

        Args:
            is_stop_requested: Whether the stop message arrived before the function began.
        """
        self._is_message_read = is_stop_requested
        self._phase = _Phase.RUNNING
        if is_stop_requested:
            raise JobStopped("the job was stopped")

    def finalize(self) -> None:
        """Make the outcome final: a stop that arrives later has no effect.

        Raises:
            JobStopped: The job was stopped before.
        """
        self._phase = _Phase.CLOSING
        self.is_stopped = self._has_stop_message()
        if self.is_stopped:
            raise JobStopped("the job was stopped")

    def disarm(self) -> None:
        """End what `arm` began, and set `is_stopped` if the job was stopped."""
        if self._phase is _Phase.RUNNING:
            self._phase = _Phase.CLOSING
            self.is_stopped = self._has_stop_message()

    def reset(self) -> None:
        """Prepare for the next request; SIGTERM ends the process from here on."""
        self._phase = _Phase.IDLE
        self._install()
        if self.is_signalled:
            _end_by_signal()

    def _install(self) -> None:
        """Install the signal handlers again if the last job has replaced them."""
        if _getsignal(signal.SIGTERM) is not self._handler:
            signal.signal(signal.SIGTERM, self._handler)
        # A handler, unlike SIG_IGN, is not inherited by programs that a function starts.
        if _getsignal(signal.SIGINT) is not self._interrupt_handler:
            signal.signal(signal.SIGINT, self._interrupt_handler)

    def _has_stop_message(self) -> bool:
        if self._is_message_read:
            return True
        if not self._poll.poll(0):
            return False
        try:
            # During a job only the stop message arrives; no bytes: the server closed its side.
            return bool(self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process or self._phase is _Phase.IDLE:
            _end_by_signal()
        is_first, self.is_signalled = not self.is_signalled, True
        if is_first and self._phase is _Phase.RUNNING:
            raise JobStopped("the job was stopped")

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the function, as in any process.

        Ctrl-C in the server's terminal does not reach this session.
        """
        if os.getpid() != self._process or self._phase is _Phase.RUNNING:
            signal.default_int_handler(number, frame)

    def _restore_defaults(self) -> None:
        """Restore the default signal handlers in a forked child."""
        if signal.getsignal(signal.SIGTERM) is self._handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is self._interrupt_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _end_by_signal() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)

"""How a worker process is asked to stop the job that it runs, and what its function sees of it."""

import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from enum import Enum, auto
from types import FrameType

# Without the turning of numbers into members of enums, which costs more than all else after a job.
_getsignal: Callable[[int], object] = sys.modules["_signal"].getsignal


class JobStopped(SystemExit):
    """Raised in the function of a job that is stopped, where it is at that moment.

    What the function makes of it does not change what is recorded.
    """


class _Phase(Enum):
    IDLE = auto()
    RUNNING = auto()  # a stop is raised in the function
    CLOSING = auto()  # its outcome stands; a stop comes too late


class Stopping:
    """The signals of a worker process, and whether its job was stopped.

    A stop is a message on the connection and then SIGTERM, so that it counts also when the
    function handles that signal itself. SIGTERM without a message comes from elsewhere.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._process = os.getpid()
        self._phase = _Phase.IDLE
        self._is_read = False  # whether the message was read together with the request
        self.is_signalled = False
        self.is_stopped = False  # whether the stop reached the function
        self._handler = self._on_term  # one object, to be told from others
        self._install()
        # Importing the application may have blocked it.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.register_at_fork(after_in_child=self._let_go)

    def open(self, *, is_asked: bool) -> None:
        """Let a stop reach the function from here on.

        Args:
            is_asked: Whether the message was there before the function began.
        """
        self._is_read = is_asked
        self._phase = _Phase.RUNNING
        if is_asked:
            raise JobStopped("the job was stopped")

    def settle(self) -> None:
        """Let the outcome stand from here on: a stop that comes later comes too late.

        Raises:
            JobStopped: The job was stopped before.
        """
        self._phase = _Phase.CLOSING
        self.is_stopped = self._is_asked()
        if self.is_stopped:
            raise JobStopped("the job was stopped")

    def close(self) -> None:
        """End what `open` began; `is_stopped` says then whether the job was stopped."""
        if self._phase is _Phase.RUNNING:
            self._phase = _Phase.CLOSING
            self.is_stopped = self._is_asked()

    def rest(self) -> None:
        """Wait for the next request; SIGTERM ends the process now."""
        self._phase = _Phase.IDLE
        self._install()
        if self.is_signalled:
            _end_by_signal()

    def _install(self) -> None:
        """Handle the signals, whatever the last job has put in the place of that."""
        if _getsignal(signal.SIGTERM) is not self._handler:
            signal.signal(signal.SIGTERM, self._handler)
        # The server decides when its workers stop. A handler, unlike SIG_IGN, is not inherited by
        # programs that a function starts.
        if _getsignal(signal.SIGINT) is not _pass_over:
            signal.signal(signal.SIGINT, _pass_over)

    def _is_asked(self) -> bool:
        if self._is_read:
            return True
        if not self._poll.poll(0):
            return False
        try:
            # Nothing but the message comes during a job; no bytes mean that the server hung up.
            return bool(self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process or self._phase is _Phase.IDLE:
            _end_by_signal()
        is_first, self.is_signalled = not self.is_signalled, True
        if is_first and self._phase is _Phase.RUNNING:
            raise JobStopped("the job was stopped")

    def _let_go(self) -> None:
        """Give a forked child the signals that it would have outside."""
        if signal.getsignal(signal.SIGTERM) is self._handler:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) is _pass_over:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def _end_by_signal() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)

"""How processes on one database tell each other of their commits, so that nobody has to ask."""

import socket
import threading
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Protocol

import structlog
from sqlalchemy import Connection

from scenarist.background import Background
from scenarist.domain.errors import UnavailableError

_RETRY_SECONDS = 1.0
_SPACING_SECONDS = 0.005  # between two rings that are heard: under load, one tells of many commits

_log = structlog.get_logger(__name__)


class Topic(StrEnum):
    """What a commit was about, for those who do not need all of it; one letter each."""

    NEWS = "n"  #: the log of events has more
    WORK = "w"  #: there may be jobs to claim
    STOP = "s"  #: jobs that run were asked to stop
    FILES = "f"  #: jobs wait for first values, which files may bring


Topics = frozenset[Topic]
EVERYTHING: Topics = frozenset(Topic)
"""What is said when something may have been missed: everybody looks once."""

_KEY = "scenarist.topics"


def note(connection: Connection, *topics: Topic) -> None:
    """Have others told what the transaction of a connection is about, when it commits."""
    connection.info.setdefault(_KEY, set()).update(topics)


def take_noted(connection: Connection) -> Topics:
    """Return what was noted of the transaction, and forget it."""
    return frozenset(connection.info.pop(_KEY, ()))


def written(topics: Iterable[Topic]) -> str:
    return "".join(sorted(topics))


def read(letters: str) -> Topics:
    """Read what another process said; what a newer version may say besides is passed over."""
    return frozenset(topic for topic in Topic if topic in letters)


class Bell(Protocol):
    """Hears the commits of other processes, from the moment it is made."""

    def hear(self) -> Topics:
        """Wait until something was committed; nothing is returned when it is time to stop.

        Raises:
            UnavailableError: Nothing can be heard any more.
        """
        ...

    def close(self) -> None: ...


OpenBell = Callable[[socket.socket], Bell]
"""Makes a bell that stops waiting when a socket can be read."""


class Ear:
    """A thread that hears the commits of other processes, and hears again after a loss.

    Args:
        tell: Called with what was heard, one call at a time; EVERYTHING after a loss.
    """

    def __init__(self, open_bell: OpenBell, tell: Callable[[Topics], None]) -> None:
        self._open_bell = open_bell
        self._tell = tell
        self._reader, self._writer = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = Background("bells", self._listen)

    def start(self) -> None:
        """Hear all that is committed from now on.

        Raises:
            UnavailableError: It cannot be heard; says why.
        """
        try:
            self._bell: Bell | None = self._open_bell(self._reader)
        except BaseException:
            self._close_sockets()
            raise
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._writer.send(b"\0")
        self._thread.join()
        self._close_bell()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._reader.close()
        self._writer.close()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._bell is None:
                    self._bell = self._open_bell(self._reader)
                    self._tell(EVERYTHING)
                self._follow(self._bell)
            except UnavailableError as error:
                _log.warning("other processes are not heard", reason=error.message)
            except Exception:  # noqa: BLE001 - the thread outlives whatever a listener trips over
                _log.exception("a commit of another process was not told")
            self._close_bell()
            self._stopping.wait(_RETRY_SECONDS)

    def _close_bell(self) -> None:
        if self._bell is not None:
            self._bell.close()
            self._bell = None

    def _follow(self, bell: Bell) -> None:
        while topics := bell.hear():
            self._tell(topics)
            self._stopping.wait(_SPACING_SECONDS)

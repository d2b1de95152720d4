"""Notifications of commits, within a process and between the processes on one database.

A transaction collects topics. After its commit, `Database` calls those who have subscribed to one
of them, in this process and in all others that listen. Between processes a notification carries
only topics: the receiver reads the database. After anything that may have lost a notification,
EVERYTHING is reported (decisions 32 and 102).
"""

import socket
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

import structlog
from sqlalchemy import Connection

from scenarist.domain.errors import UnavailableError
from scenarist.system.background import BackgroundLoop

_RETRY_SECONDS = 1.0
_SPACING_SECONDS = 0.005  # between two reports: under load, one report covers many commits

_log = structlog.get_logger(__name__)


class Topic(StrEnum):
    """Subject of a commit, so that listeners need not react to every one; sent as one letter."""

    NEWS = "n"  #: the event log has new entries
    WORK = "w"  #: there may be jobs to claim
    STOP = "s"  #: running jobs were asked to stop
    FILES = "f"  #: jobs wait for first values, which may arrive as files
    RETRIES = "r"  #: there may be delayed retries that orchestrators do not know of
    SERVERS = "v"  #: a server has started or stopped


Topics = frozenset[Topic]
EVERYTHING: Topics = frozenset(Topic)
"""Reported when notifications may have been lost: every listener reads the database once."""


class Notification(NamedTuple):
    """What a commit was about.

    Args:
        is_own: Whether this process made the commit.
        ended: The identifiers of the jobs and submissions that an own commit has ended. For the
            commits of other processes, the listener reads the database.
    """

    topics: Topics
    is_own: bool = False
    ended: frozenset[str] = frozenset()


CommitListener = Callable[[Notification], None]
"""Called after a commit, in the thread that made it or that received the notification.

It must return at once: set a flag or an event, or append to a queue. It must not use the database.
"""

_KEY = "scenarist.notification"
_NOTHING = Notification(frozenset(), is_own=True)


def publish(connection: Connection, *topics: Topic, ended: Collection[str] = ()) -> None:
    """Add topics to the current transaction, to be published when it commits.

    Args:
        ended: The identifiers of the jobs and submissions that the transaction ends.
    """
    collected = get_collected(connection)
    connection.info[_KEY] = Notification(
        collected.topics.union(topics), is_own=True, ended=collected.ended.union(ended)
    )


def get_collected(connection: Connection) -> Notification:
    """Return what the current transaction has published so far."""
    collected: Notification = connection.info.get(_KEY, _NOTHING)
    return collected


def restore_collected(connection: Connection, earlier: Notification) -> None:
    """Forget what was published since *earlier*, because that part was rolled back."""
    connection.info[_KEY] = earlier


def take_collected(connection: Connection) -> Notification:
    """Return what the current transaction has published, and clear it."""
    collected: Notification = connection.info.pop(_KEY, _NOTHING)
    return collected


def encode_topics(topics: Iterable[Topic]) -> str:
    return "".join(sorted(topics))


def decode_topics(letters: str) -> Topics:
    """Parse topics from another process; unknown letters of a newer version are ignored."""
    return frozenset(topic for topic in Topic if topic in letters)


class Notifier(Protocol):
    """Notifier that receives other processes' commits, from its creation on."""

    def receive(self) -> Topics:
        """Wait for commits and return their topics; empty when it is time to stop.

        Raises:
            UnavailableError: Notifications can no longer be received.
        """
        ...

    def close(self) -> None: ...


OpenNotifier = Callable[[socket.socket], Notifier]
"""Opens a notifier that stops waiting when the given socket becomes readable."""


class Listener:
    """Thread that receives the commits of other processes, and reconnects after a loss.

    Args:
        on_topics: Called with the received topics, one call at a time; EVERYTHING after a loss.
    """

    def __init__(self, open_notifier: OpenNotifier, on_topics: Callable[[Topics], None]) -> None:
        self._open_notifier = open_notifier
        self._on_topics = on_topics
        self._reader, self._writer = socket.socketpair()
        self._notifier: Notifier | None = None
        self._loop = BackgroundLoop(
            "notifications", self._receive, on_error=self._log_failure, interrupt=self._interrupt
        )

    def start(self) -> None:
        """Start receiving the commits from now on.

        Raises:
            UnavailableError: Notifications cannot be received; the message says why.
        """
        try:
            self._notifier = self._open_notifier(self._reader)
        except BaseException:
            self._close_sockets()
            raise
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()
        self._close_notifier()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._reader.close()
        self._writer.close()

    def _receive(self) -> float:
        if self._notifier is None:
            self._notifier = self._open_notifier(self._reader)
            self._on_topics(EVERYTHING)
        if topics := self._notifier.receive():
            self._on_topics(topics)
        return _SPACING_SECONDS

    def _interrupt(self) -> None:
        self._writer.send(b"\0")

    def _log_failure(self, error: Exception) -> float:
        self._close_notifier()
        if isinstance(error, UnavailableError):
            _log.warning("other processes are not heard", reason=error.message)
        else:
            _log.exception("a commit of another process was not told")
        return _RETRY_SECONDS

    def _close_notifier(self) -> None:
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None

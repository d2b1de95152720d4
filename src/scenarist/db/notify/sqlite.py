"""Notifications between processes on one machine: sockets in a folder beside the database file."""

import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from scenarist.db.notify.notifications import (
    EVERYTHING,
    Topic,
    Topics,
    decode_topics,
    encode_topics,
)
from scenarist.domain.errors import UnavailableError
from scenarist.system import file_modes

_LONGEST_PATH = 100  # bytes; every system allows socket addresses of this length
_CHECK_SECONDS = 2.0  # between two checks that the process's own socket can still be found
_DO_NOT_WAIT = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)


def socket_folder_of(file: Path) -> Path:
    """Return the folder of a database's sockets; the same for all links to the file."""
    return Path(f"{os.path.realpath(file)}.bells")


def publish_once(folder: Path, topics: Topics) -> None:
    """Notify all listeners of a commit, from a process that does not listen itself."""
    for peer in _connect_to_peers(folder):
        with peer:
            _send(peer, topics)


class SocketNotifier:
    """Connections to all other processes; a new process connects to those that already listen.

    So a commit costs one `send` per other process, and nothing when there is none. A connection
    that ends means that its process is gone, perhaps between its commit and its notification: then
    EVERYTHING is reported. If this process's socket file was removed, processes that start later
    cannot find it: `receive` checks for that every two seconds, and raises.

    Raises:
        UnavailableError: The folder cannot be used; the message says why.
    """

    def __init__(self, folder: Path, stop: socket.socket) -> None:
        self._stop = stop
        self._lock = threading.Lock()
        self._is_closed = False
        self._peers: set[socket.socket] = set()
        self._check_at = time.monotonic() + _CHECK_SECONDS
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop, selectors.EVENT_READ)
        self._listener = socket.socket(socket.AF_UNIX)
        self._file = folder / uuid4().hex
        try:
            folder.mkdir(mode=file_modes.FOLDER_MODE, exist_ok=True)
            file_modes.restrict_to_owner(folder)
            _listen(self._listener, self._file)
            # Processes that start later connect to this one.
            for peer in _connect_to_peers(folder, exclude=self._file.name):
                self._add(peer)
        except OSError as error:
            self.close()
            raise UnavailableError(f"{folder} cannot be used: {error.strerror}") from error
        self._selector.register(self._listener, selectors.EVENT_READ)

    def publish(self, topics: Topics) -> None:
        """Notify all other processes of a commit; may be called from any thread."""
        if self._is_closed:
            publish_once(self._file.parent, topics)
        elif self._peers:
            with self._lock:
                for peer in self._peers:
                    _send(peer, topics)

    def receive(self) -> Topics:
        topics: set[Topic] = set()
        while not topics:
            ready = self._selector.select(max(0.0, self._check_at - time.monotonic()))
            for key, _ in ready:
                if key.fileobj is self._stop:
                    return frozenset()
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    topics |= self._read_topics(key.fileobj)
            if time.monotonic() >= self._check_at:
                self._check_socket()
        return frozenset(topics)

    def close(self) -> None:
        self._is_closed = True
        with suppress(OSError):
            self._file.unlink()
        with self._lock:
            for peer in self._peers:
                peer.close()
            self._peers.clear()
        self._listener.close()
        self._selector.close()

    def _check_socket(self) -> None:
        """Check that other processes can find this one.

        Raises:
            UnavailableError: Its socket was removed, perhaps with the folder.
        """
        self._check_at = time.monotonic() + _CHECK_SECONDS
        if not self._file.is_socket():
            raise UnavailableError(f"{self._file} was removed while it was in use")

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:  # the peer is already gone
            return
        self._add(peer)
        # The peer was not notified of commits made before this connection was accepted.
        _send(peer, EVERYTHING)

    def _read_topics(self, peer: socket.socket) -> Topics:
        try:
            data = peer.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return frozenset()
        except OSError:
            data = b""
        if data:
            return decode_topics(data.decode("ascii", "replace"))
        self._selector.unregister(peer)
        with self._lock:
            self._peers.discard(peer)
        peer.close()
        return EVERYTHING

    def _add(self, peer: socket.socket) -> None:
        self._selector.register(peer, selectors.EVENT_READ)
        with self._lock:
            self._peers.add(peer)


def _send(peer: socket.socket, topics: Topics) -> None:
    # A peer whose buffer is full still has notifications to read, and will read the database
    # anyway; that a peer is gone is noticed where its connection is read.
    with suppress(OSError):
        peer.send(encode_topics(topics).encode(), _DO_NOT_WAIT)


def _listen(listener: socket.socket, file: Path) -> None:
    # The socket gets its name only once it listens; before, a peer would take it for a dead one.
    hidden = file.with_name(f".{file.name}")
    with _address(hidden) as address:
        listener.bind(address)
    hidden.chmod(file_modes.FILE_MODE)
    listener.listen(128)
    listener.setblocking(False)
    hidden.rename(file)


def _connect_to_peers(folder: Path, exclude: str = "") -> Iterator[socket.socket]:
    """Connect to all listening processes; remove the sockets of processes that were killed."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        if name == exclude or name.startswith("."):
            continue
        peer = socket.socket(socket.AF_UNIX)
        peer.setblocking(False)
        try:
            with _address(folder / name) as address:
                peer.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            peer.close()
            with suppress(OSError):
                (folder / name).unlink()
        except OSError:  # its queue of connections is full
            peer.close()
        else:
            yield peer


@contextmanager
def _address(file: Path) -> Iterator[str]:
    """Yield the address of a socket, through its folder's descriptor where the path is too long."""
    if len(os.fsencode(file)) <= _LONGEST_PATH:
        yield str(file)
        return
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{file.name}"
    finally:
        os.close(folder)

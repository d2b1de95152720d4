"""Looks for the named files that jobs wait for, as long as any does."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from scenarist.db import events, found_files
from scenarist.db.bells import Topic
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.named_files import FileState, file_path
from scenarist.storage.kinds import find_file

LOOK_SECONDS = 1.0
"""Between two looks at the files that jobs wait for; see decision 77."""

_UNCHANGED = timedelta(seconds=LOOK_SECONDS)

_log = structlog.get_logger(__name__)


class FileWatch:
    """Looks for named files in a thread of its own, while jobs wait for them.

    The database is asked when it tells that jobs began to wait, and when a file has come. While no
    job waits for a named file, the thread sleeps.

    Args:
        wake: Called after each commit that may let jobs run.
    """

    def __init__(
        self, database: Database, *, now: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._now = now
        self._wake = wake
        self._awaited: dict[DataNodeId, tuple[str, Mapping[str, Any]]] = {}
        self._seen: dict[DataNodeId, FileState] = {}
        self._is_stale = True
        self._stopping = threading.Event()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None
        database.on_topic(Topic.FILES, self.refresh)

    def start(self) -> None:
        """Look at once for what was waited for before, then go on until `stop`."""
        self._something.set()
        self._thread = threading.Thread(target=self._loop, name="file watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._something.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Ask the database anew what is waited for; safe in any thread."""
        self._is_stale = True
        self._something.set()

    @property
    def is_looking(self) -> bool:
        """Whether any job waits for a named file, as far as is known."""
        return bool(self._awaited)

    def step(self) -> bool:
        """Look once; record the files that have come and are whole.

        A file counts as whole when it has not changed for a second, or since the last look.

        Returns:
            Whether any was recorded.

        Raises:
            UnavailableError: The database cannot be read or written.
        """
        if self._is_stale:
            self._is_stale = False
            try:
                self._awaited = self._read_awaited()
            except BaseException:
                self._is_stale = True
                raise
        seen, self._seen = self._seen, {}
        now = self._now()
        whole = []
        for node_id, (storage_type, properties) in self._awaited.items():
            state = find_file(storage_type, properties)
            if state is not None:
                self._seen[node_id] = state
                if seen.get(node_id) == state or state.modified_at + _UNCHANGED < now:
                    whole.append(node_id)
        if not whole:
            return False
        self._is_stale = True
        return self._record(whole, now)

    def _read_awaited(self) -> dict[DataNodeId, tuple[str, Mapping[str, Any]]]:
        return {
            node_id: (storage_type, properties)
            for node_id, storage_type, properties in found_files.find_awaited(self._database.reader)
            if file_path(storage_type, properties) is not None
        }

    def _record(self, node_ids: list[DataNodeId], now: datetime) -> bool:
        def work(connection: Connection) -> bool:
            noticed = found_files.notice(connection, node_ids, find_file, now)
            events.add(connection, noticed.changes, now)
            return bool(noticed.changes)

        has_come = self._database.write(work)
        if has_come:
            _log.info("files found", data_nodes=len(node_ids))
            self._wake()
        return has_come

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._something.wait(LOOK_SECONDS if self._awaited or self._is_stale else None)
            self._something.clear()
            if self._stopping.is_set():
                return
            try:
                self.step()
            except UnavailableError as error:
                _log.warning("named files are not looked for", reason=error.message)
            except Exception:  # noqa: BLE001 - the thread outlives whatever a step trips over
                _log.exception("looking for named files failed")

"""Polls for named files while jobs wait for them."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection

from scenarist.db import event_log, named_files
from scenarist.db.engine import Database
from scenarist.db.named_files import FoundFiles
from scenarist.db.notify.notifications import Topic
from scenarist.domain.errors import UnavailableError
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.named_files import FileState, file_path
from scenarist.storage.registry import find_file_state
from scenarist.system.background import BackgroundLoop

POLL_SECONDS = 1.0
"""Interval between two checks of the files that jobs wait for; see decision 77."""

_RETRY_SECONDS = 10.0  # after a file was found that cannot be recorded yet
_UNCHANGED = timedelta(seconds=POLL_SECONDS)

_log = structlog.get_logger(__name__)


class FileWatch:
    """Polls for named files in a thread of its own, while jobs wait for them.

    It queries the database when notified that jobs have started to wait, and when a file was
    found. While no job waits for a named file, the thread sleeps.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._awaited: dict[DataNodeId, tuple[str, Mapping[str, Any]]] = {}
        self._seen: dict[DataNodeId, FileState] = {}
        self._rejected: dict[DataNodeId, tuple[FileState, float]] = {}
        self._is_stale = True
        self._loop = BackgroundLoop("file watch", self._run_once, on_error=self._log_failure)
        database.subscribe(frozenset({Topic.FILES}), lambda _: self.refresh())

    def start(self) -> None:
        """Check at once what jobs already wait for, then poll until `stop`."""
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()

    def refresh(self) -> None:
        """Query again which files jobs wait for; thread-safe."""
        self._is_stale = True
        self._loop.wake()

    @property
    def is_polling(self) -> bool:
        """Whether any job waits for a named file, as of the last query."""
        return bool(self._awaited)

    def step(self) -> bool:
        """Check the files once; record those that exist and are complete.

        A file counts as complete if it has not changed for a second, or since the last check.

        Returns:
            Whether any file was recorded.

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
        complete = self._find_complete()
        if not complete:
            return False
        self._is_stale = True
        return self._record(complete)

    def _find_complete(self) -> dict[DataNodeId, FileState]:
        seen, self._seen = self._seen, {}
        now = self._now()
        complete = {}
        for node_id, (storage_type, properties) in self._awaited.items():
            state = find_file_state(storage_type, properties)
            if state is not None:
                self._seen[node_id] = state
                is_complete = seen.get(node_id) == state or state.modified_at + _UNCHANGED < now
                if is_complete and not self._is_rejected(node_id, state):
                    complete[node_id] = state
        return complete

    def _is_rejected(self, node_id: DataNodeId, state: FileState) -> bool:
        """Return whether a file was just rejected: it belongs to a job or to another data node."""
        known, until = self._rejected.get(node_id, (None, 0.0))
        return known == state and time.monotonic() < until

    def _read_awaited(self) -> dict[DataNodeId, tuple[str, Mapping[str, Any]]]:
        return {
            node_id: (storage_type, properties)
            for node_id, storage_type, properties in named_files.find_awaited(self._database.reader)
            if file_path(storage_type, properties) is not None
        }

    def _record(self, complete: Mapping[DataNodeId, FileState]) -> bool:
        now = self._now()

        def work(connection: Connection) -> FoundFiles:
            found = named_files.record_found_files(connection, list(complete), find_file_state, now)
            event_log.add(connection, found.changes, now)
            return found

        found = self._database.write(work)
        retry_at = time.monotonic() + _RETRY_SECONDS
        self._rejected = {
            node_id: (state, retry_at)
            for node_id, state in complete.items()
            if node_id not in found.edits
        }
        if found.changes:
            _log.info("files found", paths=[state.path for _, state in found.edits.values()])
        return bool(found.changes)

    def _run_once(self) -> float | None:
        self.step()
        return POLL_SECONDS if self._awaited or self._is_stale else None

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.warning("named files are not looked for", reason=error.message)
        else:
            _log.exception("looking for named files failed")
        return POLL_SECONDS

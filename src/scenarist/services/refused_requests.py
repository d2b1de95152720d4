"""Counts requests that were refused before authentication, and records them in the audit log."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from scenarist.db import audit as audit_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.text import sanitize_text
from scenarist.domain.users import AuditEntry

_SECONDS = 60.0
_MAX_ROWS = 200
_OTHERS = "others"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Count:
    begun_at: datetime
    reason: str
    number: int = 0


class RefusalCounter:
    """Writes one audit row per minute, address and operation.

    A flood of requests thus neither fills the disk nor blocks the database: `count` only counts,
    and is thread-safe. If there are more addresses than rows in a minute, the rest are counted
    together.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], _Count] = {}
        self._timer: threading.Timer | None = None

    def count(self, address: str, operation: str, reason: str) -> None:
        """Count a refusal.

        Args:
            operation: The requested operation, or the code of the refusal if that is unknown.
            reason: Why it was refused; of several in a minute, only the first is kept.
        """
        with self._lock:
            key = (address, operation)
            if key not in self._counts and len(self._counts) >= _MAX_ROWS:
                key = (_OTHERS, operation)
            self._counts.setdefault(key, _Count(self._now(), reason)).number += 1
            if self._timer is None:
                self._timer = threading.Timer(_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the counts to the audit log; log a warning if the database cannot be written."""
        with self._lock:
            counts, self._counts, self._timer = self._counts, {}, None
        if not counts:
            return
        entries = [
            AuditEntry(
                created_at=count.begun_at,
                actor=None,
                key_id=None,
                address=address,
                operation=operation,
                entity_id=None,
                is_allowed=False,
                reason=sanitize_text(_format_reason(count)),
            )
            for (address, operation), count in counts.items()
        ]

        def work(connection: Connection) -> None:
            for entry in entries:
                audit_rows.add(connection, entry)

        try:
            self._database.write(work)
        except UnavailableError as error:
            _log.warning("refusals not kept", refusals=len(entries), reason=error.message)

    def close(self) -> None:
        """Write the remaining counts and stop the timer."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
        self.flush()


def _format_reason(count: _Count) -> str:
    times = "once" if count.number == 1 else f"{count.number} times"
    return f"{times} within a minute: {count.reason}"

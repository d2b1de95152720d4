"""Audit log: who changed what, and which requests were refused."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from scenarist.db import audit as audit_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.errors import UnavailableError
from scenarist.domain.listings import AuditFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.users import AuditEntry

REFUSALS_PER_SECOND = 10
_BURST_SECONDS = 10


class AuditService:
    """Reads the audit log and adds refusals to it; other services add changes in their transaction.

    Args:
        refusals_per_second: Rate limit of refusals that are kept, so that a flood does not fill
            the disk; a burst may have ten times as many.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        refusals_per_second: int = REFUSALS_PER_SECOND,
    ) -> None:
        self._database = database
        self.now = now
        self._lock = threading.Lock()
        self._rate = refusals_per_second
        self._burst = float(refusals_per_second * _BURST_SECONDS)
        self._budget = self._burst
        self._counted_at = now()
        self._dropped = 0

    def list_page(
        self, actor: Actor, wanted: AuditFilter, request: PageRequest
    ) -> Page[AuditEntry]:
        actor.require(Permission.ADMINISTER)
        return audit_rows.list_page(self._database.reader, wanted, request)

    def add_refusal(self, entry: AuditEntry) -> None:
        """Record a refusal, or only count it if the rate limit is exceeded.

        Raises:
            UnavailableError: The database cannot be written; the refusal is counted.
        """
        dropped = self._check_rate()
        if dropped is None:
            return
        recorded = entry
        if dropped:
            more = f"; before it, {dropped} refusals exceeded the limit and were not recorded"
            recorded = replace(entry, reason=f"{entry.reason}{more}")
        try:
            self._database.write(lambda connection: audit_rows.add(connection, recorded))
        except UnavailableError:
            with self._lock:
                self._dropped += dropped + 1
            raise

    def _check_rate(self) -> int | None:
        """Return how many refusals were dropped before this one; None to drop it too."""
        with self._lock:
            now = self.now()
            elapsed = max(0.0, (now - self._counted_at).total_seconds())
            self._counted_at = now
            self._budget = min(self._burst, self._budget + elapsed * self._rate)
            if self._budget < 1:
                self._dropped += 1
                return None
            self._budget -= 1
            dropped, self._dropped = self._dropped, 0
            return dropped

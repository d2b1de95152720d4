"""Maintenance: prunes once a day, on one of the servers that share a database."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from scenarist.db import pruning as rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import PruneCounts, Retention
from scenarist.services.pruning import PruningService
from scenarist.system.background import BackgroundLoop

PRUNING_INTERVAL = timedelta(days=1)

_RETRY = timedelta(minutes=10)  # after the database or the folder was not available

_log = structlog.get_logger(__name__)


class Maintenance:
    """Prunes in a thread of its own, which does not query the database between two runs.

    Ages are computed with the earlier of the present time and the start time plus the elapsed time,
    so that setting the clock forward while the server runs does not expire anything. See
    decision 91.

    Args:
        folder: Where values are stored, unless their config names a path.
        elapsed: A monotonic clock in seconds.
    """

    def __init__(
        self,
        database: Database,
        retention: Retention,
        *,
        folder: str,
        now: Callable[[], datetime],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._retention = retention
        self._now = now
        self._elapsed = elapsed
        self._started_at = now() - timedelta(seconds=elapsed())
        self._loop = BackgroundLoop("maintenance", self._run_once, on_error=self._log_failure)
        self._service = PruningService(
            database, folder=folder, now=self._steady_now, pause=self._pause
        )

    def start(self) -> None:
        self._loop.start()

    def stop(self) -> None:
        """Start no further transaction; the next run deletes the rest."""
        self._loop.stop()

    def step(self) -> PruneCounts | None:
        """Prune, unless a server has started to prune within the last day.

        Raises:
            UnavailableError: As `PruningService.prune`.
        """
        now = self._now()
        if not self._database.write(
            lambda connection: rows.claim_prune(connection, PRUNING_INTERVAL, now)
        ):
            return None
        pruned = self._service.prune(ANYONE, self._retention)
        _log.info("pruned", **pruned.counts)
        return pruned

    def _steady_now(self) -> datetime:
        return min(self._now(), self._started_at + timedelta(seconds=self._elapsed()))

    def _run_once(self) -> float:
        self.step()
        remaining = rows.find_last_prune(self._database.reader) + PRUNING_INTERVAL - self._now()
        return min(max(remaining, _RETRY), PRUNING_INTERVAL).total_seconds()

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, _StoppedError):
            return 0.0
        if isinstance(error, UnavailableError):
            _log.warning("pruning put off", reason=error.message)
            return _RETRY.total_seconds()
        _log.exception("pruning failed")
        return PRUNING_INTERVAL.total_seconds()

    def _pause(self, seconds: float) -> None:
        if self._loop.pause(seconds):
            raise _StoppedError


class _StoppedError(Exception):
    """The server stops during a run of pruning."""

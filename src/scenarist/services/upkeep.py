"""Prunes once a day, on one of the servers that share a database."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from scenarist.background import Background
from scenarist.db import pruning as rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.permissions import ANYONE
from scenarist.domain.retention import Pruned, Retention
from scenarist.services.pruning import PruningService

EVERY = timedelta(days=1)

_RETRY = timedelta(minutes=10)  # after the database or the folder was in trouble

_log = structlog.get_logger(__name__)


class Upkeep:
    """Prunes in a thread of its own; nothing is asked of the database between two times.

    Ages count by the clock as it was at the start plus the time that has passed since, or by the
    clock as it is where that is earlier: a clock that is set forward while the server runs makes
    nothing old.

    Args:
        folder: Where values go whose place the system names.
        elapsed: Seconds that go by, whatever is done to clocks.
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
        self._stopping = threading.Event()
        self._service = PruningService(
            database, folder=folder, now=self._steady_now, pause=self._rest
        )
        self._thread: Background | None = None

    def start(self) -> None:
        self._thread = Background("upkeep", self._loop)
        self._thread.start()

    def stop(self) -> None:
        """Begin no further transaction; what is left goes the next time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def step(self) -> Pruned | None:
        """Prune, unless a server has begun to within the last day.

        Raises:
            UnavailableError: As `PruningService.prune`.
        """
        now = self._now()
        if not self._database.write(lambda connection: rows.take_turn(connection, EVERY, now)):
            return None
        pruned = self._service.prune(ANYONE, self._retention)
        _log.info("pruned", **pruned.counts)
        return pruned

    def _steady_now(self) -> datetime:
        return min(self._now(), self._started_at + timedelta(seconds=self._elapsed()))

    def _loop(self) -> None:
        wait = timedelta()
        while not self._stopping.wait(wait.total_seconds()):
            try:
                self.step()
                left = rows.begun_at(self._database.reader) + EVERY - self._now()
                wait = min(max(left, _RETRY), EVERY)
            except _StoppedError:
                return
            except UnavailableError as error:
                _log.warning("pruning put off", reason=error.message)
                wait = _RETRY
            except Exception:  # noqa: BLE001 - the thread outlives whatever a step trips over
                _log.exception("pruning failed")
                wait = EVERY

    def _rest(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _StoppedError


class _StoppedError(Exception):
    """The server stops while it prunes."""

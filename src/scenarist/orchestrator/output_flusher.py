"""Stores the output of running jobs, so that it can be read before they end."""

from collections.abc import Callable, Mapping

import structlog

from scenarist.db.engine import Database
from scenarist.db.jobs import outputs as output_rows
from scenarist.domain.errors import UnavailableError
from scenarist.domain.redaction import redact_log
from scenarist.system.background import BackgroundLoop

FLUSH_SECONDS = 1.0
"""The delay from the first output of a job until it is stored, and between two writes. The output
of a job that ends sooner is stored only with its outcome."""

_log = structlog.get_logger(__name__)


class OutputFlusher:
    """Thread that flushes the output of running jobs to the database, and sleeps in between.

    Args:
        read: Returns the output of jobs that have written something since the last call, by job
            number and attempt.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[], Mapping[tuple[int, int], str]],
        *,
        pause_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self._database = database
        self._read = read
        self._pause_seconds = pause_seconds
        self._has_output = False
        self._loop = BackgroundLoop("outputs", self._run_once)

    def start(self) -> None:
        self._loop.start()

    def wake(self) -> None:
        """Note that a job has written something; return at once."""
        self._has_output = True
        self._loop.wake()

    def stop(self) -> None:
        self._loop.stop()

    def _run_once(self) -> None:
        # What jobs write during the pause is stored together.
        if self._has_output and not self._loop.pause(self._pause_seconds):
            self._has_output = False
            self.flush()

    def flush(self) -> None:
        """Store the new output of all running jobs; log a warning if the database is unavailable.

        Nothing is lost then: the outcome of each job contains its whole output.
        """
        # Worker calls on behalf of requests have negative numbers, and no log.
        outputs = {key: redact_log(text) for key, text in self._read().items() if key[0] >= 0}
        if not outputs:
            return
        try:
            self._database.write(lambda connection: output_rows.store_logs(connection, outputs))
        except UnavailableError as error:
            _log.warning("what jobs write is not kept", reason=error.message, jobs=len(outputs))

"""Keeps what jobs write while they run, so that it can be read before they end."""

import threading
from collections.abc import Callable, Mapping

import structlog

from scenarist.background import Background
from scenarist.db import outputs as output_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.redaction import redacted_log

PAUSE_SECONDS = 1.0
"""From the first word of a job until it is kept, and between two times: what ends within it is
recorded with its end alone."""

_log = structlog.get_logger(__name__)


class OutputKeeper:
    """A thread that sleeps until a running job writes something.

    Args:
        read: Returns what has been written since it was last called, by the number of the job
            and its attempt.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[], Mapping[tuple[int, int], str]],
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._database = database
        self._read = read
        self._pause_seconds = pause_seconds
        self._something = threading.Event()
        self._is_over = threading.Event()
        self._thread = Background("outputs", self._loop)

    def start(self) -> None:
        self._thread.start()

    def note(self) -> None:
        """Say that a job has written something; returns at once."""
        self._something.set()

    def stop(self) -> None:
        self._is_over.set()
        self._something.set()
        self._thread.join()

    def _loop(self) -> None:
        while True:
            self._something.wait()
            if self._is_over.wait(self._pause_seconds):
                return
            self._something.clear()
            self.keep()

    def keep(self) -> None:
        # Computations on behalf of requests have negative numbers, and no log.
        outputs = {key: redacted_log(text) for key, text in self._read().items() if key[0] >= 0}
        if not outputs:
            return
        try:
            self._database.write(lambda connection: output_rows.keep(connection, outputs))
        except UnavailableError as error:
            # Their ends will bring all of it.
            _log.warning("what jobs write is not kept", reason=error.message, jobs=len(outputs))

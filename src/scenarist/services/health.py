"""Health and readiness of the server; called by machines, and so without an actor."""

from collections.abc import Callable, Sequence
from datetime import datetime

from scenarist.db import deliveries as delivery_rows
from scenarist.db import leases as holder_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.errors import UnavailableError
from scenarist.observability.metrics import Backlog
from scenarist.system.background import find_fault


class HealthService:
    """Checks whether the server can do its work.

    Args:
        is_orchestrating: Returns whether this process claims jobs; None if it leaves that to
            others.
        executor_fault: Returns why claimed jobs cannot run now, or None.
        step_fault: Returns why outcomes of jobs cannot be recorded now, or None.
        find_other_versions: Returns the versions of the application, other than that of this
            process, that are connected to the database.
        find_changed_files: Returns the files of the application that differ from what is loaded.
    """

    def __init__(  # noqa: PLR0913 - where it asks
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        is_orchestrating: Callable[[], bool | None],
        executor_fault: Callable[[], str | None] = lambda: None,
        step_fault: Callable[[], str | None] = lambda: None,
        find_other_versions: Callable[[], Sequence[str]] = lambda: (),
        find_changed_files: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._database = database
        self._now = now
        self._is_orchestrating = is_orchestrating
        self._executor_fault = executor_fault
        self._step_fault = step_fault
        self._find_other_versions = find_other_versions
        self._find_changed_files = find_changed_files

    def check_readiness(self) -> str:
        """Return a message if requests can be served and jobs can be claimed now.

        For a server without an orchestrator, the message has the number of known orchestrators. It
        also says whether other versions of the application are connected to the database, and
        whether its files have changed.

        Raises:
            UnavailableError: The server is not ready; the message says why.
        """
        self._database.check_file()
        if (fault := self._database.metrics.find_write_fault()) is not None:
            raise UnavailableError(fault)
        others = holder_rows.count(self._database.reader)
        is_orchestrating = self._is_orchestrating()
        if is_orchestrating is None:
            return f"ready; orchestrators that run the jobs: {others}{self._describe_code()}"
        if not is_orchestrating:
            raise UnavailableError("the orchestrator is not running")
        if (fault := find_fault() or self._step_fault()) is not None:
            raise UnavailableError(fault)
        if (fault := self._executor_fault()) is not None:
            raise UnavailableError(f"{fault}; jobs wait for it")
        return f"ready{self._describe_code()}"

    def _describe_code(self) -> str:
        # Which ones is not said: the response is open to all.
        remarks = ""
        if self._find_other_versions():
            remarks += "; other versions of the application are connected to this database"
        if self._find_changed_files():
            remarks += "; files of the application have changed since the start of this server"
        return remarks

    @property
    def is_orchestrating(self) -> bool:
        """Whether this process claims jobs."""
        return bool(self._is_orchestrating())

    def count_backlog(self) -> Backlog:
        """Count the unfinished work.

        Raises:
            UnavailableError: The database cannot be read; the message says why.
        """
        reader = self._database.reader
        now = self._now()
        first = job_rows.find_first_due(reader, now)
        return Backlog(
            jobs=job_rows.count_unfinished(reader),
            submissions=job_rows.count_unfinished_submissions(reader),
            next_job_wait_seconds=0.0 if first is None else max(0.0, (now - first).total_seconds()),
            deliveries=delivery_rows.count_pending(reader),
            orchestrators=holder_rows.count(reader),
        )

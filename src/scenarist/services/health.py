"""Whether the server can do its work; asked by machines, so without an actor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from scenarist.background import find_fault
from scenarist.db import deliveries as delivery_rows
from scenarist.db import holders as holder_rows
from scenarist.db import jobs as job_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.vocabulary import JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is to be done now, by whichever process."""

    jobs: Mapping[JobStatus, int]  #: those that have not ended, by status
    submissions: int  #: those that have not ended
    first_waits_seconds: float  #: the job that is claimed next; 0 when none may run
    deliveries: int  #: messages of webhooks that have not arrived
    orchestrators: int  #: that take up jobs, as far as is known


class HealthService:
    """Tells what stands in the way of serving.

    Args:
        is_orchestrating: Whether jobs are being taken up here; None when others shall do it.
        executor_fault: Why those that are taken up cannot be run at the moment, if so.
        step_fault: Why what came of them is not recorded at the moment, if so.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        is_orchestrating: Callable[[], bool | None],
        executor_fault: Callable[[], str | None] = lambda: None,
        step_fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._now = now
        self._is_orchestrating = is_orchestrating
        self._executor_fault = executor_fault
        self._step_fault = step_fault

    def check_readiness(self) -> str:
        """Return how it stands, when requests would be served now, and jobs taken up.

        Of a server that leaves jobs to others, it says whether there are any, as far as is known.

        Raises:
            UnavailableError: Says what is not ready.
        """
        self._database.check_place()
        if (refused := self._database.figures.write_fault()) is not None:
            raise UnavailableError(refused)
        others = holder_rows.count(self._database.reader)
        is_orchestrating = self._is_orchestrating()
        if is_orchestrating is None:
            return f"ready; orchestrators that run the jobs: {others}"
        if not is_orchestrating:
            raise UnavailableError("the orchestrator is not running")
        if (fault := find_fault() or self._step_fault()) is not None:
            raise UnavailableError(fault)
        if (fault := self._executor_fault()) is not None:
            raise UnavailableError(f"{fault}; jobs wait for it")
        return "ready"

    @property
    def is_orchestrating(self) -> bool:
        """Whether this process takes up jobs."""
        return bool(self._is_orchestrating())

    def count_work(self) -> Work:
        """Count what is under way.

        Raises:
            UnavailableError: The database cannot be read; says why.
        """
        reader = self._database.reader
        now = self._now()
        first = job_rows.find_first_due(reader, now)
        return Work(
            jobs=job_rows.count_unfinished(reader),
            submissions=job_rows.count_submissions_under_way(reader),
            first_waits_seconds=0.0 if first is None else max(0.0, (now - first).total_seconds()),
            deliveries=delivery_rows.count_waiting(reader),
            orchestrators=holder_rows.count(reader),
        )

"""Whether the server can do its work; asked by machines, so without an actor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import text

from scenarist.db import jobs as job_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import UnavailableError
from scenarist.domain.vocabulary import JobStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is to be done now, and what has been done since the start."""

    jobs: Mapping[JobStatus, int]  #: those that have not ended, by status
    submissions: int  #: those that have not ended
    is_orchestrating: bool
    commits: int  #: of this process, since it started


class HealthService:
    """Tells what stands in the way of serving.

    Args:
        is_orchestrating: Whether jobs are being taken up here; None when others shall do it.
        executor_fault: Why those that are taken up cannot be run at the moment, if so.
    """

    def __init__(
        self,
        database: Database,
        *,
        is_orchestrating: Callable[[], bool | None],
        executor_fault: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database = database
        self._is_orchestrating = is_orchestrating
        self._executor_fault = executor_fault

    def check_readiness(self) -> None:
        """Do nothing when requests and jobs would be served now.

        Raises:
            UnavailableError: Says what is not ready.
        """
        self._database.reader.execute(text("SELECT 1"))
        if self._is_orchestrating() is False:
            raise UnavailableError("the orchestrator is not running")
        if (fault := self._executor_fault()) is not None:
            raise UnavailableError(f"{fault}; jobs wait for it")

    def count_work(self) -> Work:
        """Count what is under way.

        Raises:
            UnavailableError: The database cannot be read; says why.
        """
        reader = self._database.reader
        return Work(
            jobs=job_rows.count_unfinished(reader),
            submissions=job_rows.count_submissions_under_way(reader),
            is_orchestrating=bool(self._is_orchestrating()),
            commits=self._database.commits,
        )

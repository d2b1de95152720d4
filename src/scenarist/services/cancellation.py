"""Cancellation of jobs, of one job or of all jobs of a submission."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from scenarist.db import audit, event_log
from scenarist.db.engine import Database
from scenarist.db.jobs import cancel as cancellation
from scenarist.db.jobs.cancel import UnfinishedJob
from scenarist.domain.permissions import Actor
from scenarist.domain.vocabulary import JobStatus

T = TypeVar("T")


class Canceller:
    """Cancels waiting jobs, and asks running jobs to stop.

    Args:
        stop: Stops running jobs, given their numbers.
        wake: Called if jobs that waited for cancelled ones may run.
        announce: Called with the identifiers of jobs and submissions that have ended.

    All three are called after the commit.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        stop: Callable[[Sequence[int]], None],
        wake: Callable[[], None],
        announce: Callable[[Sequence[str]], None],
    ) -> None:
        self._database = database
        self._now = now
        self._stop = stop
        self._wake = wake
        self._announce = announce

    def cancel(
        self,
        actor: Actor,
        entity_id: str,
        find: Callable[[Connection], Sequence[UnfinishedJob]],
        read: Callable[[Connection], T],
    ) -> T:
        """Cancel jobs and the jobs that need their output; return the result of *read*.

        Args:
            entity_id: The job or submission of the request, for the audit log.
            find: Finds the jobs to cancel, or raises; called in the transaction.
            read: Called in the transaction after the jobs were cancelled.
        """
        now = self._now()

        def work(connection: Connection) -> tuple[list[int], list[str], T]:
            unfinished = find(connection)
            consequences = cancellation.cancel(connection, unfinished, now, actor=actor.ref)
            event_log.add(connection, consequences.changes, now)
            audit.record_allowed(connection, actor, entity_id, now)
            running = [job.number for job in unfinished if job.status is JobStatus.RUNNING]
            return running, consequences.finished, read(connection)

        running, ended, result = self._database.write(work)
        if running:
            self._stop(running)
        if ended:
            self._announce(ended)
            self._wake()
        return result

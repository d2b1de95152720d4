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

T = TypeVar("T")


class Canceller:
    """Cancels waiting jobs, and asks the orchestrators that run the other jobs to stop them."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

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

        def work(connection: Connection) -> T:
            changes = cancellation.cancel(connection, find(connection), now, actor=actor.ref)
            event_log.add(connection, changes, now)
            audit.record_allowed(connection, actor, entity_id, now)
            return read(connection)

        return self._database.write(work)

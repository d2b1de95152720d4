"""Renews the lease of an orchestrator, and takes over the jobs of holders that lost theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from scenarist.db import event_log, leases
from scenarist.db.engine import Database
from scenarist.db.jobs import cancel, claim, complete
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.propagate import make_job_event, release_machine_waits
from scenarist.db.leases import Holder
from scenarist.db.notify.notifications import EVERYTHING, Notification, Topic
from scenarist.domain.entities import Event
from scenarist.domain.errors import UnavailableError
from scenarist.domain.identifiers import HolderId, JobId, SubmissionId
from scenarist.domain.lifecycle import LOST_TOGETHER_LIMIT
from scenarist.domain.vocabulary import JobStatus
from scenarist.orchestrator.leases import Lease, LeaseLostError, LeaseMonitor
from scenarist.orchestrator.metrics import JobMetrics
from scenarist.orchestrator.outcomes import complete_given_up
from scenarist.orchestrator.process_watch import ProcessWatch
from scenarist.system.background import BackgroundLoop

_RETRY_SECONDS = 1.0  # the pause after the database rejected a transaction
_IDLE_LIMIT = timedelta(days=1)  # a holder without a job for so long may be deleted

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequeueResult:
    """Result of requeueing the jobs of a holder."""

    jobs: Sequence[tuple[JobId, SubmissionId]]  #: the jobs that run again
    events: Sequence[Event]


def requeue_jobs(
    connection: Connection,
    holder_id: HolderId,
    now: datetime,
    *,
    exclude: Sequence[int] = (),
    may_have_begun: bool = False,
    is_lost: bool = False,
) -> RequeueResult:
    """Put the running jobs of a holder back to PENDING, or end those that were asked to stop.

    The caller must add the returned changes to the event log, in the same transaction.

    Args:
        exclude: The numbers of the jobs to leave unchanged.
        may_have_begun: Whether to fail jobs that must not run again.
        is_lost: Whether the attempts ended because the holder was lost; such losses are counted.
    """
    events = cancel.cancel_lost(connection, now, holder_id=holder_id, exclude=exclude)
    lost: list[Completion] = []
    if may_have_begun:
        allowed = LOST_TOGETHER_LIMIT - 1
        found = claim.find_unrepeatable(
            connection, holder_id=holder_id, exclude=exclude, lost_allowed=allowed
        )
        lost = [complete_given_up(item, now) for item in found]
    events += complete.complete_attempts(connection, lost, holder_id=holder_id, now=now).changes
    requeued = claim.requeue(connection, now, holder_id=holder_id, exclude=exclude, is_lost=is_lost)
    events += [make_job_event(*job, JobStatus.PENDING) for job in requeued]
    if is_lost:  # suspects may wait until one of these has ended
        events += release_machine_waits(connection, now)
    return RequeueResult(jobs=requeued, events=events)


class LeaseKeeper:
    """Thread that renews a lease while jobs run under it, and takes over from lost holders.

    It runs no other work, so nothing can delay a renewal. It sleeps while no holder runs jobs.
    While others do, it checks them every third of a lease, and whenever the process of a holder
    on this machine ends (docs/decisions/0033).

    Args:
        has_running_jobs: Returns whether jobs run under the lease.
        on_lost: Called when the lease is lost; returns at once.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        job_metrics: JobMetrics,
        *,
        has_running_jobs: Callable[[], bool],
        on_lost: Callable[[], None],
    ) -> None:
        self._database = database
        self._lease = lease
        self._options = lease.options
        self._job_metrics = job_metrics
        self._has_running_jobs = has_running_jobs
        self._on_lost = on_lost
        self._monitor = LeaseMonitor(lease.options)
        # When to check the other holders, in elapsed seconds; None while no other runs jobs.
        self._check_at: float | None = None
        self._processes: ProcessWatch | None = None
        self._loop: BackgroundLoop | None = None
        database.subscribe(frozenset({Topic.NEWS}), self.on_commit)

    def start(self) -> None:
        self._processes = ProcessWatch()
        self._loop = BackgroundLoop(
            "leases",
            self.run_once,
            on_error=self._log_failure,
            wait=self._wait,
            interrupt=self._processes.interrupt,
        )
        self._loop.start()

    def stop(self) -> None:
        if self._loop is not None and self._processes is not None:
            self._loop.stop()
            self._processes.close()

    def release(self) -> None:
        """End the lease, and put the jobs that still run under it back to PENDING.

        Raises:
            UnavailableError: The database rejected the transaction.
        """

        def work(connection: Connection) -> RequeueResult:
            leases.release(connection, self._lease.holder_id)
            return self._requeue(connection, self._lease.holder_id, is_lost=False)

        self._record_requeued(self._database.write(work))

    def start_renewing(self) -> None:
        """Note that jobs run under the lease, so that it is renewed."""
        if not self._lease.has_claimed:
            self._lease.has_claimed = True
            self._wake()

    def on_commit(self, notification: Notification) -> None:
        """Plan to check the other holders if another process has committed: it may run jobs."""
        if notification.is_own:
            return
        if notification.topics == EVERYTHING or self._check_at is None:
            wait = 0.0 if notification.topics == EVERYTHING else self._options.renewal_seconds
            self._check_at = self._options.elapsed() + wait
            self._wake()

    def recover(self) -> None:
        """Begin the lease, and take over from holders that are certainly gone.

        Raises:
            UnavailableError: The database rejected a transaction.
        """
        self._lease.confirm(self._database.write(self._lease.renew_if_due))
        own = self._lease.holder_id
        reader = self._database.reader
        for holder in leases.list_all(reader):
            if holder.id != own and self._options.is_gone(holder.process):
                self._take_over(holder)
        self._database.write(
            lambda connection: leases.delete_idle(
                connection, before=self._lease.now() - _IDLE_LIMIT
            )
        )
        self.check_holders()

    def run_once(self) -> float | None:
        """Renew the lease and check the other holders, if either is due.

        Returns:
            The seconds until something is due; None if nothing is.

        Raises:
            UnavailableError: The database rejected a transaction.
        """
        now = self._options.elapsed()
        if self._is_renewal_needed() and now >= self._lease.due_at:
            self._renew()
        if self._check_at is not None and now >= self._check_at:
            self.check_holders()
        return self._seconds_to_next()

    def check_holders(self) -> None:
        """Take over from holders that are gone, and schedule the next check."""
        found = leases.list_running(self._database.reader, exclude=self._lease.holder_id)
        # A notification arrives when another holder begins to run jobs.
        self._check_at = self._options.elapsed() + self._options.renewal_seconds if found else None
        gone = self._monitor.find_lost(found)
        if self._processes is not None:
            self._processes.watch({holder.process for holder in found if holder not in gone})
        for holder in gone:
            self._take_over(holder)

    def _take_over(self, holder: Holder) -> None:
        """Requeue the jobs of a holder that is gone, unless another process has done so."""

        def work(connection: Connection) -> RequeueResult | None:
            is_ended = leases.expire(connection, holder)
            return self._requeue(connection, holder.id, is_lost=True) if is_ended else None

        result = self._database.write(work)
        if result is not None:
            _log.warning("holder gone", holder_id=holder.id, jobs=len(result.jobs))
            self._record_requeued(result)

    def _requeue(
        self, connection: Connection, holder_id: HolderId, *, is_lost: bool
    ) -> RequeueResult:
        now = self._lease.now()
        result = requeue_jobs(connection, holder_id, now, may_have_begun=True, is_lost=is_lost)
        event_log.add(connection, result.events, now)
        return result

    def _record_requeued(self, result: RequeueResult) -> None:
        self._job_metrics.record_requeued(result.jobs, self._lease.now())

    def _is_renewal_needed(self) -> bool:
        return not self._lease.is_lost and (self._lease.has_claimed or self._has_running_jobs())

    def _renew(self) -> None:
        holder_id = self._lease.holder_id
        try:
            self._lease.confirm(self._database.write(self._lease.renew_if_due))
        except LeaseLostError:
            if holder_id == self._lease.holder_id:
                self._lease.is_lost = True
                self._on_lost()

    def _wait(self, seconds: float | None) -> None:
        if self._processes is not None and self._processes.wait(seconds):
            self._check_at = self._options.elapsed()

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.error("lease not renewed", reason=error.message, seconds=_RETRY_SECONDS)
            self._monitor.reset()
        else:
            _log.exception("lease not renewed")
        return _RETRY_SECONDS

    def _seconds_to_next(self) -> float | None:
        due = [] if self._check_at is None else [self._check_at]
        if self._is_renewal_needed():
            due.append(self._lease.due_at)
        return max(0.0, min(due) - self._options.elapsed()) if due else None

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.wake()

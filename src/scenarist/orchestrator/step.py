"""The database transaction of one orchestrator step, and its repetition in parts if it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from scenarist.db import event_log
from scenarist.db.engine import Database
from scenarist.db.jobs import claim as claims
from scenarist.db.jobs import complete, propagate
from scenarist.db.jobs.claim import Claim, TaskRecipe
from scenarist.db.jobs.complete import Completion
from scenarist.domain.entities import Event
from scenarist.domain.errors import InDoubtError, UnavailableError
from scenarist.executors.base import Executor, JobRequest
from scenarist.observability.metrics import OrchestratorMetrics
from scenarist.orchestrator.claiming import JobToRun, sort_claims
from scenarist.orchestrator.job_requests import RecipeCache
from scenarist.orchestrator.lease_keeper import requeue_jobs
from scenarist.orchestrator.leases import Lease, LeaseLostError
from scenarist.orchestrator.metrics import JobMetrics
from scenarist.orchestrator.outcomes import complete_refused, complete_unrecordable, is_suspect

T = TypeVar("T")

_CAUSE_LIMIT = 300

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StepResult:
    """Result of a committed step.

    Args:
        handled: The completions that need no more work: recorded, or dropped because they came
            too late.
        recorded: The completions that were recorded.
        lease_renewed_at: The time to confirm to the lease after the commit; None if it was not
            renewed.
        may_claim_more: Whether there may be more to claim, although slots are left.
    """

    handled: list[Completion] = field(default_factory=list)
    to_run: list[JobToRun] = field(default_factory=list)
    recorded: list[Completion] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)
    lease_renewed_at: float | None = None
    may_claim_more: bool = False

    def add(self, other: "StepResult") -> None:
        self.handled += other.handled
        self.to_run += other.to_run
        self.recorded += other.recorded
        self.may_claim_more |= other.may_claim_more


class StepWriter:
    """Writer of an orchestrator's steps: normally one transaction per step.

    If a step fails although the database is available, it is repeated in parts: each outcome and
    each claim in a transaction of its own. An outcome that cannot be recorded then fails its own
    job and does not block the others (docs/decisions/0092).
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        recipes: RecipeCache,
        job_metrics: JobMetrics,
    ) -> None:
        self._database = database
        self._lease = lease
        self._recipes = recipes
        self._job_metrics = job_metrics
        self._metrics: OrchestratorMetrics = job_metrics.counters
        # -1: jobs that waited for machines under an earlier server are checked again.
        self._machines_version = -1
        self.is_in_doubt = False  #: whether jobs may be claimed that this process does not know
        self.is_due_unknown = True  #: whether other processes may have scheduled retries
        self.next_due: datetime | None = None
        self.fault: str | None = None  #: why the last step failed
        self.has_unfinished_work = False  #: whether the last step left work that must be retried

    def have_machines_changed(self, executor: Executor) -> bool:
        """Whether the machines have changed since the last step."""
        return executor.machines_version != self._machines_version

    def write(
        self,
        executor: Executor,
        completions: Sequence[Completion],
        slots: int,
        now: datetime,
        *,
        running: Mapping[int, tuple[Claim, TaskRecipe, JobRequest]],
    ) -> StepResult:
        """Record outcomes, and claim up to *slots* jobs.

        Args:
            running: All jobs that run here, by number.

        Raises:
            LeaseLostError: The lease is lost. Nothing was stored.
            UnavailableError: The database rejected the transaction. Nothing was stored, except
                after an `InDoubtError`, when it may have been.
        """
        version = executor.machines_version
        try:
            step = self._database.write(
                lambda connection: self._write_whole(
                    connection, executor, completions, slots, now, running
                )
            )
        except LeaseLostError:
            raise
        except UnavailableError as error:
            self._record_fault(error)
            self.is_in_doubt |= isinstance(error, InDoubtError)
            raise
        except Exception as error:  # noqa: BLE001 - one job's error must not affect the others
            self._record_fault(error)
            _log.exception("step failed", outcomes=len(completions))
            return self._write_in_parts(executor, completions, slots, now, running)
        self.is_in_doubt = self.has_unfinished_work = False
        self.fault = None
        self._machines_version = version
        return step

    def _record_fault(self, error: Exception) -> None:
        self.is_due_unknown = True
        self.fault = f"steps of the orchestrator fail: {_format_cause(error)}"
        self._metrics.failed_steps += 1

    def _write_whole(
        self,
        connection: Connection,
        executor: Executor,
        completions: Sequence[Completion],
        slots: int,
        now: datetime,
        running: Mapping[int, tuple[Claim, TaskRecipe, JobRequest]],
    ) -> StepResult:
        step = StepResult(handled=list(completions))
        step.lease_renewed_at = self._lease.renew_if_due(connection) if slots else None
        # A stored claim that this process does not know of would stay RUNNING for ever.
        if self.is_in_doubt:
            requeued = requeue_jobs(connection, self._lease.holder_id, now, exclude=list(running))
            step.changes += requeued.events
        self._complete(connection, completions, now, step)
        has_delayed_retry = any(item.not_before is not None for item in completions)
        if has_delayed_retry or self.is_due_unknown or self.next_due is not None:
            self.is_due_unknown = False
            self.next_due = claims.find_next_due(connection, now)
        if self.have_machines_changed(executor) or any(item.is_suspect for item in completions):
            step.changes += propagate.release_machine_waits(connection, now)
        if slots:
            claimed = claims.claim(connection, self._lease.holder_id, limit=slots, now=now)
            done = {item.number for item in completions}
            suspects = sum(
                is_suspect(claim) for claim, _, _ in running.values() if claim.number not in done
            )
            self._prepare(connection, executor, claimed, now, step, suspects=suspects)
        event_log.add(connection, step.changes, now)
        return step

    def _complete(
        self,
        connection: Connection,
        completions: Sequence[Completion],
        now: datetime,
        step: StepResult,
    ) -> None:
        if not completions:
            return
        holder_id = self._lease.holder_id
        recorded = complete.complete_attempts(connection, completions, holder_id=holder_id, now=now)
        step.changes += recorded.changes
        step.recorded += recorded.completions

    def _prepare(
        self,
        connection: Connection,
        executor: Executor,
        claimed: Sequence[Claim],
        now: datetime,
        step: StepResult,
        *,
        suspects: int,
    ) -> None:
        sorted_claims = sort_claims(
            connection, claimed, self._recipes, executor.find_missing, now=now, suspects=suspects
        )
        self._job_metrics.read_traces(connection, sorted_claims.to_run)
        step.changes += sorted_claims.changes
        step.to_run += sorted_claims.to_run
        self._complete(connection, sorted_claims.completions, now, step)
        # Those that were released, or that came after the jobs that do not run.
        step.may_claim_more |= sorted_claims.may_free_others

    def _write_in_parts(
        self,
        executor: Executor,
        completions: Sequence[Completion],
        slots: int,
        now: datetime,
        running: Mapping[int, tuple[Claim, TaskRecipe, JobRequest]],
    ) -> StepResult:
        """Repeat a failed step part by part, until the database rejects one."""
        total = StepResult()
        # Cleared by the next step that succeeds as a whole; the loop tries one soon.
        self.is_in_doubt = self.has_unfinished_work = True
        try:
            for item in completions:
                self._complete_one(item, now, total)
            for _ in range(slots):
                present = [claim for claim, _, _ in [*running.values(), *total.to_run]]
                suspects = sum(map(is_suspect, present))
                if not self._claim_one(executor, now, total, suspects):
                    break
        except (UnavailableError, LeaseLostError) as error:
            # The next step does the rest, or gives it up.
            _log.error("step put off", reason=_format_cause(error))
        return total

    def _complete_one(self, item: Completion, now: datetime, total: StepResult) -> None:
        """Record one outcome, or that it cannot be recorded."""

        def record(completion: Completion) -> StepResult:
            def work(connection: Connection) -> StepResult:
                step = StepResult(handled=[item])
                self._complete(connection, [completion], now, step)
                event_log.add(connection, step.changes, now)
                return step

            return self._database.write(work)

        try:
            total.add(record(item))
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - any error fails the job
            _log.error(
                "an outcome cannot be recorded", job_id=item.job_id, reason=_format_cause(error)
            )
            try:
                total.add(record(complete_unrecordable(item, _format_cause(error))))
            except UnavailableError:
                raise
            except Exception:  # noqa: BLE001 - it is retried, and the other jobs continue
                _log.exception("a job cannot be ended", job_id=item.job_id)

    def _claim_one(
        self, executor: Executor, now: datetime, total: StepResult, suspects: int
    ) -> bool:
        """Claim one job, or fail it if it cannot be prepared; return whether there was a job."""
        holder_id = self._lease.holder_id

        def claim(connection: Connection) -> tuple[float | None, list[Claim]]:
            renewed_at = self._lease.renew_if_due(connection)
            return renewed_at, claims.claim(connection, holder_id, limit=1, now=now)

        renewed_at, claimed = self._database.write(claim)
        self._lease.confirm(renewed_at)
        if not claimed:
            return False

        def prepare(connection: Connection) -> StepResult:
            step = StepResult()
            self._prepare(connection, executor, claimed, now, step, suspects=suspects)
            event_log.add(connection, step.changes, now)
            return step

        try:
            total.add(self._database.write(prepare))
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            (one,) = claimed
            _log.exception("a job cannot be taken up", job_id=one.id)
            recipe = self._recipes.find(one.task_id)
            config_id = "" if recipe is None else recipe.config_id
            reason = f"it could not be prepared: {_format_cause(error)}"
            self._complete_one(complete_refused(one, config_id, reason, now), now, total)
        return True


def _format_cause(error: BaseException) -> str:
    """Return an error in one line, without the statement and parameters that SQLAlchemy adds."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split()) or type(cause).__name__
    return text[:_CAUSE_LIMIT]

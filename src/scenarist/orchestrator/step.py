"""The database transaction of one orchestrator step, and its repetition in parts if it fails."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from scenarist.db import event_log
from scenarist.db.engine import Database
from scenarist.db.jobs import claim as claims
from scenarist.db.jobs import complete, propagate
from scenarist.db.jobs.claim import Claim
from scenarist.db.jobs.complete import Completion
from scenarist.db.jobs.recipes import RecipeCache
from scenarist.domain.errors import UnavailableError
from scenarist.executors.base import Executor
from scenarist.observability.metrics import OrchestratorMetrics
from scenarist.orchestrator.claiming import sort_claims
from scenarist.orchestrator.lease_keeper import requeue_jobs
from scenarist.orchestrator.leases import Lease, LeaseLostError
from scenarist.orchestrator.metrics import JobMetrics
from scenarist.orchestrator.outcomes import complete_refused, complete_unrecordable, is_suspect
from scenarist.orchestrator.state import StepResult, WriteStep

T = TypeVar("T")

_CAUSE_LIMIT = 300

_log = structlog.get_logger(__name__)


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
        self.fault: str | None = None  #: why the last step failed

    def write(self, plan: WriteStep, executor: Executor) -> StepResult:
        """Record outcomes, and claim jobs.

        Args:
            executor: Says which machines a job can run on.

        Raises:
            LeaseLostError: The lease is lost. Nothing was stored.
            UnavailableError: The database rejected the transaction. Nothing was stored, except
                after an `InDoubtError`, when it may have been.
        """
        try:
            step = self._database.write(
                lambda connection: self._write_whole(connection, plan, executor)
            )
        except LeaseLostError:
            raise
        except UnavailableError as error:
            self._record_fault(error)
            raise
        except Exception as error:  # noqa: BLE001 - one job's error must not affect the others
            self._record_fault(error)
            _log.exception("step failed", outcomes=len(plan.completions))
            return self._write_in_parts(plan, executor)
        self.fault = None
        return step

    def _record_fault(self, error: Exception) -> None:
        self.fault = f"steps of the orchestrator fail: {_format_cause(error)}"
        self._metrics.failed_steps += 1

    def _write_whole(
        self, connection: Connection, plan: WriteStep, executor: Executor
    ) -> StepResult:
        now, holder_id = plan.now, self._lease.holder_id
        step = StepResult(handled=list(plan.completions))
        step.lease_renewed_at = self._lease.renew_if_due(connection) if plan.slots else None
        # A stored claim that this process does not know of would stay RUNNING for ever.
        if plan.requeues_unknown:
            requeued = requeue_jobs(connection, holder_id, now, exclude=list(plan.running))
            step.changes += requeued.events
        self._complete(connection, plan.completions, now, step)
        if plan.finds_next_due:
            step.next_due = claims.find_next_due(connection, now)
        if plan.releases_machine_waits:
            step.changes += propagate.release_machine_waits(connection, now)
        if plan.slots:
            claimed = claims.claim(connection, holder_id, limit=plan.slots, now=now)
            done = {item.number for item in plan.completions}
            suspects = sum(
                is_suspect(claim)
                for claim, _, _ in plan.running.values()
                if claim.number not in done
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

    def _write_in_parts(self, plan: WriteStep, executor: Executor) -> StepResult:
        """Repeat a failed step part by part, until the database rejects one."""
        total = StepResult(is_partial=True)
        try:
            for item in plan.completions:
                self._complete_one(item, plan.now, total)
            for _ in range(plan.slots):
                present = [claim for claim, _, _ in [*plan.running.values(), *total.to_run]]
                suspects = sum(map(is_suspect, present))
                if not self._claim_one(executor, plan.now, total, suspects):
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

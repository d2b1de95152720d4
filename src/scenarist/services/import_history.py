"""Decides which submissions and jobs of Taipy are created: as ended, whatever they were."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import importing
from scenarist.db.jobs.enqueue import JOBS_LIMIT
from scenarist.domain.entities import Job, Submission
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import JobId, SubmissionId, TaskId
from scenarist.domain.lifecycle import roll_up_finished
from scenarist.domain.properties import validate_properties
from scenarist.domain.redaction import redact
from scenarist.domain.vocabulary import EntityKind, EntityType, JobStatus, SubmissionStatus
from scenarist.services.import_plan import ImportPlan, ImportSource
from scenarist.taipy.records import TaipyJob, TaipySubmission

UNFINISHED = "it had not ended when it was imported from Taipy"
_NEVER_RAN = {JobStatus.SKIPPED, JobStatus.ABANDONED}


class HistoryPlanner:
    """Adds the submissions and jobs of Taipy to a plan, except those that the database has.

    Args:
        ids: Identifiers of the entities that records stand for, by that of the record.
    """

    def __init__(
        self,
        connection: Connection,
        source: ImportSource,
        ids: Mapping[str, str],
        plan: ImportPlan,
    ) -> None:
        self._connection = connection
        self._source = source
        self._ids = ids
        self._plan = plan
        self._last_edits = self._find_last_edits()
        self._unread = {remark.entry for remark in source.records.left_out}

    def plan(self) -> None:
        records = self._source.records
        known = importing.find_existing(
            self._connection, EntityKind.SUBMISSION, sorted(records.submissions)
        )
        known_jobs = importing.find_existing(self._connection, EntityKind.JOB, sorted(records.jobs))
        self._plan.present[EntityKind.SUBMISSION] += len(known)
        self._plan.present[EntityKind.JOB] += len(known_jobs)
        jobs: defaultdict[str, list[TaipyJob]] = defaultdict(list)
        for job in records.jobs.values():
            if job.id not in known_jobs:
                jobs[job.submit_id].append(job)
        imported = {
            record.id for record in records.submissions.values() if self._is_importable(record)
        }
        for record in sorted(
            records.submissions.values(),
            key=lambda item: (self._source.to_utc(item.creation_date), item.id),
        ):
            if record.id in imported and record.id not in known:
                self._plan.submissions.append(self._make_submission(record, jobs[record.id]))
        for job in (item for items in jobs.values() for item in items):
            if job.submit_id not in imported:
                self._plan.leave_out(job.id, f"its submission {job.submit_id} is not imported")

    def _is_importable(self, record: TaipySubmission) -> bool:
        fault = None
        if record.entity_type not in list(EntityType):
            fault = f"its entity_type {record.entity_type[:100]!r} is unknown"
        elif record.entity_id not in self._ids:
            fault = f"what was submitted, {record.entity_id}, is not imported"
        elif unread := self._unread.intersection(record.job_ids):
            fault = f"its job {min(unread)} could not be read"
        if fault is not None:
            self._plan.leave_out(record.id, fault)
        return fault is None

    def _make_submission(
        self, record: TaipySubmission, records: Sequence[TaipyJob]
    ) -> tuple[Submission, list[Job]]:
        place = {job_id: position for position, job_id in enumerate(record.job_ids)}
        ordered = sorted(records, key=lambda job: (place.get(job.id, len(place)), job.id))
        jobs: list[Job] = []
        for job in ordered:
            if job.task_id not in self._ids:
                self._plan.leave_out(job.id, f"its task {job.task_id} is not imported")
            elif len(jobs) == JOBS_LIMIT:
                self._plan.leave_out(job.id, f"a submission has at most {JOBS_LIMIT} jobs")
            else:
                jobs.append(self._make_job(job, record))
        created_at = self._source.to_utc(record.creation_date)
        submission = Submission(
            id=SubmissionId(record.id),
            entity_id=self._ids[record.entity_id],
            entity_type=EntityType(record.entity_type),
            status=self._find_status(record, records, jobs),
            job_ids=tuple(job.id for job in jobs),
            job_counts={},
            properties=self._check_properties(record),
            created_at=created_at,
            run_at=None,
            finished_at=max((_end_of(job) for job in jobs), default=created_at),
            version=record.version,
        )
        return submission, jobs

    def _find_status(
        self, record: TaipySubmission, records: Sequence[TaipyJob], jobs: Sequence[Job]
    ) -> SubmissionStatus:
        """Return the status that Taipy recorded, or the one that follows from those of the jobs."""
        status = record.submission_status
        if (
            status is not None
            and status.is_finished
            and all(job.status.is_finished for job in records)
        ):
            return status
        statuses = [job.status for job in jobs]
        return roll_up_finished(
            failed=statuses.count(JobStatus.FAILED), canceled=statuses.count(JobStatus.CANCELED)
        )

    def _make_job(self, record: TaipyJob, submission: TaipySubmission) -> Job:
        times = {
            status: self._source.to_utc(at) for status, at in record.status_change_records.items()
        }
        created_at = self._source.to_utc(record.creation_date)
        is_ended = record.status.is_finished
        status = record.status if is_ended else JobStatus.CANCELED
        finished_at = self._source.now
        if is_ended:
            finished_at = times.get(status) or self._last_edits.get(record.id) or created_at
        stacktrace = redact("\n".join(record.stacktrace))
        run_at = times.get(JobStatus.RUNNING)
        task = self._source.records.tasks[record.task_id]
        has_run = run_at is not None or status in {JobStatus.COMPLETED, JobStatus.FAILED}
        return Job(
            id=JobId(record.id),
            task_id=TaskId(self._ids[record.task_id]),
            submission_id=SubmissionId(record.submit_id),
            submit_entity_id=self._ids[submission.entity_id],
            status=status,
            force=record.force,
            attempt=int(has_run and status not in _NEVER_RAN),
            waiting_for=(),
            stacktrace=(stacktrace,) if stacktrace else (),
            reason=_find_reason(stacktrace, status) if is_ended else UNFINISHED,
            created_at=created_at,
            run_at=None if status in _NEVER_RAN else run_at,
            finished_at=finished_at,
            cancel_requested_at=None,
            version=record.version,
            function=f"{task.function_module}:{task.function_name}" if has_run else None,
        )

    def _check_properties(self, record: TaipySubmission) -> Mapping[str, object]:
        try:
            return validate_properties(record.properties)
        except InvalidError as error:
            self._plan.leave_out(f"properties of {record.id}", error.message)
            return {}

    def _find_last_edits(self) -> dict[str, datetime]:
        """Return when each job made its last edit: 3.1 keeps no other time of its end."""
        found: dict[str, datetime] = {}
        for node in self._source.records.data_nodes.values():
            for edit in node.edits:
                if edit.job_id is not None:
                    at = self._source.to_utc(edit.timestamp)
                    found[edit.job_id] = max(at, found.get(edit.job_id, at))
        return found


def _end_of(job: Job) -> datetime:
    return job.finished_at or job.created_at


def _find_reason(stacktrace: str, status: JobStatus) -> str | None:
    """Return the last line of the stack trace of a failed job."""
    lines = stacktrace.strip().splitlines()
    return lines[-1] if lines and status is JobStatus.FAILED else None

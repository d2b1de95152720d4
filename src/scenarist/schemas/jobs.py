"""Jobs and their logs."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.freshness import RunReason
from scenarist.domain.vocabulary import JobStatus
from scenarist.schemas.subscribers import Subscriber


class Job(Struct, kw_only=True, frozen=True):
    id: str
    task_id: str
    submission_id: str
    submit_entity_id: str
    status: JobStatus
    force: bool
    attempts: int
    waiting_for: Annotated[
        list[str],
        Meta(
            description="What the job waits for: other jobs, data nodes without a value (each "
            "followed by its file if the config names a path), machines, or the reason why no job "
            "can run here."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it ended with this status.")]
    run_reason: Annotated[
        RunReason | None,
        Meta(
            description="Why its last attempt ran; null before, if it was skipped, and if that was "
            "not recorded."
        ),
    ]
    because: Annotated[
        str | None,
        Meta(
            description="Why it ran or was skipped, in a sentence.",
            examples=["data node 'growth' was written at 2026-03-01T12:00:00Z by ines"],
        ),
    ]
    stacktrace: list[str]
    function: Annotated[
        str | None, Meta(description="Function that its last attempt ran, as package.module:name.")
    ]
    code_digest: Annotated[
        str | None,
        Meta(
            description="Digest of the function: its name, its module and the modules it imports."
        ),
    ]
    cache_key: Annotated[
        str | None,
        Meta(
            description="Digest of all that its outputs depend on; null unless its task takes "
            "outputs from the cache."
        ),
    ]
    cached_from: Annotated[
        str | None,
        Meta(description="The job whose outputs it took from the cache, if it did not run."),
    ]
    creation_date: datetime
    submitted_at: datetime
    run_at: Annotated[datetime | None, Meta(description="Start of its last attempt.")]
    finished_at: datetime | None
    pending_duration: Annotated[
        float | None,
        Meta(description="Seconds from submit to start, or to the end of a job that never ran."),
    ]
    execution_duration: Annotated[
        float | None, Meta(description="Run time in seconds; null while it runs.")
    ]
    cancel_requested_at: Annotated[
        datetime | None, Meta(description="When its cancellation was requested while it ran.")
    ]
    subscribers: list[Subscriber]
    version: Annotated[
        str,
        Meta(
            description="Version of the application that ran its last attempt; before its end, of "
            "the one that accepted it."
        ),
    ]


class OneJob(Struct, kw_only=True, frozen=True):
    job: Job


class JobAnswer(Struct, kw_only=True, frozen=True):
    """The job after the request."""

    message: str
    job: Job


class AttemptLog(Struct, kw_only=True, frozen=True):
    attempt: int
    text: str


class JobLog(Struct, kw_only=True, frozen=True):
    attempts: list[AttemptLog]

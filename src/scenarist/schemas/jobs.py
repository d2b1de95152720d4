"""Jobs."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

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
            description="Jobs, data nodes without a value, each followed by the file that it is to "
            "be found in, where a path is named, machines, or why no job can run here."
        ),
    ]
    reason: Annotated[str | None, Meta(description="Why it ended as it did.")]
    stacktrace: list[str]
    function: Annotated[
        str | None, Meta(description="What its last attempt ran, as package.module:name.")
    ]
    code_digest: Annotated[
        str | None,
        Meta(description="A digest of the code of the function and of what it imports."),
    ]
    creation_date: datetime
    submitted_at: datetime
    run_at: Annotated[datetime | None, Meta(description="When its last attempt started.")]
    finished_at: datetime | None
    pending_duration: Annotated[
        float | None,
        Meta(description="Seconds from submit to run, or to the end of a job that never ran."),
    ]
    execution_duration: Annotated[
        float | None, Meta(description="Seconds that it ran; null while it runs.")
    ]
    cancel_requested_at: Annotated[
        datetime | None, Meta(description="When it was asked to stop while it ran.")
    ]
    subscribers: list[Subscriber]
    version: str


class OneJob(Struct, kw_only=True, frozen=True):
    job: Job


class JobAnswer(Struct, kw_only=True, frozen=True):
    """What became of a job by the request."""

    message: str
    job: Job


class AttemptLog(Struct, kw_only=True, frozen=True):
    attempt: int
    text: str


class JobLog(Struct, kw_only=True, frozen=True):
    attempts: list[AttemptLog]

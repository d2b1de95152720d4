"""Submissions."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from scenarist.domain.vocabulary import EntityType, JobStatus, SubmissionStatus
from scenarist.schemas.base import Request


class Submit(Request, kw_only=True, frozen=True):
    """Options of a submit; all are optional."""

    force: Annotated[bool, Meta(description="Run skippable tasks even if nothing changed.")] = False
    priority: Annotated[
        int,
        Meta(
            ge=-1000, le=1000, description="Higher runs first; within one priority, oldest first."
        ),
    ] = 0
    properties: dict[str, Any] = field(default_factory=dict)


class SubmitWithInputs(Submit, kw_only=True, frozen=True):
    """Options of a submit of a scenario or a sequence; all are optional."""

    inputs: Annotated[
        dict[str, Any],
        Meta(
            description="Values of inputs of the scenario by name, written before its jobs are "
            "created, in the same transaction. Requires the role for writes as well.",
        ),
    ] = field(default_factory=dict)


class Submission(Struct, kw_only=True, frozen=True):
    id: str
    entity_id: str
    entity_type: EntityType
    status: SubmissionStatus
    job_ids: list[str]
    job_counts: Annotated[
        dict[JobStatus, int],
        Meta(description="Jobs by status.", examples=[{"COMPLETED": 2, "RUNNING": 1}]),
    ]
    paused_at: Annotated[
        datetime | None,
        Meta(description="When it was paused; since then, none of its jobs starts."),
    ]
    retry_of: Annotated[
        str | None, Meta(description="The submission whose unsuccessful jobs it runs again.")
    ]
    properties: dict[str, Any]
    creation_date: datetime
    submitted_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    version: Annotated[str, Meta(description="Version of the application that accepted it.")]


class OneSubmission(Struct, kw_only=True, frozen=True):
    submission: Submission


class SubmissionAnswer(Struct, kw_only=True, frozen=True):
    """The submission after the request."""

    message: str
    submission: Submission

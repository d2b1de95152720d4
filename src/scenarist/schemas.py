"""The wire contract: what goes over HTTP, shared by the server and the client.

Field names are those of the documented system, completed. Times are RFC 3339 in UTC.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.domain.vocabulary import (
    EntityType,
    JobStatus,
    Scope,
    SubmissionStatus,
)

ItemT = TypeVar("ItemT")


class Request(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A body that a client sends; an unknown field is an error."""


class CreateSequence(Request, kw_only=True, frozen=True):
    """Groups tasks of a scenario. ``task_ids`` is another name of ``tasks``."""

    scenario_id: Annotated[
        str, Meta(description="The scenario that owns the tasks.", examples=["SCENARIO_heating_0…"])
    ]
    sequence_name: Annotated[
        str | UnsetType,
        Meta(
            description="1 to 128 printable characters; once per scenario.", examples=["planning"]
        ),
    ] = UNSET
    tasks: Annotated[list[str] | UnsetType, Meta(description="Task identifiers, in order.")] = UNSET
    task_ids: Annotated[list[str] | UnsetType, Meta(description="The same as tasks.")] = UNSET
    properties: dict[str, Any] = field(default_factory=dict)


class CreateScenario(Request, kw_only=True, frozen=True):
    """Makes a scenario from a config; the config may also be named by the query."""

    config_id: Annotated[str | None, Meta(examples=["heating"])] = None
    name: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    creation_date: (
        Annotated[datetime, Meta(tz=True, description="Decides the cycle; now, when left out.")]
        | None
    ) = None


class Submit(Request, kw_only=True, frozen=True):
    """How to submit; all of it may be left out."""

    force: Annotated[bool, Meta(description="Run skippable tasks even when nothing changed.")] = (
        False
    )
    priority: Annotated[
        int, Meta(ge=-1000, le=1000, description="Higher goes first; the oldest within one.")
    ] = 0
    properties: dict[str, Any] = field(default_factory=dict)


class Sequence(Struct, kw_only=True, frozen=True):
    id: str
    name: str
    owner_id: Annotated[str, Meta(description="The scenario.")]
    parent_ids: Annotated[list[str], Meta(description="The scenario.")]
    tasks: list[str]
    properties: dict[str, Any]
    subscribers: list[dict[str, Any]]
    creation_date: datetime
    version: str


class SequenceOfScenario(Struct, kw_only=True, frozen=True):
    id: str
    tasks: list[str]
    properties: dict[str, Any]
    subscribers: list[dict[str, Any]]


class Scenario(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    name: str | None
    cycle: Annotated[str | None, Meta(description="The identifier of its cycle.")]
    primary_scenario: bool
    tags: list[str]
    properties: dict[str, Any]
    tasks: list[str]
    data_nodes: list[str]
    additional_data_nodes: list[str]
    sequences: Annotated[dict[str, SequenceOfScenario], Meta(description="By name.")]
    subscribers: list[dict[str, Any]]
    creation_date: datetime
    version: str


class Task(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    owner_id: str | None
    parent_ids: list[str]
    input_ids: list[str]
    output_ids: list[str]
    function_module: str
    function_name: str
    skippable: bool
    timeout_seconds: float | None
    retries: int
    properties: dict[str, Any]
    creation_date: datetime
    version: str


class DataNode(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    name: str | None
    scope: Scope
    storage_type: str
    owner_id: str | None
    parent_ids: list[str]
    properties: dict[str, Any]
    validity_seconds: float | None
    last_edit_date: datetime | None
    edit_in_progress: Annotated[bool, Meta(description="A job that has not ended will write it.")]
    editor_id: Annotated[str | None, Meta(description="That job.")]
    creation_date: datetime
    version: str


class Job(Struct, kw_only=True, frozen=True):
    id: str
    task_id: str
    submission_id: str
    submit_entity_id: str
    status: JobStatus
    force: bool
    attempts: int
    waiting_for: Annotated[list[str], Meta(description="Jobs, and data nodes without a value.")]
    reason: Annotated[str | None, Meta(description="Why it ended as it did.")]
    stacktrace: list[str]
    creation_date: datetime
    submitted_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    subscribers: list[dict[str, Any]]
    version: str


class Submission(Struct, kw_only=True, frozen=True):
    id: str
    entity_id: str
    entity_type: EntityType
    status: SubmissionStatus
    job_ids: list[str]
    properties: dict[str, Any]
    creation_date: datetime
    submitted_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    version: str


class AttemptLog(Struct, kw_only=True, frozen=True):
    attempt: int
    text: str


class Results(Struct, Generic[ItemT], kw_only=True, frozen=True):
    """A list. Without a limit it is whole, and ``next`` is left out."""

    results: list[ItemT]
    next: Annotated[
        str | UnsetType | None, Meta(description="The cursor of the next page; null at the end.")
    ] = UNSET


class OneSequence(Struct, kw_only=True, frozen=True):
    sequence: Sequence


class SequenceCreated(Struct, kw_only=True, frozen=True):
    message: str
    sequence: Sequence


class SequenceSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    sequence: Sequence
    submission: Submission


class ScenarioCreated(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario


class ScenarioSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario
    submission: Submission


class TaskSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    task: Task
    submission: Submission


class OneScenario(Struct, kw_only=True, frozen=True):
    scenario: Scenario


class OneTask(Struct, kw_only=True, frozen=True):
    task: Task


class OneDataNode(Struct, kw_only=True, frozen=True):
    datanode: DataNode


class OneJob(Struct, kw_only=True, frozen=True):
    job: Job


class OneSubmission(Struct, kw_only=True, frozen=True):
    submission: Submission


class JobLog(Struct, kw_only=True, frozen=True):
    attempts: list[AttemptLog]


class Value(Struct, kw_only=True, frozen=True):
    """A data node's value; with ``truncated`` when it is only the preview its writer made."""

    data: Any
    truncated: bool | UnsetType = UNSET


class Message(Struct, kw_only=True, frozen=True):
    message: str


class Fault(Struct, kw_only=True, frozen=True):
    field: str
    message: str


class Problem(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What went wrong: RFC 9457, and ``message`` as in the documented system."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    errors: list[Fault] = field(default_factory=list)

"""The records of the seven entities, as every room passes them on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scenarist.domain.identifiers import (
    CycleId,
    DataNodeId,
    EditId,
    JobId,
    ScenarioId,
    SequenceId,
    SubmissionId,
    SubscriberId,
    TaskId,
)
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import (
    Change,
    EntityType,
    Frequency,
    JobStatus,
    Kind,
    Scope,
    SubmissionStatus,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    id: CycleId
    name: str
    frequency: Frequency
    properties: Mapping[str, Any]
    start_at: datetime
    end_at: datetime  #: the start of the next cycle; not in this one any more
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    id: SequenceId
    name: str
    scenario_id: ScenarioId
    task_ids: tuple[TaskId, ...]
    properties: Mapping[str, Any]
    created_at: datetime
    version: str
    subscribers: "tuple[Subscriber, ...]" = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscriber:
    """A webhook that is told of each status change of the jobs of a scenario or sequence."""

    id: SubscriberId
    entity_id: str
    url: str
    secret: str
    is_active: bool
    waiting: int  #: messages that have not arrived yet
    fault: str | None  #: why the last attempt did not arrive
    created_at: datetime
    made_by: ActorRef | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    id: ScenarioId
    config_id: str
    name: str | None
    cycle_id: CycleId | None
    is_primary: bool
    tags: tuple[str, ...]
    properties: Mapping[str, Any]
    task_ids: tuple[TaskId, ...]
    data_node_ids: tuple[DataNodeId, ...]  #: of its tasks, then the additional ones
    additional_data_node_ids: tuple[DataNodeId, ...]
    sequences: tuple[Sequence, ...]
    created_at: datetime
    version: str
    subscribers: tuple[Subscriber, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    id: TaskId
    config_id: str
    owner_id: str | None
    parent_ids: tuple[str, ...]
    input_ids: tuple[DataNodeId, ...]
    output_ids: tuple[DataNodeId, ...]
    function: str  #: "package.module:name"
    skippable: bool
    timeout: timedelta | None
    retries: int
    retry_delay: timedelta
    retry_on: tuple[str, ...]  #: names of exceptions, "package.module:Name"; none stands for all
    retries_after_loss: int
    fresh: bool  #: whether each of its jobs has a process of its own
    properties: Mapping[str, Any]
    created_at: datetime
    version: str
    wiring: str = ""  #: a digest of what it reads and writes; of config ids and scopes
    input_configs: tuple[str, ...] = ()  #: config ids of what it reads, as the records have them
    output_configs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One value of a data node: when and by whom it was written, and where it lies."""

    id: EditId
    data_node_id: DataNodeId
    created_at: datetime
    job_id: JobId | None
    actor: str | None  #: who edits, as shown; the author says who wrote it
    comment: str | None
    uri: str | None
    content: bytes | None
    size: int | None
    digest: str | None
    python_type: str | None
    rendition: str | None  #: JSON text
    is_complete: bool  #: whether the rendition is the whole value
    code_digest: str | None = None  #: that of the code that made it
    #: Storage type and properties to read it by, when they are not those of its data node now.
    kept_as: Mapping[str, Any] | None = None
    #: The place that it was written to, when other data nodes may have the same; not stored.
    written_to: str | None = None
    stamp: str | None = None  #: of the file, as it was when this was recorded
    author: ActorRef | None = None  #: the actor that wrote it, whoever edits; None for a job
    made_of: str | None = None  #: the tasks and inputs that it was made of: `provenance`


@dataclass(frozen=True, kw_only=True, slots=True)
class DataNode:
    id: DataNodeId
    config_id: str
    scope: Scope
    storage_type: str
    owner_id: str | None
    parent_ids: tuple[str, ...]
    properties: Mapping[str, Any]
    validity: timedelta | None
    last_edit_id: EditId | None
    last_edited_at: datetime | None
    being_written_by: JobId | None  #: an unfinished job that will write it
    created_at: datetime
    version: str
    job_ids: tuple[JobId, ...] = ()  #: those that wrote it, the newest last
    locked_by: str | None = None  #: the editor who keeps others from writing it
    locked_until: datetime | None = None
    lock_holder: ActorRef | None = None  #: the actor that holds the lock, whoever edits
    claimed_by: str | None = None  #: the editor for whom a worker writes it
    claimed_until: datetime | None = None
    declaration: str | None = None  #: a digest of what it was declared as
    place: str | None = None  #: a digest of where its value is replaced in place
    replaced_by: DataNodeId | None = None  #: whose write to the same place replaced its value
    stamp: str | None = None  #: of the file that a user named, when the last edit was recorded


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    id: JobId
    task_id: TaskId
    submission_id: SubmissionId
    submit_entity_id: str
    status: JobStatus
    force: bool
    attempt: int
    waiting_for: tuple[str, ...]  #: jobs, data nodes, what is paused; files, machines in words
    stacktrace: tuple[str, ...]
    reason: str | None  #: why it ended as it did, in one sentence
    created_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    version: str
    subscribers: tuple[Subscriber, ...] = ()  #: those of what was submitted
    function: str | None = None  #: what its last attempt ran
    code_digest: str | None = None  #: that of the code of the function


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    id: SubmissionId
    entity_id: str
    entity_type: EntityType
    status: SubmissionStatus
    job_ids: tuple[JobId, ...]
    job_counts: Mapping[JobStatus, int]
    properties: Mapping[str, Any]
    created_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    version: str
    retry_of: SubmissionId | None = None
    paused_at: datetime | None = None  #: since when none of its jobs is begun


@dataclass(frozen=True, kw_only=True, slots=True)
class Orchestration:
    """Whether jobs are begun at all."""

    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One change of one entity, as the log of events keeps it."""

    kind: Kind
    id: str
    change: Change
    #: None for the server itself; a name alone in what was logged before identities were.
    actor: ActorRef | str | None = None
    status: str | None = None  #: the new one, of a job or a submission
    submission_id: str | None = None  #: of a job

"""The seven entities and their parts, as immutable records that all packages use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scenarist.domain.freshness import RunReason
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
from scenarist.domain.outcomes import DeclaredOutcome, Figure
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import (
    ChangeType,
    EntityKind,
    EntityType,
    Frequency,
    JobStatus,
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
    end_at: datetime  #: exclusive: the start of the next cycle
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
    """A webhook that receives each status change of the jobs of a scenario or sequence."""

    id: SubscriberId
    entity_id: str
    url: str
    secret: str
    is_active: bool
    waiting: int  #: messages that have not been delivered yet
    fault: str | None  #: why the last delivery failed
    created_at: datetime
    made_by: ActorRef | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeOfScenario:
    """An outcome of a scenario: what is declared, and the present number.

    Args:
        value: None if there is no number; then `reason` says why.
        data_node_id: None if the scenario has no such data node.
    """

    declared: DeclaredOutcome
    value: float | None
    reason: str | None
    data_node_id: DataNodeId | None
    is_stale: bool | None = None  #: whether inputs have changed since; None if that is not known


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
    data_node_ids: tuple[DataNodeId, ...]  #: those of its tasks, then the additional ones
    additional_data_node_ids: tuple[DataNodeId, ...]
    sequences: tuple[Sequence, ...]
    created_at: datetime
    version: str
    subscribers: tuple[Subscriber, ...] = ()
    forked_from: ScenarioId | None = None  #: the scenario that it was forked from
    outcomes: Mapping[str, OutcomeOfScenario] = field(default_factory=dict)


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
    retry_on: tuple[str, ...]  #: names of exceptions, "package.module:Name"; empty for all
    retries_after_loss: int
    fresh: bool  #: whether each of its jobs gets its own process
    properties: Mapping[str, Any]
    created_at: datetime
    version: str
    wiring: str = ""  #: a digest of the config ids and scopes of what it reads and writes
    input_configs: tuple[str, ...] = ()  #: config ids of its inputs, as recorded
    output_configs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """A value of a data node: when and by whom it was written, and where it is stored."""

    id: EditId
    data_node_id: DataNodeId
    created_at: datetime
    job_id: JobId | None
    actor: str | None  #: name of the editor, for display; `author` identifies who wrote it
    comment: str | None
    uri: str | None
    content: bytes | None
    size: int | None
    digest: str | None
    python_type: str | None
    rendition: str | None  #: JSON text
    is_complete: bool  #: whether the rendition is the whole value
    code_digest: str | None = None  #: digest of the code that produced it
    #: Storage type and properties to read it with, if the data node's differ now.
    kept_as: Mapping[str, Any] | None = None
    #: The location that it was written to, if other data nodes may share it; not stored.
    written_to: str | None = None
    stamp: str | None = None  #: stamp of the file when this was recorded
    author: ActorRef | None = None  #: the actor that wrote it, whatever the editor; None for a job
    made_of: str | None = None  #: see `digest_provenance`
    version: str | None = None  #: of the application that wrote it; None if another program did
    shared_from: EditId | None = None  #: the edit whose bytes it shares, for which they were stored
    figures: Mapping[str, Figure] = field(default_factory=dict)  #: of outcomes, by JSON Pointer

    @property
    def value_id(self) -> EditId:
        """The edit for which its bytes were stored: equal where the value is the same."""
        return self.shared_from or self.id


@dataclass(frozen=True, slots=True)
class NodeStaleness:
    """Whether the value of a data node was made from what its inputs are now.

    Args:
        is_stale: None without a value, if no task writes the data node, and if nobody can tell.
        because: Why it is stale, in a sentence.
    """

    is_stale: bool | None
    because: str | None


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
    job_ids: tuple[JobId, ...] = ()  #: the jobs that wrote it, newest last
    locked_by: str | None = None  #: the editor that has locked it against writes of others
    locked_until: datetime | None = None
    lock_holder: ActorRef | None = None  #: the actor that holds the lock, whatever the editor
    claimed_by: str | None = None  #: the editor on whose behalf a worker writes it
    claimed_until: datetime | None = None
    declaration: str | None = None  #: a digest of its declaration
    place: str | None = None  #: a digest of the location in which its value is replaced
    replaced_by: DataNodeId | None = None  #: the data node that overwrote its value
    stamp: str | None = None  #: stamp of the user-named file when the last edit was recorded
    staleness: NodeStaleness | None = None  #: None if nobody has looked


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeOfScenario:
    """A data node as a part of a scenario."""

    id: DataNodeId
    config_id: str
    scope: Scope
    storage_type: str
    properties: Mapping[str, Any]
    is_made: bool  #: whether a task of the scenario writes it; otherwise it is an input


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioInput:
    """An input of a scenario, with its present value."""

    name: str  #: the identifier of its config
    data_node_id: DataNodeId
    scope: Scope
    storage_type: str
    edit_id: EditId | None  #: None if it has no value
    edited_at: datetime | None
    value: str | None  #: as JSON text; None if it is large, or kept where others may change it


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    id: JobId
    task_id: TaskId
    submission_id: SubmissionId
    submit_entity_id: str
    status: JobStatus
    force: bool
    attempt: int
    waiting_for: tuple[str, ...]  #: ids of jobs, data nodes, …; texts about files, machines
    stacktrace: tuple[str, ...]
    reason: str | None  #: why it ended that way, in one sentence
    created_at: datetime
    run_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    version: str
    subscribers: tuple[Subscriber, ...] = ()  #: those of the submitted entity
    function: str | None = None  #: the function that its last attempt ran
    code_digest: str | None = None  #: digest of the function's code
    run_reason: RunReason | None = None  #: why its last attempt ran; None if it was skipped
    because: str | None = None  #: why it ran or was skipped, in a sentence
    cache_key: str | None = None  #: if its task takes outputs from the cache
    cached_from: JobId | None = None  #: the job from which its outputs were taken


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
    paused_at: datetime | None = None  #: the time since which no job of it is started


@dataclass(frozen=True, kw_only=True, slots=True)
class NewestSubmission:
    """The newest submission of a scenario or of one of its sequences."""

    id: SubmissionId
    entity_id: str  #: the scenario, or the sequence
    status: SubmissionStatus
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrchestrationState:
    """State of the orchestration: while it is paused, no job is started."""

    paused_at: datetime | None
    paused_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A change of an entity, as recorded in the event log."""

    kind: EntityKind
    id: str
    change: ChangeType
    #: None for the server itself; only a name in events logged before identities were introduced.
    actor: ActorRef | str | None = None
    status: str | None = None  #: the new status of a job or submission
    submission_id: str | None = None  #: the submission of a job

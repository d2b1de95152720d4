"""Sentences that say why a task runs, or why a value is stale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scenarist.domain.freshness import WHY_SKIPPED, RunReason
from scenarist.domain.identifiers import JobId
from scenarist.domain.permissions import ActorRef
from scenarist.domain.timestamps import format_timestamp

SENTENCES = {
    None: WHY_SKIPPED,
    RunReason.NOT_SKIPPABLE: "it is not skippable",
    RunReason.FORCED: "the submit is forced",
    RunReason.NO_OUTPUT: "it writes no data node",
}
"""The reasons that need no names."""

MAX_CHANGES = 3
"""Most changes that a sentence names."""


@dataclass(frozen=True, slots=True)
class ValueWrite:
    """A write of a data node: when, and by whom.

    Args:
        data_node: The config id of the data node.
        editor: The name of the editor, as given by the client.
        author: The actor that wrote it; None for a job.
    """

    data_node: str
    at: datetime | None
    job_id: JobId | None
    editor: str | None
    author: ActorRef | None


@dataclass(frozen=True, slots=True)
class WrittenOutputs:
    """What a task writes, for a sentence.

    Args:
        names: The config ids of its outputs.
        missing: The config ids of those that have no value.
        is_code_known: Whether the code of its function can be read.
    """

    function: str
    names: Sequence[str]
    missing: Sequence[str]
    is_code_known: bool


def explain_run(reason: RunReason | None, task: WrittenOutputs, changes: Sequence[str] = ()) -> str:
    """Return a sentence that says why a task runs, or is skipped.

    Args:
        changes: What happened to its inputs, a sentence each; empty if that is not known.
    """
    names = name_data_nodes(task.names)
    match reason:
        case RunReason.FIRST_RUN:
            return f"{name_data_nodes(task.missing)} has no value"
        case RunReason.CODE_CHANGED:
            what = "has changed" if task.is_code_known else "cannot be read"
            return f"the code of {task.function} {what}"
        case RunReason.OUTPUT_CHANGED:
            return f"the value of {names} was replaced or moved"
        case RunReason.EXPIRED:
            return f"{names} is older than its validity period"
        case RunReason.INPUT_CHANGED if changes:
            return join_changes(changes)
        case RunReason.INPUT_CHANGED:
            return f"it is not known from what {names} was made"
        case _:
            return SENTENCES[reason]


def join_changes(changes: Sequence[str]) -> str:
    """Return changes in one sentence, each once; of many, it names only the first."""
    found = list(dict.fromkeys(changes))
    more = ["and more"] if len(found) > MAX_CHANGES else []
    return "; ".join([*found[:MAX_CHANGES], *more])


def describe_write(write: ValueWrite) -> str:
    by = write.author.name if write.author is not None else write.editor
    when = "" if write.at is None else f" at {format_timestamp(write.at)}"
    who = f" by job {write.job_id}" if write.job_id is not None else f" by {by}" if by else ""
    return f"{name_data_nodes([write.data_node])} was written{when}{who}"


def name_data_nodes(config_ids: Sequence[str]) -> str:
    return " and ".join(f"data node {name!r}" for name in dict.fromkeys(config_ids))

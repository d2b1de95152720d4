"""Whether the values that a task has written are still what it would write, and if not, why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from hashlib import blake2b

from scenarist.domain.identifiers import DataNodeId, EditId, JobId


@unique
class RunReason(StrEnum):
    """The reasons why a submitted task runs instead of being skipped."""

    NOT_SKIPPABLE = "NOT_SKIPPABLE"
    FORCED = "FORCED"
    NO_OUTPUT = "NO_OUTPUT"  #: it writes no data node
    FIRST_RUN = "FIRST_RUN"  #: one of its outputs has no value
    OUTPUT_CHANGED = "OUTPUT_CHANGED"  #: an output was replaced or deleted, or is stored elsewhere
    CODE_CHANGED = "CODE_CHANGED"  #: other code made an output, or the code cannot be read
    INPUT_CHANGED = "INPUT_CHANGED"  #: an output was made from other values, or from unknown ones
    EXPIRED = "EXPIRED"  #: an output is older than its validity period


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentOutput:
    """The current value of a data node that a task writes.

    Args:
        made_of: Provenance digests, separated by blanks; None if its provenance is unknown.
        is_in_place: Whether it is still where it was written; False for a named file that was
            deleted or replaced, a value that another data node has replaced, and one that has
            stayed at the former place of the data node.
        is_of_other_code: Whether a job has written it with code other than the present one.
        job_id: The job that wrote it, if any.
    """

    written_at: datetime
    made_of: str | None
    validity: timedelta | None
    is_in_place: bool = True
    is_of_other_code: bool = False
    edit_id: EditId | None = None
    job_id: JobId | None = None


WHY_SKIPPED = "its outputs are valid, and were made from the present values of its inputs"


def digest_provenance(task_id: str, edit_ids: Sequence[str]) -> str:
    """Return a digest of a task and the edits that it reads, in the order of its inputs."""
    return blake2b("\n".join((task_id, *edit_ids)).encode(), digest_size=16).hexdigest()


def find_run_reason(
    made_of: str | None, outputs: Sequence[CurrentOutput | None], now: datetime
) -> RunReason | None:
    """Return why a skippable task has to run; None if its outputs are valid.

    An output is valid if it was made from what the job would read now by the code that it would
    run, is still where it was written, and is within its validity period. Only the validity period
    depends on the clock; a clock that is set back at most doubles it.

    See docs/decisions/0078.

    Args:
        made_of: The `digest_provenance` of what the job would write now; None if it would read
            values that do not exist yet.
        outputs: None for each data node without a value.
    """
    if not outputs:
        return RunReason.NO_OUTPUT
    present = [output for output in outputs if output is not None]
    if len(present) < len(outputs):
        return RunReason.FIRST_RUN
    if not all(output.is_in_place for output in present):
        return RunReason.OUTPUT_CHANGED
    if any(output.is_of_other_code for output in present):
        return RunReason.CODE_CHANGED
    if made_of is None or not all(made_of in (out.made_of or "").split() for out in present):
        return RunReason.INPUT_CHANGED
    if any(
        output.validity is not None and abs(now - output.written_at) > output.validity
        for output in present
    ):
        return RunReason.EXPIRED
    return None


def find_changed_inputs(
    inputs: Mapping[DataNodeId, EditId | None],
    output: CurrentOutput,
    read: Mapping[JobId, Mapping[DataNodeId, EditId | None]],
) -> set[DataNodeId]:
    """Return the inputs that have other values now than when an output was made, if that is known.

    Where it is not recorded what was read, these are the inputs that were written after the output.

    Args:
        inputs: The present edits by data node; None for one that does not exist yet.
        read: The edits that jobs have read, by job.
    """
    known = None if output.job_id is None else read.get(output.job_id)
    if known and known.keys() >= inputs.keys():
        return {node for node, edit in inputs.items() if known[node] != edit}
    made = output.edit_id
    return {
        node for node, edit in inputs.items() if None not in (edit, made) and str(edit) > str(made)
    }

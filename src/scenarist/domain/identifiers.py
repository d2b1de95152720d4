"""Creation of identifiers. They are stored and looked up as a whole, never parsed."""

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta
from typing import NewType
from uuid import UUID

CycleId = NewType("CycleId", str)
ScenarioId = NewType("ScenarioId", str)
SequenceId = NewType("SequenceId", str)
TaskId = NewType("TaskId", str)
DataNodeId = NewType("DataNodeId", str)
EditId = NewType("EditId", str)
SubmissionId = NewType("SubmissionId", str)
JobId = NewType("JobId", str)
SubscriberId = NewType("SubscriberId", str)
HolderId = NewType("HolderId", str)
KeyId = NewType("KeyId", str)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_ ]*[A-Za-z0-9_])?")
_NOT_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")


def make_uuid(at: datetime) -> str:
    """Return a new UUID of version 7 (RFC 9562, section 5.7), so that identifiers sort by time."""
    noise = int.from_bytes(os.urandom(10), "big")
    milliseconds = int(at.timestamp() * 1000)
    high = (milliseconds & 0xFFFFFFFFFFFF) << 16 | 0x7000 | (noise >> 62) & 0xFFF
    text = f"{high:016x}{0x8000000000000000 | noise & 0x3FFFFFFFFFFFFFFF:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def make_stable_uuid(at: datetime, source: str) -> str:
    """Return the UUID of version 7 that a time and a text determine, always the same.

    Those of later times are greater, also within a millisecond. Times before 1970 count as 1970.
    """
    microseconds = max(0, (at - _EPOCH) // timedelta(microseconds=1))
    milliseconds, rest = divmod(microseconds, 1000)
    noise = int.from_bytes(hashlib.sha256(source.encode()).digest()[:8], "big")
    number = (milliseconds & 0xFFFFFFFFFFFF) << 80 | (0x7000 | rest << 2) << 64
    return str(UUID(int=number | 0x8000000000000000 | noise & 0x3FFFFFFFFFFFFFFF))


def ensure_later_edit_id(last: EditId | None, proposed: EditId) -> EditId:
    """Return an identifier that sorts after that of the last edit, as it defines the edits' order.

    The proposed one may sort before it if both were created in one millisecond, or if another
    write was committed in the meantime.
    """
    if last is None or proposed > last:
        return proposed
    return EditId(str(UUID(int=UUID(last).int + 1)))


def make_copy_id(source: EditId, uuid: str) -> EditId:
    """Return the identifier of a copy of an edit, which sorts among other edits as that one does.

    Args:
        uuid: A new one, for what makes the copy unique.
    """
    return EditId(str(UUID(int=UUID(source).int >> 62 << 62 | UUID(uuid).int & (1 << 62) - 1)))


def make_cycle_id(label: str, uuid: str) -> CycleId:
    return CycleId(f"CYCLE_{_NOT_SLUG.sub('_', label)}_{uuid}")


def make_scenario_id(config_id: str, uuid: str) -> ScenarioId:
    return ScenarioId(f"SCENARIO_{config_id}_{uuid}")


def make_task_id(config_id: str, uuid: str) -> TaskId:
    return TaskId(f"TASK_{config_id}_{uuid}")


def make_data_node_id(config_id: str, uuid: str) -> DataNodeId:
    return DataNodeId(f"DATANODE_{config_id}_{uuid}")


def make_job_id(task_config_id: str, uuid: str) -> JobId:
    return JobId(f"JOB_{task_config_id}_{uuid}")


def make_submission_id(uuid: str) -> SubmissionId:
    return SubmissionId(f"SUBMISSION_{uuid}")


def make_sequence_id(name: str, scenario_id: ScenarioId) -> SequenceId:
    """Return the identifier of a sequence, made from its name and its scenario.

    A plain name (ASCII letters, digits, underscores and inner blanks) is included with each blank
    replaced by ``TPSPACE``, as in Taipy. Any other name, or one that contains ``TPSPACE``, becomes
    a slug with eight digits of the name's SHA-256, so that two names never share an identifier.
    """
    if _PLAIN_NAME.fullmatch(name) and "TPSPACE" not in name:
        label = name.replace(" ", "TPSPACE")
    else:
        slug = _NOT_SLUG.sub("-", name).strip("-.")[:40] or "sequence"
        label = f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return SequenceId(f"SEQUENCE_{label}_{scenario_id}")


def find_sequence_name_fault(name: str) -> str | None:
    """Return what is wrong with the name of a sequence; None if it is valid."""
    if not 1 <= len(name) <= 128:
        return f"a sequence name must have 1 to 128 characters, not {len(name)}"
    if name != name.strip():
        return "a sequence name must not start or end with a blank"
    if not name.isprintable():
        return "a sequence name must contain printable characters only"
    return None

"""Records of Taipy's entities as they are in its files: versions 3.1 to 4.1."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from scenarist.domain.text import sanitize_text
from scenarist.domain.vocabulary import Frequency, JobStatus, Scope, SubmissionStatus

_ENUMERATION = re.compile(r"<\w+\.(\w+)(?:: .*)?>")
_FIRST_YEAR, _LAST_YEAR = 2, 9998  # so that they are years in every time zone
_ENUMERATIONS = ("frequency", "scope", "status", "submission_status")


class RecordError(Exception):
    """A record cannot be understood; the message says why."""


class TaipyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the records of all entities have. Times without a zone are those of the machine."""

    id: str


RecordT = TypeVar("RecordT", bound=TaipyRecord)


class TaipyCycle(TaipyRecord, frozen=True, kw_only=True):
    name: str
    frequency: Frequency
    properties: dict[str, Any] = {}
    creation_date: datetime
    start_date: datetime


class TaipySequence(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence, which is a part of the record of its scenario."""

    tasks: list[str]
    properties: dict[str, Any] = {}
    subscribers: list[dict[str, Any]] = []


class TaipyScenario(TaipyRecord, frozen=True, kw_only=True):
    config_id: str
    tasks: list[str]
    additional_data_nodes: list[str] = []
    properties: dict[str, Any] = {}
    creation_date: datetime
    primary_scenario: bool = False
    subscribers: list[dict[str, Any]] = []
    tags: list[str] = []
    version: str
    sequences: dict[str, TaipySequence] | None = None
    cycle: str | None = None


class TaipyTask(TaipyRecord, frozen=True, kw_only=True):
    owner_id: str | None = None
    parent_ids: list[str] = []
    config_id: str
    input_ids: list[str]
    function_name: str
    function_module: str
    output_ids: list[str]
    version: str
    skippable: bool = False
    properties: dict[str, Any] = {}


class TaipyEdit(msgspec.Struct, frozen=True, kw_only=True):
    """An edit; the fields of 3.1 have other names than those of 4."""

    timestamp: datetime
    job_id: str | None = None
    editor: str | None = None
    writer_identifier: str | None = None
    comment: str | None = None
    comments: str | None = None

    @property
    def author(self) -> str | None:
        return self.editor or self.writer_identifier

    @property
    def text(self) -> str | None:
        return self.comment or self.comments


class TaipyDataNode(TaipyRecord, frozen=True, kw_only=True):
    config_id: str
    scope: Scope
    storage_type: str
    owner_id: str | None = None
    parent_ids: list[str] = []
    last_edit_date: datetime | None = None
    edits: list[TaipyEdit] = []
    version: str
    validity_days: float | None = None
    validity_seconds: float | None = None
    editor_id: str | None = None
    editor_expiration_date: datetime | None = None
    data_node_properties: dict[str, Any] = {}


class TaipyJob(TaipyRecord, frozen=True, kw_only=True):
    task_id: str
    status: JobStatus
    status_change_records: dict[str, datetime] = {}
    force: bool = False
    submit_id: str
    submit_entity_id: str
    creation_date: datetime
    stacktrace: list[str] = []
    version: str


class TaipySubmission(TaipyRecord, frozen=True, kw_only=True):
    entity_id: str
    entity_type: str
    job_ids: list[str] = []
    properties: dict[str, Any] = {}
    creation_date: datetime
    submission_status: SubmissionStatus | None
    version: str


def decode_record(
    data: bytes, kind: type[RecordT], *, on_replaced: Callable[[str], None] | None = None
) -> RecordT:
    """Return the record in a JSON document.

    What no database can store is replaced in texts, and NaN becomes null.

    Args:
        on_replaced: Called with each text in which something is replaced.

    Raises:
        RecordError: The document is damaged, or is not such a record.
    """
    if not data:
        raise RecordError("it is empty")
    try:
        # Taipy writes NaN, which is no JSON and which other decoders refuse.
        found = json.loads(data, parse_constant=lambda _: None)
        plain = _to_plain(found, on_replaced or (lambda _: None))
    except (ValueError, RecursionError) as error:
        raise RecordError(f"its JSON is damaged: {error}") from None
    if not isinstance(plain, dict):
        raise RecordError("it is no JSON object")
    try:
        record = msgspec.convert({**plain, **_read_enumerations(plain)}, kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"it is not as Taipy writes it: {error}") from None
    for moment in _iter_times(record):
        if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise RecordError(f"its date {moment.isoformat()} is out of range")
    return record


def _iter_times(record: msgspec.Struct) -> Iterator[datetime]:
    for value in msgspec.structs.asdict(record).values():
        items = value.values() if isinstance(value, dict) else value
        for item in items if isinstance(items, Iterable) else (value,):
            if isinstance(item, datetime):
                yield item
            elif isinstance(item, TaipyEdit):
                yield item.timestamp


def _read_enumerations(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names of enumerations, which are written as ``<Status.COMPLETED: 7>``."""
    names = {
        key: match[1]
        for key in _ENUMERATIONS
        if isinstance(value := plain.get(key), str) and (match := _ENUMERATION.fullmatch(value))
    }
    return {key: None if name == "UNDEFINED" else name for key, name in names.items()}


def _to_plain(value: Any, on_replaced: Callable[[str], None]) -> Any:
    """Replace the objects that Taipy writes for dates and durations by their texts."""
    if isinstance(value, str):
        return _sanitize(value, on_replaced)
    if isinstance(value, list):
        return [_to_plain(item, on_replaced) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"__type__", "__value__"}:
            return _to_plain(value["__value__"], on_replaced)
        return {
            _sanitize(key, on_replaced): _to_plain(item, on_replaced) for key, item in value.items()
        }
    return value


def _sanitize(text: str, on_replaced: Callable[[str], None]) -> str:
    made = sanitize_text(text)
    if made != text:
        on_replaced(text)
    return made

"""What an import creates, as decided from the records of Taipy and those of the database."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from scenarist.config import ConfigRegistry
from scenarist.domain import entities
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Cycle, DataNode, Edit, Job, Scenario, Submission, Task
from scenarist.domain.import_report import ImportCount, ImportReport, Remark
from scenarist.domain.vocabulary import EntityKind
from scenarist.taipy.applications import TaipyApplication


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportSource:
    """The records to import, and the application that they are imported for.

    Args:
        zone: The time zone of the dates of Taipy, which have none.
    """

    records: TaipyApplication
    registry: ConfigRegistry
    declared: DeclaredConfigs
    zone: ZoneInfo
    now: datetime

    def to_utc(self, moment: datetime) -> datetime:
        """Return a date of a record in UTC."""
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self.zone)
        return moment.astimezone(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedValue:
    """A value that an edit gets.

    Args:
        path: Its file; None for the default data of the config.
        is_copied: Whether the file is copied; otherwise the data node's config names it.
        properties: The properties to read it with, as stored in records.
    """

    path: Path | None
    storage_type: str
    properties: Mapping[str, Any]
    is_copied: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportedEdit:
    """An edit to add.

    Args:
        is_newest: Whether it becomes the value of its data node.
        value: None for a past edit, of which only the time is known, and for an external storage.
        kept_as: See `Edit.kept_as`.
    """

    edit: Edit
    config_id: str
    is_newest: bool
    value: ImportedValue | None = None
    kept_as: Mapping[str, Any] | None = None


@dataclass(slots=True)
class ImportPlan:
    """What an import adds, in the order of creation, and what it leaves out.

    Args:
        present: How many entities of each kind are in the database already.
        notes: What is imported but differs from the source, or will not work.
    """

    cycles: list[Cycle] = field(default_factory=list)
    data_nodes: list[DataNode] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    scenarios: list[Scenario] = field(default_factory=list)
    sequences: list[entities.Sequence] = field(default_factory=list)
    submissions: list[tuple[Submission, list[Job]]] = field(default_factory=list)
    edits: list[ImportedEdit] = field(default_factory=list)
    present: Counter[EntityKind] = field(default_factory=Counter)
    present_edits: int = 0
    left_out: list[Remark] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    def leave_out(self, entry: str, reason: str) -> None:
        self.left_out.append(Remark(entry, reason))

    def note(self, entry: str, text: str) -> None:
        self.notes.append(Remark(entry, text))

    def to_report(self, source: ImportSource) -> ImportReport:
        jobs = sum(len(its_jobs) for _, its_jobs in self.submissions)
        added = {
            "cycle": (EntityKind.CYCLE, len(self.cycles)),
            "scenario": (EntityKind.SCENARIO, len(self.scenarios)),
            "sequence": (EntityKind.SEQUENCE, len(self.sequences)),
            "task": (EntityKind.TASK, len(self.tasks)),
            "data node": (EntityKind.DATA_NODE, len(self.data_nodes)),
            "submission": (EntityKind.SUBMISSION, len(self.submissions)),
            "job": (EntityKind.JOB, jobs),
        }
        counts = {
            name: ImportCount(count, self.present[kind]) for name, (kind, count) in added.items()
        }
        return ImportReport(
            version=source.records.version,
            release=source.records.release,
            counts={**counts, "edit": ImportCount(len(self.edits), self.present_edits)},
            left_out=(*source.records.left_out, *self.left_out),
            notes=(*source.records.notes, *self.notes),
        )

"""Decides which edits and values of Taipy's data nodes are imported."""

import filecmp
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from scenarist.db import importing
from scenarist.db.importing import ExistingNode
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.freshness import digest_provenance
from scenarist.domain.identifiers import (
    EditId,
    JobId,
    ensure_later_edit_id,
    make_stable_uuid,
)
from scenarist.domain.named_files import file_path
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, FILE_STORAGE_TYPES, JobStatus
from scenarist.services.factory import make_bare_edit
from scenarist.services.import_plan import ImportedEdit, ImportedValue, ImportPlan, ImportSource
from scenarist.storage.registry import find_file_state
from scenarist.taipy.folders import UnreadableFileError
from scenarist.taipy.records import TaipyDataNode, TaipyEdit, TaipyJob, TaipyTask
from scenarist.taipy.values import find_named_path, find_value_file, select_reading_properties

_PLACE_KEYS = ("path", "default_path")
_DEFAULT_AUTHOR = "TAIPY"
_LOST = "Taipy kept it in the memory of its process, where it is lost; write it again"


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest edit of a data node, after the import."""

    edit_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Found:
    """The value of a data node: None for an external storage, which says itself where it is."""

    value: ImportedValue | None = None
    kept_as: Mapping[str, Any] | None = None


class EditPlanner:
    """Adds the edits of Taipy to a plan, except those that the database has.

    An edit has an identifier that follows from its data node and its time, so that it is found
    again. The last one becomes the value of its data node unless that has a later one.

    Args:
        ids: Identifiers of the entities that records stand for, by that of the record.
        nodes: The data nodes that get edits, new and existing ones, by their identifier.
        existing: The data nodes that the database has, by identifier of the record.
    """

    def __init__(
        self,
        connection: Connection,
        source: ImportSource,
        plan: ImportPlan,
        *,
        ids: Mapping[str, str],
        nodes: Mapping[str, DataNode],
        existing: Mapping[str, ExistingNode],
    ) -> None:
        self._connection = connection
        self._source = source
        self._plan = plan
        self._ids = ids
        self._nodes = nodes
        self._existing = existing
        self._newest = {
            node.id: _Newest(node.last_edit_id, node.last_edited_at)
            for node in existing.values()
            if node.last_edit_id is not None and node.last_edited_at is not None
        }
        self._producers: defaultdict[str, list[TaipyTask]] = defaultdict(list)
        for task in source.records.tasks.values():
            for node_id in task.output_ids if task.id in ids else ():
                self._producers[ids[node_id]].append(task)
        self._jobs: defaultdict[str, list[TaipyJob]] = defaultdict(list)
        for job in source.records.jobs.values():
            self._jobs[job.task_id].append(job)

    def plan(self) -> None:
        records = self._source.records.data_nodes
        all_edits = {node_id: self._list_edits(records[node_id]) for node_id in self._nodes}
        known = importing.find_existing_edits(
            self._connection, [edit.id for edits in all_edits.values() for edit in edits]
        )
        self._plan.present_edits = len(known)
        planned = [
            item
            for node_id, edits in all_edits.items()
            for item in self._plan_node(records[node_id], edits, known)
        ]
        for item in planned:
            if item.is_newest:
                self._newest[item.edit.data_node_id] = _Newest(item.edit.id, item.edit.created_at)
        planned = [self._add_provenance(item) if item.is_newest else item for item in planned]
        planned.sort(key=lambda item: (item.edit.created_at, item.edit.id))
        self._plan.edits += planned

    def _list_edits(self, record: TaipyDataNode) -> list[Edit]:
        """Return the edits of a data node by time; the last one is that of its value.

        Taipy 4.1 loses the edits that jobs make, but not the time of the last one. And it counts
        as an edit when another program has written a file that the user has named.
        """
        found = sorted(record.edits, key=lambda edit: self._source.to_utc(edit.timestamp))
        last = record.last_edit_date
        named = find_named_path(self._source.records, record)
        times = [self._source.to_utc(edit.timestamp) for edit in found]
        if last is not None and (not found or self._source.to_utc(last) > times[-1]):
            job_id = self._find_job(record, self._source.to_utc(last))
            found.append(TaipyEdit(timestamp=last, job_id=job_id))
        if found and named is not None and record.id not in self._existing:
            at = _find_time(named)
            if at is not None and at > self._source.to_utc(found[-1].timestamp):
                found.append(TaipyEdit(timestamp=at, comment=f"found at {named}"))
        edits: list[Edit] = []
        for item in found:
            edits.append(self._make_edit(record, item, edits[-1].id if edits else None))
        return edits

    def _find_job(self, record: TaipyDataNode, at: datetime) -> str | None:
        """Return the job that was writing a data node at a time, as far as Taipy records it."""
        for task in self._producers[record.id]:
            for job in self._jobs[task.id]:
                begun = job.status_change_records.get(JobStatus.RUNNING)
                ended = job.status_change_records.get(JobStatus.COMPLETED)
                if begun is None or ended is None:
                    continue
                if self._source.to_utc(begun) <= at <= self._source.to_utc(ended):
                    return job.id
        return None

    def _make_edit(self, record: TaipyDataNode, found: TaipyEdit, before: str | None) -> Edit:
        at = self._source.to_utc(found.timestamp)
        edit_id = make_stable_uuid(at, f"{record.id} {at.isoformat()}")
        return replace(
            make_bare_edit(self._nodes[record.id], at, version=record.version),
            id=ensure_later_edit_id(None if before is None else EditId(before), EditId(edit_id)),
            job_id=None if found.job_id is None else JobId(found.job_id),
            actor=found.author,
            comment=found.text,
        )

    def _plan_node(
        self, record: TaipyDataNode, edits: Sequence[Edit], known: Collection[str]
    ) -> Iterator[ImportedEdit]:
        for edit in edits[:-1]:
            if edit.id not in known:
                yield ImportedEdit(edit=edit, config_id=record.config_id, is_newest=False)
        if not edits or edits[-1].id in known:
            return
        node, last = self._nodes[record.id], edits[-1]
        present = self._existing.get(record.id)
        is_latest = (
            present is None or present.last_edit_id is None or present.last_edit_id < last.id
        )
        found = self._find_value(record, node)
        if found is None:
            return  # so that a later import brings it, if its value is there then
        if found.value is None or found.value.is_copied:
            yield ImportedEdit(
                edit=last,
                config_id=record.config_id,
                is_newest=is_latest,
                value=found.value,
                kept_as=found.kept_as,
            )
        else:
            yield ImportedEdit(
                edit=self._add_file(node, last),
                config_id=record.config_id,
                is_newest=is_latest,
                value=found.value if is_latest else None,
            )

    def _add_file(self, node: DataNode, edit: Edit) -> Edit:
        """Return the edit of a file at the place that the config of its data node names."""
        state = find_file_state(node.storage_type, node.properties)
        if state is None:  # it was there a moment ago
            return edit
        is_written = edit.job_id is not None or edit.actor is not None
        return replace(
            edit,
            uri=state.path,
            size=state.size,
            stamp=state.stamp,
            written_to=node.place if is_written else None,
        )

    def _find_value(self, record: TaipyDataNode, node: DataNode) -> _Found | None:
        """Return the value of a data node, or note why it is left out."""
        try:
            if record.storage_type in EXTERNAL_STORAGE_TYPES:
                return self._find_external(record, node)
            if record.storage_type not in FILE_STORAGE_TYPES:
                return self._find_default(record, node)
            return self._find_in_file(record, node)
        except UnreadableFileError as error:
            self._plan.leave_out(f"value of {record.id}", str(error))
            return None

    def _find_external(self, record: TaipyDataNode, node: DataNode) -> _Found:
        if node.storage_type != record.storage_type:
            raise UnreadableFileError(
                f"it is in storage of type {record.storage_type}, and its config now declares "
                f"{node.storage_type}"
            )
        if record.config_id not in self._source.registry.data_nodes:
            raise UnreadableFileError(
                f"the application declares no data node config {record.config_id!r}, which would "
                "say where it is"
            )
        return _Found()

    def _find_default(self, record: TaipyDataNode, node: DataNode) -> _Found:
        """Return the default data of a data node that was in memory, if nothing else was written.

        Raises:
            UnreadableFileError: Its value is lost.
        """
        config = self._source.registry.data_nodes.get(record.config_id)
        is_default = [edit.author for edit in record.edits] == [_DEFAULT_AUTHOR]
        if (
            config is None
            or not is_default
            or "default_data" not in config.properties
            or node.storage_type in EXTERNAL_STORAGE_TYPES
            or file_path(node.storage_type, node.properties) is not None
        ):
            raise UnreadableFileError(_LOST)
        return _Found(
            ImportedValue(
                path=None,
                storage_type=node.storage_type,
                properties=node.properties,
                is_copied=True,
            )
        )

    def _find_in_file(self, record: TaipyDataNode, node: DataNode) -> _Found:
        """Return the file of a value: at the place that the config names, or to be copied."""
        declared = file_path(node.storage_type, node.properties)
        is_same_type = node.storage_type == record.storage_type
        plain = {key: item for key, item in node.properties.items() if key not in _PLACE_KEYS}
        if declared is not None and is_same_type and self._is_at(record, declared):
            if find_file_state(node.storage_type, node.properties) is None:
                raise UnreadableFileError(f"its file {declared} is missing")
            value = ImportedValue(
                path=Path(declared),
                storage_type=node.storage_type,
                properties=plain,
                is_copied=False,
            )
            return _Found(value)
        path = find_value_file(self._source.records, record)
        properties = plain if is_same_type else select_reading_properties(record)
        kept_as = None
        if declared is not None or not is_same_type:
            kept_as = {"storage_type": record.storage_type, "properties": dict(properties)}
        if declared is not None:
            self._plan.note(
                f"value of {record.id}", f"it is copied from {path}; its config names {declared}"
            )
        value = ImportedValue(
            path=path, storage_type=record.storage_type, properties=properties, is_copied=True
        )
        return _Found(value, kept_as)

    def _is_at(self, record: TaipyDataNode, declared: str) -> bool:
        """Return whether a value is in the file that the config names, or in a copy of it."""
        named = find_named_path(self._source.records, record)
        if named is not None and os.path.realpath(named) == os.path.realpath(declared):
            return True
        path = find_value_file(self._source.records, record)
        try:
            return os.path.isfile(declared) and filecmp.cmp(path, declared, shallow=False)
        except OSError:
            return False

    def _add_provenance(self, item: ImportedEdit) -> ImportedEdit:
        """Record of which inputs a value was made, as far as the dates of Taipy tell.

        Where Taipy would skip a task, as its outputs are later than its inputs, it is skipped here.
        The code is taken to be that of the application which the import is for.
        """
        edit = item.edit
        made_of = []
        code_digest = None
        for task in self._producers[edit.data_node_id]:
            inputs = [self._newest.get(self._ids[node_id]) for node_id in task.input_ids]
            present = [
                found for found in inputs if found is not None and found.at <= edit.created_at
            ]
            if len(present) != len(inputs):
                continue
            made_of.append(
                digest_provenance(self._ids[task.id], [found.edit_id for found in present])
            )
            if edit.job_id is not None:
                code_digest = self._find_code_digest(task)
        if not made_of:
            return item
        edit = replace(edit, made_of=" ".join(made_of), code_digest=code_digest)
        return replace(item, edit=edit)

    def _find_code_digest(self, task: TaipyTask) -> str | None:
        declared = self._source.declared.tasks.get(task.config_id)
        if declared is None:
            return None
        module, _, name = declared.behaviour.function.partition(":")
        is_same = name == task.function_name and task.function_module in {module, "__main__"}
        return declared.code_digest if is_same else None


def _find_time(path: Path) -> datetime | None:
    """Return when a file was last written; None if there is none."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError):
        return None

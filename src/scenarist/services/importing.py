"""Imports the entities and values that an application of Taipy left, in one transaction."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from scenarist.config import ConfigRegistry
from scenarist.config.value_schemas import SCHEMA
from scenarist.db import audit, event_log, importing
from scenarist.db import cycles as cycle_rows
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import propagate
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Edit, Event
from scenarist.domain.environment import resolve
from scenarist.domain.errors import ConflictError, InDoubtError, ScenaristError, UnavailableError
from scenarist.domain.faults import make_faults_error
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.import_report import ImportReport
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.import_edits import EditPlanner
from scenarist.services.import_entities import EntityPlanner
from scenarist.services.import_history import HistoryPlanner
from scenarist.services.import_plan import ImportedEdit, ImportedValue, ImportPlan, ImportSource
from scenarist.services.import_selection import ImportSelection
from scenarist.services.outcomes import fill_outcomes
from scenarist.services.placement import resolve_properties
from scenarist.services.value_reader import make_json_location
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.worker_calls import CallInWorker, FunctionCall
from scenarist.storage.base import INLINE_FOLDER, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files.value_files import store_bytes
from scenarist.storage.registry import discard, write_value
from scenarist.system.json_decoding import decode_json
from scenarist.taipy.applications import TaipyApplication
from scenarist.taipy.folders import TaipyFolder, UnreadableFileError

_OPEN_VALUES = "scenarist.storage.operations.opening:open_values"
_VALUES_PER_CALL = 50
_EVENTS_PER_ROW = 1_000


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a worker found when it opened a value, or why it could not."""

    python_type: str | None = None
    rendition: str | None = None
    is_complete: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """An edit with the value that was stored for it, or why there is none."""

    item: ImportedEdit
    written: WrittenValue | None = None
    fault: str | None = None


class ImportService:
    """Imports what an application of Taipy left; nothing changes there.

    Args:
        folder: Where values are stored.
        zone: The time zone of the dates of Taipy, and in which cycles begin and end.
        compute: Runs a function in a worker process: values are opened nowhere else.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        registry: ConfigRegistry,
        declared: DeclaredConfigs,
        *,
        folder: str,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        compute: CallInWorker,
    ) -> None:
        self._database = database
        self._registry = registry
        self._schemas = ValueSchemas(registry.data_nodes)
        self._declared = declared
        self._folder = folder
        self._zone = zone
        self._now = now
        self._compute = compute

    def run(self, actor: Actor, records: TaipyApplication, *, is_dry_run: bool) -> ImportReport:
        """Import the records that the database does not have yet, with their values.

        All rows are committed together. Copies of values are stored before, and removed if that
        fails; those of a killed process are removed later, as files that no record refers to.

        Args:
            is_dry_run: Whether to return only what would be imported.

        Raises:
            DeniedError: The actor is no administrator.
            ConflictError: Another process has deleted entities of this import meanwhile.
            UnavailableError: A value could not be stored.
        """
        actor.require(Permission.ADMINISTER)
        source = ImportSource(
            records=records,
            registry=self._registry,
            declared=self._declared,
            zone=self._zone,
            now=self._now(),
        )
        _, newest = event_log.find_bounds(self._database.reader)
        plan = make_plan(self._database.reader, source)
        opened = self._open_values(plan.edits)
        if not is_dry_run:
            plan = self._store_and_write(actor, source, plan, opened, newest)
            fill_outcomes(self._database, self._declared)
        for item in plan.edits:
            fault = None if item.value is None else self._find_fault(item, opened[item.edit.id])
            if fault is not None:
                plan.note(f"value of {item.edit.data_node_id}", fault)
        return plan.to_report(source)

    def _store_and_write(
        self,
        actor: Actor,
        source: ImportSource,
        plan: ImportPlan,
        opened: Mapping[str, _Opened],
        newest: int,
    ) -> ImportPlan:
        stored: dict[str, _Stored] = {}
        try:
            for item in plan.edits:
                stored[item.edit.id] = self._store(
                    source.records.folder, item, opened.get(item.edit.id, _Opened())
                )
            planned = plan

            def work(connection: Connection) -> ImportPlan:
                # Only one transaction writes at a time, so this is what the database has.
                is_same = event_log.find_bounds(connection)[1] == newest
                plan = planned if is_same else make_plan(connection, source)
                return _write(connection, actor, plan, stored, self._now())

            plan = self._database.write(work)
        except InDoubtError:
            raise
        except BaseException:
            _discard_values(stored.values())
            raise
        recorded = {item.edit.id for item in plan.edits}
        _discard_values(item for item in stored.values() if item.item.edit.id not in recorded)
        return plan

    def _find_fault(self, item: ImportedEdit, opened: _Opened) -> str | None:
        """Return why an imported value will not work; None if it will, as far as it is known."""
        if opened.fault is not None:
            return f"it cannot be opened: {opened.fault}"
        config = self._registry.data_nodes.get(item.config_id)
        if config is None or SCHEMA not in config.properties or opened.rendition is None:
            return None
        if not opened.is_complete:
            return "it is not compared with the schema of its data node: its JSON is not complete"
        faults = self._schemas.find_faults(item.config_id, decode_json(opened.rendition.encode()))
        what = "it does not fit the schema of its data node"
        return (
            make_faults_error(faults, what=what, code="value_invalid").message if faults else None
        )

    def _open_values(self, items: Sequence[ImportedEdit]) -> dict[str, _Opened]:
        """Have a worker open the values of edits; return what it found, by edit."""
        opened: dict[str, _Opened] = {item.edit.id: _Opened() for item in items}
        values = [
            (item.edit.id, _locate(item.value))
            for item in items
            if item.value is not None and item.value.path is not None
        ]
        for start in range(0, len(values), _VALUES_PER_CALL):
            some = dict(values[start : start + _VALUES_PER_CALL])
            try:
                found = self._open(list(some.values()))
            except ScenaristError:
                # One of them has ended the worker, or takes too long: find out which.
                found = [self._open_alone(location) for location in some.values()]
            opened.update(zip(some, found, strict=True))
        return opened

    def _open_alone(self, location: ValueLocation) -> _Opened:
        try:
            return self._open([location])[0]
        except ScenaristError as error:
            return _Opened(fault=error.message)

    def _open(self, locations: Sequence[ValueLocation]) -> list[_Opened]:
        target = WriteTarget(
            data_node_id="IMPORT", edit_id="import", storage_type="json", folder=INLINE_FOLDER
        )
        call = FunctionCall(
            function=_OPEN_VALUES, inputs=(make_json_location(locations),), outputs=(target,)
        )
        result = self._compute(call)
        if not result.is_successful:
            raise UnavailableError(result.reason or "the worker ended")
        return msgspec.json.decode(result.take_json(), type=list[_Opened])

    def _store(self, folder: TaipyFolder, item: ImportedEdit, opened: _Opened) -> _Stored:
        """Store the value of an edit: small ones within the edit, others in a new file."""
        value = item.value
        if value is None or not value.is_copied:
            return _Stored(item)
        edit = item.edit
        target = WriteTarget(
            data_node_id=edit.data_node_id,
            # New at each attempt, as files are named after it: a killed import leaves its files.
            edit_id=make_uuid(self._now()),
            storage_type=value.storage_type,
            folder=self._folder,
            properties=resolve_properties(value.properties) if value.path is None else {},
        )
        if value.path is None:
            config = self._registry.data_nodes[item.config_id]
            data = resolve(config.properties["default_data"], os.environ)
            written = write_value(data, target)
            opened = _Opened(written.python_type, written.rendition, written.is_complete)
        else:
            try:
                content = folder.read(value.path)
            except UnreadableFileError as error:
                return _Stored(item, fault=str(error))
            written = store_bytes(
                content,
                target,
                extension=value.path.suffix.removeprefix(".") or "bin",
                python_type="",
                rendition=("null", False),
            )
        edit = replace(
            edit,
            uri=written.uri,
            content=written.content,
            size=written.size,
            digest=written.digest,
            stamp=written.stamp,
            python_type=opened.python_type,
            rendition=opened.rendition,
            is_complete=opened.is_complete,
        )
        return _Stored(replace(item, edit=edit), written)


def make_plan(connection: Connection, source: ImportSource) -> ImportPlan:
    """Return what of the source the database does not have yet, and what cannot be imported."""
    plan = ImportPlan()
    chosen = ImportSelection(source, plan)
    planner = EntityPlanner(connection, source, chosen, plan)
    planner.plan_cycles()
    planner.plan_data_nodes()
    planner.plan_tasks()
    planner.plan_scenarios()
    planner.note_unknown_configs()
    HistoryPlanner(connection, source, planner.ids, plan).plan()
    EditPlanner(
        connection,
        source,
        plan,
        ids=planner.ids,
        nodes=planner.nodes,
        existing=planner.existing,
    ).plan()
    return plan


def _write(
    connection: Connection,
    actor: Actor,
    plan: ImportPlan,
    stored: Mapping[str, _Stored],
    now: datetime,
) -> ImportPlan:
    """Store what is planned; return the plan, without the values that could not be read.

    Raises:
        ConflictError: An entity whose values are in place was deleted since they were stored.
    """
    if any(item.edit.id not in stored for item in plan.edits):
        raise ConflictError(
            "another process has deleted entities of this import meanwhile; nothing was imported, "
            "import again"
        )
    audit.record_allowed(connection, actor, None, now)
    _add_entities(connection, plan)
    importing.add_ended(connection, plan.submissions)
    updated = _add_edits(connection, plan, stored)
    changes = [*_list_events(plan, updated, actor)]
    changes += propagate.release_readers(connection, updated, now)
    for start in range(0, len(changes), _EVENTS_PER_ROW):
        event_log.add(connection, changes[start : start + _EVENTS_PER_ROW], now)
    return plan


def _add_entities(connection: Connection, plan: ImportPlan) -> None:
    for cycle in plan.cycles:
        cycle_rows.find_or_create(connection, cycle)
    data_node_rows.add_many(connection, plan.data_nodes)
    task_rows.add_many(connection, plan.tasks)
    for scenario in plan.scenarios:
        scenario_rows.add(connection, scenario)
    for sequence in plan.sequences:
        sequence_rows.add(connection, sequence)


def _add_edits(
    connection: Connection, plan: ImportPlan, stored: Mapping[str, _Stored]
) -> list[str]:
    """Store the edits; return the data nodes that have a new value."""
    past: list[Edit] = []
    newest: list[Edit] = []
    kept: dict[str, Mapping[str, Any]] = {}
    for item in plan.edits:
        made = stored[item.edit.id]
        if made.fault is not None:
            plan.leave_out(f"value of {item.edit.data_node_id}", made.fault)
            continue
        edit = replace(made.item.edit, made_of=item.edit.made_of, code_digest=item.edit.code_digest)
        (newest if item.is_newest else past).append(edit)
        if item.kept_as is not None:
            kept[edit.id] = item.kept_as
    plan.edits = [item for item in plan.edits if stored[item.edit.id].fault is None]
    data_node_rows.add_edits_only(connection, past)
    data_node_rows.add_edits(connection, newest)
    importing.keep_as(connection, kept)
    return [edit.data_node_id for edit in newest]


def _list_events(plan: ImportPlan, updated: Sequence[str], actor: Actor) -> Iterable[Event]:
    """Yield the events to log: none of the jobs, which have ended elsewhere and long ago."""
    new = {node.id for node in plan.data_nodes}
    created = (
        (EntityKind.CYCLE, plan.cycles),
        (EntityKind.DATA_NODE, plan.data_nodes),
        (EntityKind.TASK, plan.tasks),
        (EntityKind.SCENARIO, plan.scenarios),
        (EntityKind.SEQUENCE, plan.sequences),
    )
    for kind, made in created:
        for entity in made:
            yield Event(kind=kind, id=entity.id, change=ChangeType.CREATED, actor=actor.ref)
    for submission, _ in plan.submissions:
        yield Event(
            kind=EntityKind.SUBMISSION,
            id=submission.id,
            change=ChangeType.CREATED,
            actor=actor.ref,
            status=submission.status,
        )
    for node_id in updated:
        if node_id not in new:
            yield Event(
                kind=EntityKind.DATA_NODE,
                id=node_id,
                change=ChangeType.UPDATED,
                actor=actor.ref,
            )


def _locate(value: ImportedValue) -> ValueLocation:
    """Return where a worker finds a value, with references to the environment unresolved."""
    # `exposed_type` is for functions; the JSON form does not depend on it, and needs rows.
    properties = {key: item for key, item in value.properties.items() if key != "exposed_type"}
    return ValueLocation(
        storage_type=value.storage_type, properties=properties, uri=str(value.path)
    )


def _discard_values(stored: Iterable[_Stored]) -> None:
    for item in stored:
        if item.written is not None:
            discard(item.written)

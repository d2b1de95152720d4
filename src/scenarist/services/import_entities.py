"""Decides which cycles, scenarios, tasks and data nodes of Taipy are created, and how."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from scenarist.config.entries import TaskConfig
from scenarist.config.names import FunctionName
from scenarist.db import importing
from scenarist.db.importing import ExistingNode
from scenarist.domain import entities
from scenarist.domain.entities import DataNode, Scenario, Task
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import (
    CycleId,
    DataNodeId,
    ScenarioId,
    TaskId,
    find_sequence_name_fault,
    make_sequence_id,
)
from scenarist.domain.locations import Owner
from scenarist.domain.properties import (
    MAX_TAGS,
    validate_name,
    validate_properties,
    validate_tags,
)
from scenarist.domain.vocabulary import EntityKind
from scenarist.services.declarations import find_task_fault
from scenarist.services.factory import make_task
from scenarist.services.import_plan import ImportPlan, ImportSource
from scenarist.services.import_selection import ImportSelection
from scenarist.services.placement import make_placement, to_stored
from scenarist.taipy.records import TaipyDataNode, TaipyScenario, TaipySequence, TaipyTask
from scenarist.taipy.values import select_reading_properties


class EntityPlanner:
    """Adds the entities of a selection to a plan, except those that the database has.

    An entity is that of the database if it has the same identifier, or, as there can be only one,
    the same period (a cycle), the same config and owner (a data node), or the same config, owner,
    inputs and outputs (a task).

    Attributes:
        ids: Identifier of each record's entity, which is that of the record as a rule.
        existing: The data nodes of the database that records stand for.
        nodes: The data nodes with the identifier of their record, new and existing ones.
    """

    def __init__(
        self,
        connection: Connection,
        source: ImportSource,
        chosen: ImportSelection,
        plan: ImportPlan,
    ) -> None:
        self._connection = connection
        self._source = source
        self._chosen = chosen
        self._plan = plan
        self._times = _find_times(source, chosen)
        self.ids: dict[str, str] = {}
        self.existing: dict[str, ExistingNode] = {}
        self.nodes: dict[str, DataNode] = {}

    def plan_cycles(self) -> None:
        cycles = self._chosen.cycles
        known = self._find_existing(EntityKind.CYCLE, cycles)
        periods = importing.find_periods(self._connection)
        for cycle in sorted(cycles.values(), key=lambda item: (item.created_at, item.id)):
            same = periods.get((cycle.frequency, cycle.start_at))
            if cycle.id in known:
                same = cycle.id
            if same is None:
                periods[cycle.frequency, cycle.start_at] = same = cycle.id
                self._plan.cycles.append(cycle)
            elif same != cycle.id:
                self._plan.note(cycle.id, f"its scenarios are in {same}, which has its period")
            self.ids[cycle.id] = same

    def plan_data_nodes(self) -> None:
        records = self._chosen.data_nodes
        known = self._find_existing(EntityKind.DATA_NODE, records)
        by_key = importing.find_nodes(
            self._connection, sorted({record.config_id for record in records.values()})
        )
        by_id = {node.id: node for node in by_key.values()}
        taken = {key: node.id for key, node in by_key.items()}
        for record in sorted(records.values(), key=self._rank_by_edit, reverse=True):
            key = (record.config_id, self._get_owner(record.owner_id))
            same = record.id if record.id in known else taken.get(key, record.id)
            if same != record.id:
                self._plan.leave_out(
                    record.id,
                    f"{same} is the data node of this config and owner; there can be only one",
                )
            else:
                taken[key] = record.id
                self.nodes[record.id] = self._make_data_node(record, key[1])
                if record.id not in known:
                    self._plan.data_nodes.append(self.nodes[record.id])
                    self._leave_out_lock(record)
            self.ids[record.id] = same
            if same in by_id:
                self.existing[record.id] = by_id[same]
        self._plan.data_nodes.sort(key=lambda item: (item.created_at, item.id))

    def plan_tasks(self) -> None:
        records = self._chosen.tasks
        known = self._find_existing(EntityKind.TASK, records)
        taken = importing.find_tasks(
            self._connection, sorted({record.config_id for record in records.values()})
        )
        for record in sorted(records.values(), key=lambda item: (self._times[item.id], item.id)):
            task = self._make_task(record)
            key = (task.config_id, task.owner_id, task.wiring)
            same = record.id if record.id in known else taken.setdefault(key, record.id)
            if same != record.id:
                self._plan.leave_out(record.id, f"{same} is the same task; there can be only one")
            elif record.id not in known:
                self._plan.tasks.append(task)
            self.ids[record.id] = same
        self._note_outdated(self._plan.tasks)

    def plan_scenarios(self) -> None:
        records = self._chosen.scenarios
        known = self._find_existing(EntityKind.SCENARIO, records)
        led = importing.find_led_cycles(self._connection)
        made: list[Scenario] = []
        for record in sorted(records.values(), key=lambda item: (self._times[item.id], item.id)):
            self.ids[record.id] = record.id
            if record.id not in known:
                made.append(self._make_scenario(record))
        self._plan.scenarios += self._choose_primaries(made, led)
        self._plan_sequences(records)

    def note_unknown_configs(self) -> None:
        """Note the configs of new data nodes and scenarios that the application lacks."""
        registry = self._source.registry
        for kind, used, declared, what in (
            ("data node", self._plan.data_nodes, registry.data_nodes, "they stay as recorded"),
            ("scenario", self._plan.scenarios, registry.scenarios, "they cannot be submitted"),
        ):
            gone = Counter(item.config_id for item in used if item.config_id not in declared)
            for config_id, count in sorted(gone.items()):
                self._plan.note(
                    f"{kind} config {config_id}",
                    f"the application does not declare it; {what} ({count})",
                )

    def _note_outdated(self, tasks: Sequence[Task]) -> None:
        faults = Counter(
            (task.config_id, fault)
            for task in tasks
            if (fault := find_task_fault(task, self._source.declared)) is not None
        )
        for (config_id, fault), count in sorted(faults.items()):
            self._plan.note(f"task config {config_id}", f"{fault} ({count})")

    def _choose_primaries(self, made: Sequence[Scenario], led: set[str]) -> Iterable[Scenario]:
        """Return scenarios of which each cycle that gets any has one primary, and no second."""
        primaries: dict[str, str] = {}
        for scenario in sorted(made, key=lambda item: not item.is_primary):
            if scenario.cycle_id is not None and scenario.cycle_id not in led:
                primaries.setdefault(scenario.cycle_id, scenario.id)
        chosen = set(primaries.values())
        for scenario in made:
            is_primary = scenario.id in chosen
            if scenario.is_primary and not is_primary:
                self._plan.note(scenario.id, "another scenario of its cycle is the primary one")
            elif is_primary and not scenario.is_primary:
                self._plan.note(scenario.id, "it is the primary one, as its cycle had none")
            yield replace(scenario, is_primary=is_primary)

    def _plan_sequences(self, records: Mapping[str, TaipyScenario]) -> None:
        wanted = [
            (record, name, sequence)
            for record in records.values()
            for name, sequence in (record.sequences or {}).items()
        ]
        ids = {make_sequence_id(name, ScenarioId(record.id)) for record, name, _ in wanted}
        known = importing.find_existing(self._connection, EntityKind.SEQUENCE, sorted(ids))
        self._plan.present[EntityKind.SEQUENCE] += len(known)
        for record, name, sequence in wanted:
            made = self._make_sequence(record, name, sequence)
            if made is None:
                continue
            # Taipy's own form, by which submissions refer to it.
            self.ids[f"SEQUENCE_{name.replace(' ', 'TPSPACE')}_{record.id}"] = made.id
            if made.id not in known:
                self._plan.sequences.append(made)
        self._plan.sequences.sort(key=lambda item: item.created_at)

    def _find_existing(self, kind: EntityKind, records: Iterable[str]) -> set[str]:
        known = importing.find_existing(self._connection, kind, sorted(records))
        self._plan.present[kind] += len(known)
        return known

    def _get_owner(self, owner_id: str | None) -> str | None:
        return None if owner_id is None else self.ids.get(owner_id, owner_id)

    def _make_data_node(self, record: TaipyDataNode, owner_id: str | None) -> DataNode:
        config = self._source.registry.data_nodes.get(record.config_id)
        node = DataNode(
            id=DataNodeId(record.id),
            config_id=record.config_id,
            scope=record.scope,
            storage_type=record.storage_type,
            owner_id=owner_id,
            parent_ids=(),
            properties=select_reading_properties(record),
            validity=_get_validity(record),
            last_edit_id=None,
            last_edited_at=None,
            being_written_by=None,
            created_at=self._times[record.id],
            version=record.version,
        )
        if config is None:
            return node
        try:
            placement = make_placement(config, self._describe_owner(record.owner_id))
        except InvalidError as error:
            self._plan.note(record.id, error.message)
            return node
        return replace(
            node,
            storage_type=placement.storage_type,
            properties=placement.properties,
            validity=placement.validity,
            declaration=placement.declaration,
            place=placement.place,
        )

    def _rank_by_edit(self, record: TaipyDataNode) -> tuple[float, str]:
        last = record.last_edit_date
        return 0 if last is None else self._source.to_utc(last).timestamp(), record.id

    def _describe_owner(self, owner_id: str | None) -> Owner:
        """Return the values of placeholders in the places of an owner's data nodes."""
        cycle = self._chosen.cycles.get(owner_id or "")
        if cycle is not None:
            return Owner(cycle_id=self._get_owner(cycle.id), cycle_name=cycle.name)
        scenario = self._chosen.scenarios.get(owner_id or "")
        if scenario is None:
            return Owner()
        cycle = self._chosen.cycles.get(scenario.cycle or "")
        return Owner(
            scenario_id=scenario.id,
            scenario_name=_get_name(scenario),
            scenario_properties=scenario.properties,
            cycle_id=None if cycle is None else self._get_owner(cycle.id),
            cycle_name=None if cycle is None else cycle.name,
        )

    def _make_task(self, record: TaipyTask) -> Task:
        function = FunctionName(f"{record.function_module}:{record.function_name}")
        config = self._source.registry.tasks.get(record.config_id) or TaskConfig(
            id=record.config_id, function=function, skippable=record.skippable
        )
        inputs, outputs = (
            [
                (DataNodeId(self.ids[node.id]), node.config_id, node.scope)
                for node in map(self._chosen.data_nodes.__getitem__, ids)
            ]
            for ids in (record.input_ids, record.output_ids)
        )
        return make_task(
            config,
            task_id=TaskId(record.id),
            owner_id=self._get_owner(record.owner_id),
            inputs=inputs,
            outputs=outputs,
            at=self._times[record.id],
            version=record.version,
        )

    def _make_scenario(self, record: TaipyScenario) -> Scenario:
        cycle_id = None if record.cycle is None else CycleId(self.ids[record.cycle])
        tasks = self._sort_by_config(record)
        nodes = [DataNodeId(self.ids[item]) for item in record.additional_data_nodes]
        if record.subscribers:
            self._leave_out_subscribers(record.id, record.subscribers)
        return Scenario(
            id=ScenarioId(record.id),
            config_id=record.config_id,
            name=self._check_name(record),
            cycle_id=cycle_id,
            is_primary=record.primary_scenario and cycle_id is not None,
            tags=self._check_tags(record),
            properties=self._check_properties(record),
            task_ids=tuple(dict.fromkeys(TaskId(self.ids[item]) for item in tasks)),
            data_node_ids=(),  # not stored: those of its tasks
            additional_data_node_ids=tuple(dict.fromkeys(nodes)),
            sequences=(),
            created_at=self._times[record.id],
            version=record.version,
        )

    def _sort_by_config(self, record: TaipyScenario) -> list[str]:
        """Return the tasks of a scenario in the order of its config: Taipy keeps them in none."""
        config = self._source.registry.scenarios.get(record.config_id)
        order = [] if config is None else [task.id for task in config.tasks]
        place = {config_id: position for position, config_id in enumerate(order)}

        def key(task_id: str) -> tuple[int, str]:
            config_id = self._chosen.tasks[task_id].config_id
            return place.get(config_id, len(place)), config_id

        return sorted(record.tasks, key=key)

    def _make_sequence(
        self, record: TaipyScenario, name: str, sequence: TaipySequence
    ) -> entities.Sequence | None:
        entry = f"sequence {name!r} of {record.id}"
        fault = find_sequence_name_fault(name)
        unknown = [task for task in sequence.tasks if task not in record.tasks]
        if fault is None and unknown:
            fault = f"its task {unknown[0]} is none of the scenario"
        if fault is not None:
            self._plan.leave_out(entry, fault)
            return None
        if sequence.subscribers:
            self._leave_out_subscribers(entry, sequence.subscribers)
        scenario_id = ScenarioId(record.id)
        return entities.Sequence(
            id=make_sequence_id(name, scenario_id),
            name=name,
            scenario_id=scenario_id,
            task_ids=tuple(dict.fromkeys(TaskId(self.ids[item]) for item in sequence.tasks)),
            properties=self._validate_properties(
                entry, {key: item for key, item in sequence.properties.items() if key != "name"}
            ),
            created_at=self._times[record.id],
            version=record.version,
        )

    def _check_name(self, record: TaipyScenario) -> str | None:
        name = record.properties.get("name")
        try:
            return None if name is None else validate_name(str(name))
        except InvalidError as error:
            self._plan.leave_out(f"name of {record.id}", error.message)
            return None

    def _check_tags(self, record: TaipyScenario) -> tuple[str, ...]:
        tags: list[str] = []
        for tag in record.tags:
            try:
                tags += validate_tags([tag], None)
                validate_tags(tags, None)
            except InvalidError as error:
                tags = tags[:MAX_TAGS]
                self._plan.leave_out(f"tag {tag[:100]!r} of {record.id}", error.message)
        return tuple(sorted(set(tags)))

    def _check_properties(self, record: TaipyScenario) -> Mapping[str, Any]:
        """Return the properties of a scenario, with references in place of its config's secrets."""
        found = {key: item for key, item in record.properties.items() if key != "name"}
        config = self._source.registry.scenarios.get(record.config_id)
        if config is not None:
            stored = to_stored(f"SCENARIO_{config.id}", config.properties)
            same = {key for key, item in config.properties.items() if found.get(key) == item}
            kept = {key: item for key, item in found.items() if key not in same}
            found = {**{key: item for key, item in stored.items() if key in same}, **kept}
        return self._validate_properties(record.id, found)

    def _validate_properties(self, entry: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return validate_properties(properties)
        except InvalidError as error:
            self._plan.leave_out(f"properties of {entry}", error.message)
            return {}

    def _leave_out_lock(self, record: TaipyDataNode) -> None:
        until = record.editor_expiration_date
        if record.editor_id and (until is None or self._source.to_utc(until) > self._source.now):
            self._plan.leave_out(
                f"lock of {record.id}", f"the editor {record.editor_id!r} can lock it again here"
            )

    def _leave_out_subscribers(self, entry: str, subscribers: Sequence[Mapping[str, Any]]) -> None:
        names = ", ".join(
            f"{item.get('fct_module')}.{item.get('fct_name')}" for item in subscribers
        )
        self._plan.leave_out(
            f"subscribers of {entry}", f"functions cannot subscribe ({names}); use webhooks"
        )


def _find_times(source: ImportSource, chosen: ImportSelection) -> dict[str, datetime]:
    """Return when the entities of records were created; Taipy records it of scenarios only."""
    times = {item.id: source.to_utc(item.creation_date) for item in chosen.scenarios.values()}
    users: defaultdict[str, list[datetime]] = defaultdict(list)
    for scenario in chosen.scenarios.values():
        for used in (*scenario.tasks, *scenario.additional_data_nodes):
            users[used].append(times[scenario.id])
    for task in chosen.tasks.values():
        times[task.id] = min(users[task.id], default=source.now)
        for used in (*task.input_ids, *task.output_ids):
            users[used].append(times[task.id])
    for node in chosen.data_nodes.values():
        edited = [source.to_utc(edit.timestamp) for edit in node.edits]
        times[node.id] = min(users[node.id] or edited, default=source.now)
    return times


def _get_name(record: TaipyScenario) -> str | None:
    name = record.properties.get("name")
    return name if isinstance(name, str) else None


def _get_validity(record: TaipyDataNode) -> timedelta | None:
    if record.validity_days is None and record.validity_seconds is None:
        return None
    return timedelta(days=record.validity_days or 0, seconds=record.validity_seconds or 0)

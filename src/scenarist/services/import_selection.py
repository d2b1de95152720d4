"""Selects the records of Taipy that can be imported: those of which everything needed is there."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from scenarist.domain.entities import Cycle
from scenarist.domain.errors import InvalidError
from scenarist.domain.identifiers import CycleId
from scenarist.domain.planning import TaskLinks, find_cycle
from scenarist.domain.properties import validate_name, validate_properties
from scenarist.services.cycles import make_cycle
from scenarist.services.import_plan import ImportPlan, ImportSource
from scenarist.storage.registry import find_storage
from scenarist.taipy.records import TaipyCycle, TaipyDataNode, TaipyRecord, TaipyScenario, TaipyTask

RecordT = TypeVar("RecordT", bound=TaipyRecord)


class ImportSelection:
    """The records to import, by identifier: each refers only to others that are imported too.

    What is left out is noted in the plan, with the reason.
    """

    def __init__(self, source: ImportSource, plan: ImportPlan) -> None:
        self._source = source
        self._plan = plan
        records = source.records
        self.cycles: dict[str, Cycle] = self._make_cycles()
        self.scenarios: dict[str, TaipyScenario] = dict(records.scenarios)
        self.tasks: dict[str, TaipyTask] = dict(records.tasks)
        self.data_nodes: dict[str, TaipyDataNode] = dict(records.data_nodes)
        while (
            self._drop(self.data_nodes, self._find_node_fault)
            or self._drop(self.tasks, self._find_task_fault)
            or self._drop(self.scenarios, self._find_scenario_fault)
        ):
            pass
        self._drop_unused_cycles()

    def _make_cycles(self) -> dict[str, Cycle]:
        found = {}
        for record in self._source.records.cycles.values():
            try:
                found[record.id] = self._make_cycle(record)
            except InvalidError as error:
                self._plan.leave_out(record.id, error.message)
        return found

    def _make_cycle(self, record: TaipyCycle) -> Cycle:
        start = self._source.to_utc(record.start_date)
        made = make_cycle(record.frequency, start, self._source.zone, self._source.now)
        return replace(
            made,
            id=CycleId(record.id),
            name=validate_name(record.name),
            properties=validate_properties(record.properties),
            created_at=self._source.to_utc(record.creation_date),
        )

    def _drop(
        self, records: dict[str, RecordT], find_fault: Callable[[RecordT], str | None]
    ) -> bool:
        """Drop the records with a fault; return whether there were any."""
        faults = [
            (record.id, fault)
            for record in records.values()
            if (fault := find_fault(record)) is not None
        ]
        for record_id, fault in faults:
            del records[record_id]
            self._plan.leave_out(record_id, fault)
        return bool(faults)

    def _find_node_fault(self, record: TaipyDataNode) -> str | None:
        try:
            find_storage(record.storage_type)
        except InvalidError as error:
            return error.message
        return self._find_owner_fault(record.owner_id)

    def _find_task_fault(self, record: TaipyTask) -> str | None:
        missing = _first_missing((*record.input_ids, *record.output_ids), self.data_nodes)
        return missing or self._find_owner_fault(record.owner_id)

    def _find_scenario_fault(self, record: TaipyScenario) -> str | None:
        cycle = [] if record.cycle is None else [record.cycle]
        return (
            _first_missing(record.tasks, self.tasks)
            or _first_missing(record.additional_data_nodes, self.data_nodes)
            or _first_missing(cycle, self.cycles)
            or self._find_loop(record)
        )

    def _find_loop(self, record: TaipyScenario) -> str | None:
        tasks = [self.tasks[item] for item in dict.fromkeys(record.tasks)]
        links = [TaskLinks(t.id, tuple(t.input_ids), tuple(t.output_ids)) for t in tasks]
        loop = find_cycle(links)
        return None if loop is None else f"its tasks form a cycle: {' -> '.join(loop)}"

    def _find_owner_fault(self, owner_id: str | None) -> str | None:
        if owner_id is None or owner_id in self.scenarios or owner_id in self.cycles:
            return None
        return f"its owner {owner_id} is not imported"

    def _drop_unused_cycles(self) -> None:
        used = set(self._iter_owners())
        for cycle_id in [item for item in self.cycles if item not in used]:
            del self.cycles[cycle_id]
            version = self._source.records.version
            self._plan.leave_out(cycle_id, f"no scenario of version {version} is in it")

    def _iter_owners(self) -> Iterator[str | None]:
        yield from (scenario.cycle for scenario in self.scenarios.values())
        yield from (task.owner_id for task in self.tasks.values())
        yield from (node.owner_id for node in self.data_nodes.values())


def _first_missing(needed: Iterable[str], known: Container[str]) -> str | None:
    missing = next((item for item in needed if item not in known), None)
    return None if missing is None else f"it needs {missing}, which is not imported"

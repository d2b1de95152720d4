"""What has been declared so far, and how an entry is made from the values given for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from scenarist.config.drafts import BadValue, Draft, Problem
from scenarist.config.entries import (
    AuthenticationConfig,
    CoreConfig,
    DataNodeConfig,
    Entry,
    JobConfig,
    ScenarioConfig,
    TaskConfig,
    overwrite,
)
from scenarist.config.functions import exception_names, function_name
from scenarist.config.values import as_bool, as_duration, as_frequency, as_int, as_scope, as_text
from scenarist.domain.errors import ConflictError, InvalidError

EntryT = TypeVar("EntryT", bound=Entry)
SectionT = TypeVar("SectionT", JobConfig, CoreConfig, AuthenticationConfig)

_TABLE_CLASSES = {
    "pandas:DataFrame": "pandas",
    "pandas.core.frame:DataFrame": "pandas",
    "numpy:ndarray": "numpy",
    "polars:DataFrame": "polars",
    "polars.dataframe.frame:DataFrame": "polars",
    "pyarrow:Table": "pyarrow",
    "pyarrow.lib:Table": "pyarrow",
}
"""Classes that may be given as ``exposed_type`` for what storages know by a plain word."""

DEFAULT = "default"
"""The id of the section of each family that supplies defaults."""


@dataclass(slots=True, eq=False)
class Declarations:
    """Entries by id in order of declaration, the sections, and what was wrong in passing.

    A mistake never raises here: it is kept as a fault at its place, for the check to report.
    An id that is declared again changes the entry that is there, so that whatever refers to
    it sees the newer declaration.
    """

    data_nodes: dict[str, DataNodeConfig] = field(default_factory=dict)
    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    scenarios: dict[str, ScenarioConfig] = field(default_factory=dict)
    jobs: JobConfig = field(default_factory=JobConfig)
    core: CoreConfig = field(default_factory=CoreConfig)
    authentication: AuthenticationConfig = field(default_factory=AuthenticationConfig)
    global_app: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)  #: entry → file, or file and line
    faults: dict[tuple[str, str], Problem] = field(default_factory=dict)  #: by entry and key
    closed: str | None = None  #: why nothing may be declared any more

    def require_open(self) -> None:
        """Let a change pass unless the declarations are closed.

        Raises:
            ConflictError: They are; says why.
        """
        if self.closed is not None:
            raise ConflictError(self.closed)

    def declare_data_node(
        self, id: str, given: Mapping[str, Any], origin: str, *, over: bool = False
    ) -> DataNodeConfig:
        """Declare a data node; *over* keeps what is there and not given."""
        existing = self._present("DATA_NODE", self.data_nodes, id) if over else None
        default = self._default("DATA_NODE", id) or DataNodeConfig(id=DEFAULT)
        base = existing or default
        draft = self._draft(f"DATA_NODE.{id}", given, origin, fresh=existing is None)
        storage_type = draft.take("storage_type", as_text, base.storage_type)
        inherits = base is not default or storage_type == default.storage_type
        scope = draft.take("scope", as_scope, base.scope)
        validity_period = draft.take("validity_period", as_duration, base.validity_period)
        properties = draft.rest(base.properties if inherits else {})
        if "exposed_type" in properties:
            properties["exposed_type"] = _exposed(properties["exposed_type"])
        entry = DataNodeConfig(
            id=id,
            storage_type=storage_type,
            scope=scope,
            validity_period=validity_period,
            properties=properties,
        )
        return self._keep("DATA_NODE", self.data_nodes, entry)

    def declare_task(
        self, id: str, given: Mapping[str, Any], origin: str, *, over: bool = False
    ) -> TaskConfig:
        """Declare a task; *over* keeps what is there and not given."""
        existing = self._present("TASK", self.tasks, id) if over else None
        base = existing or self._default("TASK", id) or TaskConfig(id=DEFAULT)
        draft = self._draft(f"TASK.{id}", given, origin, fresh=existing is None)
        entry = TaskConfig(
            id=id,
            function=draft.take("function", function_name, base.function),
            inputs=draft.refer("inputs", DataNodeConfig, self.data_nodes, base.inputs),
            outputs=draft.refer("outputs", DataNodeConfig, self.data_nodes, base.outputs),
            skippable=draft.take("skippable", as_bool, base.skippable),
            timeout=draft.take("timeout", as_duration, base.timeout),
            retries=draft.take("retries", as_int, base.retries),
            retry_delay=draft.take("retry_delay", as_duration, base.retry_delay),
            retry_on=draft.take("retry_on", exception_names, base.retry_on),
            properties=draft.rest(base.properties),
        )
        return self._keep("TASK", self.tasks, entry)

    def declare_scenario(
        self, id: str, given: Mapping[str, Any], origin: str, *, over: bool = False
    ) -> ScenarioConfig:
        """Declare a scenario; *over* keeps what is there and not given, sequence by sequence."""
        existing = self._present("SCENARIO", self.scenarios, id) if over else None
        default = self._default("SCENARIO", id) or ScenarioConfig(id=DEFAULT, declarations=self)
        base = existing or default
        draft = self._draft(f"SCENARIO.{id}", given, origin, fresh=existing is None)
        entry = ScenarioConfig(
            id=id,
            tasks=draft.refer("tasks", TaskConfig, self.tasks, base.tasks),
            additional_data_nodes=draft.refer(
                "additional_data_nodes", DataNodeConfig, self.data_nodes, base.additional_data_nodes
            ),
            frequency=draft.take("frequency", as_frequency, base.frequency),
            comparators=draft.fold(
                "comparators", base.comparators, draft.name_functions, keep=existing is not None
            ),
            sequences=draft.fold(
                "sequences",
                base.sequences,
                lambda key, value: draft.find_all(key, TaskConfig, self.tasks, value),
                keep=existing is not None,
            ),
            properties=draft.rest(base.properties),
            declarations=self,
        )
        return self._keep("SCENARIO", self.scenarios, entry)

    def add_sequences(self, scenario: ScenarioConfig, sequences: Mapping[str, object]) -> None:
        self._change(scenario, {"sequences": sequences})

    def add_comparator(self, scenario: ScenarioConfig, data_node_id: str, function: object) -> None:
        fault = self.faults.get((f"SCENARIO.{scenario.id}", f"comparators.{data_node_id}"))
        earlier = [BadValue(fault.message)] if fault else []
        present = scenario.comparators.get(data_node_id, ())
        self._change(scenario, {"comparators": {data_node_id: [*present, *earlier, function]}})

    def remove_from_scenario(
        self, scenario: ScenarioConfig, table: str, names: Iterable[str]
    ) -> None:
        """Remove names from the sequences or comparators of a scenario; all of them, or none.

        Raises:
            InvalidError: One of them is not there.
        """
        self.require_open()
        present: dict[str, Any] = dict(getattr(scenario, table))
        known = ", ".join(map(repr, present)) or "none"
        for name in names:
            if name not in present:
                raise InvalidError(
                    f"scenario {scenario.id!r} has no {name!r} in its {table}; it has {known}"
                )
            del present[name]
        for name in set(getattr(scenario, table)) - set(present):
            self.faults.pop((f"SCENARIO.{scenario.id}", f"{table}.{name}"), None)
        changes: dict[str, Any] = {table: present}
        overwrite(scenario, replace(scenario, **changes))

    def declare_section(
        self, place: str, base: SectionT, given: Mapping[str, Any], origin: str
    ) -> SectionT:
        """Return the section with the given values over those of *base*."""
        values = self.declare_table(place, {}, given, origin)
        names = {item.name for item in fields(base)} - {"properties"}
        known = {name: values.pop(name) for name in names if name in values}
        return replace(base, **known, properties={**base.properties, **values})

    def declare_table(
        self, place: str, base: Mapping[str, Any], given: Mapping[str, Any], origin: str
    ) -> dict[str, Any]:
        """Return a table without known keys, with the given values over those of *base*."""
        return self._draft(place, given, origin).rest(base)

    def forget(self, place: str) -> None:
        """Drop what was wrong with an entry, because it is about to be declared anew."""
        for where in [where for where in self.faults if where[0] == place]:
            del self.faults[where]

    def _draft(
        self, place: str, given: Mapping[str, Any], origin: str, *, fresh: bool = False
    ) -> Draft:
        self.origins[place] = origin
        if fresh:
            self.forget(place)
        return Draft(self.faults, place, given, origin)

    def _default(self, family: str, id: str) -> Any:
        return None if id == DEFAULT else self.defaults.get(family)

    def _present(self, family: str, entries: Mapping[str, EntryT], id: str) -> EntryT | None:
        return self.defaults.get(family) if id == DEFAULT else entries.get(id)

    def _change(self, scenario: ScenarioConfig, given: Mapping[str, Any]) -> None:
        self.require_open()
        origin = self.origins[f"SCENARIO.{scenario.id}"]
        self.declare_scenario(scenario.id, given, origin, over=True)

    def _keep(self, family: str, entries: dict[str, EntryT], entry: EntryT) -> EntryT:
        existing = self._present(family, entries, entry.id)
        if existing is not None:
            overwrite(existing, entry)
            return existing
        if entry.id == DEFAULT:
            self.defaults[family] = entry
        else:
            entries[entry.id] = entry
        return entry


def _exposed(kinds: Any) -> Any:
    """Put plain words for classes, of which sheets may have one each."""
    if isinstance(kinds, dict):
        return {name: _exposed(kind) for name, kind in kinds.items()}
    if isinstance(kinds, list):
        return [_exposed(kind) for kind in kinds]
    return _TABLE_CLASSES.get(kinds, kinds)

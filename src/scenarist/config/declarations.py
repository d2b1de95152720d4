"""The declarations made so far, and the creation of entries from given values."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeVar

from scenarist.config.declared_values import DeclaredList, NamedValues
from scenarist.config.drafts import ConfigProblem, Draft, InvalidValue
from scenarist.config.entries import (
    AuthenticationConfig,
    CoreConfig,
    DataNodeConfig,
    Entry,
    JobConfig,
    ScenarioConfig,
    TaskConfig,
    find_known_keys,
    overwrite,
)
from scenarist.config.keys import (
    PROPERTIES,
    SCENARIO_KEYS,
    SECTION_KEYS,
    TASK_KEYS,
    known_keys,
    retain_properties,
)
from scenarist.config.known_classes import replace_known_classes
from scenarist.config.names import (
    FunctionName,
    NamedObjects,
    resolve_exception_names,
    resolve_function_name,
)
from scenarist.config.origins import find_caller_position
from scenarist.config.outcomes import read_outcome
from scenarist.config.overriding import OverridingValues
from scenarist.config.value_schemas import SCHEMA, SCHEMA_TYPE, describe_type
from scenarist.config.values import as_bool, as_duration, as_frequency, as_int, as_scope, as_text
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.vocabulary import Scope

EntryT = TypeVar("EntryT", bound=Entry)
ItemT = TypeVar("ItemT")
SectionT = TypeVar("SectionT", JobConfig, CoreConfig, AuthenticationConfig)

DEFAULT_ID = "default"
"""The id of the section in each family that supplies defaults."""


@dataclass(slots=True, eq=False)
class Declarations:
    """Entries by id in order of declaration, the sections, and the faults found so far.

    A mistake raises no exception here: it is recorded as a fault of its entry and key, which the
    check reports. Declaring an id again changes the existing entry in place, so references to it
    see the newer declaration.
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
    faults: dict[tuple[str, str], ConfigProblem] = field(default_factory=dict)  #: by entry and key
    objects: dict[tuple[str, str], NamedObjects] = field(default_factory=dict)  #: by entry and key
    overriding: OverridingValues = field(default_factory=OverridingValues)
    closed_reason: str | None = None  #: why further declarations are rejected

    def require_open(self) -> None:
        """Raise an error if the declarations are closed to changes.

        Raises:
            ConflictError: They are closed; the message says why.
        """
        if self.closed_reason is not None:
            raise ConflictError(self.closed_reason)

    def declare_data_node(
        self,
        id: str,
        given: Mapping[str, Any],
        origin: str,
        *,
        like: DataNodeConfig | None = None,
    ) -> DataNodeConfig:
        """Declare a data node; values that are not given keep those of the existing entry.

        Args:
            like: Supplies the values that are not given, instead of the existing entry.
        """
        given = self.overriding.apply(f"DATA_NODE.{id}", given)
        existing = like or self._get_existing("DATA_NODE", self.data_nodes, id)
        base = existing or self._get_default("DATA_NODE", id) or DataNodeConfig(id=DEFAULT_ID)
        draft = self._make_draft(
            f"DATA_NODE.{id}", _expand_schema(given), origin, fresh=like is not None
        )
        storage_type = draft.take("storage_type", as_text, base.storage_type)
        # The default scope is meant for values that are stored alike.
        is_like_base = existing is not None or storage_type == base.storage_type
        scope = draft.take("scope", as_scope, base.scope if is_like_base else Scope.SCENARIO)
        validity_period = draft.take("validity_period", as_duration, base.validity_period)
        properties: Mapping[str, Any] = base.properties
        if storage_type != base.storage_type:
            properties = {} if existing is None else retain_properties(properties, storage_type)
        entry = DataNodeConfig(
            id=id,
            storage_type=storage_type,
            scope=scope,
            validity_period=validity_period,
            properties=_without_empty_type(
                replace_known_classes(draft.merge_properties(properties, known_keys(storage_type)))
            ),
            declarations=self,
        )
        return self._store("DATA_NODE", self.data_nodes, entry)

    def declare_task(self, id: str, given: Mapping[str, Any], origin: str) -> TaskConfig:
        """Declare a task; values that are not given keep those of the existing entry."""
        existing = self._get_existing("TASK", self.tasks, id)
        base = existing or self._get_default("TASK", id) or TaskConfig(id=DEFAULT_ID)
        draft = self._make_draft(f"TASK.{id}", self.overriding.apply(f"TASK.{id}", given), origin)
        entry = TaskConfig(
            id=id,
            function=FunctionName(
                draft.take_names("function", resolve_function_name, base.function)
            ),
            inputs=draft.resolve_references("inputs", DataNodeConfig, self.data_nodes, base.inputs),
            outputs=draft.resolve_references(
                "outputs", DataNodeConfig, self.data_nodes, base.outputs
            ),
            skippable=draft.take("skippable", as_bool, base.skippable),
            timeout=draft.take("timeout", as_duration, base.timeout),
            retries=draft.take("retries", as_int, base.retries),
            retry_delay=draft.take("retry_delay", as_duration, base.retry_delay),
            retry_on=draft.take_names("retry_on", resolve_exception_names, base.retry_on),
            retries_after_loss=draft.take("retries_after_loss", as_int, base.retries_after_loss),
            fresh=draft.take("fresh", as_bool, base.fresh),
            cache=draft.take("cache", as_bool, base.cache),
            cache_version=draft.take("cache_version", as_text, base.cache_version) or None,
            properties=draft.merge_properties(base.properties, TASK_KEYS),
            declarations=self,
        )
        return self._store("TASK", self.tasks, entry)

    def declare_scenario(
        self, id: str, given: Mapping[str, Any], origin: str, *, over: bool = False
    ) -> ScenarioConfig:
        """Declare a scenario; values that are not given keep those of the existing entry.

        What is listed twice is taken once.

        Args:
            over: Whether to keep sequences, comparators and outcomes whose names are not given.
        """
        existing = self._get_existing("SCENARIO", self.scenarios, id)
        default = self._get_default("SCENARIO", id) or ScenarioConfig(
            id=DEFAULT_ID, declarations=self
        )
        base = existing or default
        draft = self._make_draft(
            f"SCENARIO.{id}", self.overriding.apply(f"SCENARIO.{id}", given), origin
        )
        keep = over and existing is not None
        tables: dict[str, Callable[[str, object], Any]] = {
            "comparators": draft.name_functions,
            "sequences": lambda key, value: draft.find_entries(key, TaskConfig, self.tasks, value),
            "outcomes": lambda key, value: draft.convert_part(
                key, lambda given: read_outcome(given, self.data_nodes), value
            ),
        }
        named: dict[str, Any] = {
            table: self._make_named_values(
                id, table, draft.merge_table(table, getattr(base, table), convert, keep=keep)
            )
            for table, convert in tables.items()
        }
        entry = ScenarioConfig(
            id=id,
            tasks=self._make_list(
                id, "tasks", draft.resolve_references("tasks", TaskConfig, self.tasks, base.tasks)
            ),
            additional_data_nodes=self._make_list(
                id,
                "additional_data_nodes",
                draft.resolve_references(
                    "additional_data_nodes",
                    DataNodeConfig,
                    self.data_nodes,
                    base.additional_data_nodes,
                ),
            ),
            frequency=draft.take("frequency", as_frequency, base.frequency),
            **named,
            properties=draft.merge_properties(base.properties, SCENARIO_KEYS),
            declarations=self,
        )
        return self._store("SCENARIO", self.scenarios, entry)

    def _make_list(
        self, scenario_id: str, key: str, items: Iterable[ItemT], name: str | None = None
    ) -> DeclaredList[ItemT]:
        """Return a list of a scenario, each item once.

        Args:
            name: Which of the sequences or comparators it is.
        """

        def declare(changed: list[Any]) -> None:
            self.require_open()
            where = (f"SCENARIO.{scenario_id}", key if name is None else f"{key}.{name}")
            fault, objects = self.faults.get(where), self.objects.get(where, [])
            # The items that were refused are not in the list.
            refused = [InvalidValue(fault.message)] if fault and changed else []
            self._declare_of_scenario(scenario_id, key, name, [*changed, *refused])
            if objects:
                self.objects.setdefault(where, []).extend(objects)

        return DeclaredList(dict.fromkeys(items), declare)

    def _make_named_values(
        self, scenario_id: str, table: str, values: Mapping[str, Any]
    ) -> NamedValues:
        def declare(name: str, value: object) -> None:
            self.require_open()
            if value is None:
                self.remove_from_scenario(self.scenarios[scenario_id], table, [name])
            else:
                self._declare_of_scenario(scenario_id, table, name, value)

        if table == "outcomes":
            return NamedValues(_without_none(values), declare)
        lists = {
            name: self._make_list(scenario_id, table, items, name) for name, items in values.items()
        }
        # As with Taipy, only the comparators of a data node that has none are an empty list.
        make_missing = partial(self._make_missing_list, scenario_id, table)
        return NamedValues(lists, declare, make_missing if table == "comparators" else None)

    def _make_missing_list(self, scenario_id: str, table: str, name: str) -> DeclaredList[Any]:
        return self._make_list(scenario_id, table, (), name)

    def _declare_of_scenario(
        self, scenario_id: str, key: str, name: str | None, value: object
    ) -> None:
        given = {key: value if name is None else {name: value}}
        self.overriding.drop(f"SCENARIO.{scenario_id}", given)
        self.declare_scenario(scenario_id, given, find_caller_position(), over=True)

    def change(self, entry: Entry, key: str, value: object) -> None:
        """Change one value of an entry, as a later configure call would; None removes it.

        A key that the entry does not know becomes a custom property.

        Raises:
            AttributeError: It is not a value that can be declared.
        """
        self.require_open()
        names = {item.name for item in fields(entry)} - {"id", "declarations"}
        if key not in names and hasattr(type(entry), key):
            raise AttributeError(f"{key!r} of a {type(entry).__name__} cannot be set")
        if value is None or key == PROPERTIES:
            self.overriding.drop(f"{entry.family}.{entry.id}", {key: None, PROPERTIES: {key: None}})
            self._clear(entry, key, is_field=key in names)
        if value is None:
            return
        known = {*names, *find_known_keys(entry)} - {PROPERTIES}
        values = dict(value) if key == PROPERTIES and isinstance(value, Mapping) else {key: value}
        given: dict[str, Any] = {name: values[name] for name in values if name in known}
        given[PROPERTIES] = {name: values[name] for name in values if name not in known}
        self.overriding.drop(f"{entry.family}.{entry.id}", given)
        declare: dict[str, Callable[[str, Mapping[str, Any], str], Entry]] = {
            "DATA_NODE": self.declare_data_node,
            "TASK": self.declare_task,
            "SCENARIO": self.declare_scenario,
        }
        overwrite(entry, declare[entry.family](entry.id, given, find_caller_position()))

    def _clear(self, entry: Entry, key: str, *, is_field: bool) -> None:
        blank = type(entry)(id=entry.id, declarations=self)  # type: ignore[call-arg]
        if is_field:
            changes = {key: getattr(blank, key)}
        else:
            changes = {PROPERTIES: {**entry.properties}}
            changes[PROPERTIES].pop(key, None)
        overwrite(entry, replace(entry, **changes))
        self.faults.pop((f"{entry.family}.{entry.id}", key), None)
        self.objects.pop((f"{entry.family}.{entry.id}", key), None)

    def find_object(self, entry: Entry, key: str) -> Any:
        """Return the function or class that was passed for a key; None if it was named."""
        found = self.objects.get((f"{entry.family}.{entry.id}", key))
        return found[-1][1] if found else None

    def reject_default(self, family: str, origin: str) -> None:
        """Record the fault that an entry was declared under the id of the defaults."""
        entry_name = f"{family}.{DEFAULT_ID}"
        self.faults[entry_name, ""] = ConfigProblem(
            f"{origin}: {entry_name}",
            f"the id {DEFAULT_ID!r} is reserved for the defaults of the other entries; rename it, "
            f"or call set_default_{family.lower()}_configuration to declare defaults",
        )

    def drop_default(self, family: str) -> None:
        """Discard the defaults of a family, because they are about to be declared."""
        self.defaults.pop(family, None)

    def accept_default(self, family: str) -> None:
        """Remove the fault of `reject_default`: the defaults were intended."""
        self.faults.pop((f"{family}.{DEFAULT_ID}", ""), None)

    def add_sequences(self, scenario: ScenarioConfig, sequences: Mapping[str, object]) -> None:
        self._redeclare(scenario, {"sequences": sequences})

    def remove_from_scenario(
        self, scenario: ScenarioConfig, table: str, names: Iterable[str]
    ) -> None:
        """Remove names from the sequences or comparators of a scenario: all of them or none.

        Raises:
            InvalidError: The scenario does not have one of them.
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
        removed = set(getattr(scenario, table)) - set(present)
        self.overriding.drop(f"SCENARIO.{scenario.id}", {table: dict.fromkeys(removed)})
        for name in removed:
            where = (f"SCENARIO.{scenario.id}", f"{table}.{name}")
            self.faults.pop(where, None)
            self.objects.pop(where, None)
        changes: dict[str, Any] = {table: self._make_named_values(scenario.id, table, present)}
        overwrite(scenario, replace(scenario, **changes))

    def declare_section(
        self, entry_name: str, base: SectionT, given: Mapping[str, Any], origin: str
    ) -> SectionT:
        """Change the given values of *base*, and return it."""
        names = {item.name for item in fields(base)} - {"properties"}
        present = {name: getattr(base, name) for name in names} | dict(base.properties)
        values = self.declare_table(entry_name, present, given, origin, known=names)
        for name in names:
            setattr(base, name, values.pop(name))
        base.properties = values
        return base

    def declare_table(
        self,
        entry_name: str,
        base: Mapping[str, Any],
        given: Mapping[str, Any],
        origin: str,
        known: Collection[str] = (),
    ) -> dict[str, Any]:
        """Return a section as a table: *base* with the given values changed.

        Args:
            known: The keys that it accepts besides those of `SECTION_KEYS`.
        """
        keys = {*SECTION_KEYS.get(entry_name, ()), *known}
        given = self.overriding.apply(entry_name, given)
        return self._make_draft(entry_name, given, origin).merge_properties(base, keys)

    def _make_draft(
        self, entry_name: str, given: Mapping[str, Any], origin: str, *, fresh: bool = False
    ) -> Draft:
        self.origins[entry_name] = origin
        if fresh:
            for where in [where for where in self.faults if where[0] == entry_name]:
                del self.faults[where]
        return Draft(self.faults, self.objects, entry_name, given, origin)

    def _get_default(self, family: str, id: str) -> Any:
        return None if id == DEFAULT_ID else self.defaults.get(family)

    def _get_existing(self, family: str, entries: Mapping[str, EntryT], id: str) -> EntryT | None:
        return self.defaults.get(family) if id == DEFAULT_ID else entries.get(id)

    def _redeclare(self, scenario: ScenarioConfig, given: Mapping[str, Any]) -> None:
        self.require_open()
        self.overriding.drop(f"SCENARIO.{scenario.id}", given)
        origin = self.origins[f"SCENARIO.{scenario.id}"]
        self.declare_scenario(scenario.id, given, origin, over=True)

    def _store(self, family: str, entries: dict[str, EntryT], entry: EntryT) -> EntryT:
        existing = self._get_existing(family, entries, entry.id)
        if existing is not None:
            overwrite(existing, entry)
            return existing
        if entry.id == DEFAULT_ID:
            self.defaults[family] = entry
        else:
            entries[entry.id] = entry
        return entry


def _expand_schema(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace a schema that is given as a type by a JSON Schema, and the name of the type."""
    if given.get(SCHEMA) is None:
        return given
    try:
        return {**given, **describe_type(given[SCHEMA]), **_get_schema_type(given)}
    except InvalidError as error:
        return {**given, SCHEMA: InvalidValue(error.message)}


def _get_schema_type(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the name of the type if it is given beside a schema, as in an exported file."""
    name = given.get(SCHEMA_TYPE)
    return {} if name is None else {SCHEMA_TYPE: name}


def _without_empty_type(properties: dict[str, Any]) -> dict[str, Any]:
    """Drop the name of the type if there is none: then functions get plain data."""
    if properties.get(SCHEMA_TYPE) == "":
        del properties[SCHEMA_TYPE]
    return properties


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}

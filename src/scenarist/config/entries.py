"""The entries of a registry: data nodes, tasks and scenarios, and the sections."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from scenarist.config.declared_values import DeclaredList, HandedOutCopy, NamedValues
from scenarist.config.keys import (
    DEFAULT_VALUES,
    FUNCTION_KEYS,
    SCENARIO_KEYS,
    TASK_KEYS,
    known_keys,
)
from scenarist.config.names import FunctionName, look_up
from scenarist.config.values import resolve
from scenarist.domain.lifecycle import LOST_LIMIT
from scenarist.domain.vocabulary import Frequency, Scope

Function = Callable[..., Any] | str
"""A function of a module, or its name ``package.module:name``."""

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
"""The ports of databases, where ``db_port`` is not given."""

Exceptions = type[BaseException] | str | Sequence[type[BaseException] | str]
"""Classes of exceptions, or their names: ``ConnectionError``, ``package.module:Name``."""


EntryT = TypeVar("EntryT", bound="Entry")


class EntryDeclarations(Protocol):
    """The part of the declarations that changes an entry."""

    def change(self, entry: "Entry", key: str, value: object) -> None: ...

    def find_object(self, entry: "Entry", key: str) -> Any: ...

    def add_sequences(
        self, scenario: "ScenarioConfig", sequences: Mapping[str, object]
    ) -> None: ...

    def remove_from_scenario(
        self, scenario: "ScenarioConfig", table: str, names: Iterable[str]
    ) -> None: ...


@dataclass(kw_only=True, slots=True, eq=False)
class Entry:
    """A declaration. Its registry changes it in place, so every reference sees the latest.

    Each property is also an attribute, with references to the environment replaced; one that is
    not given has the value that its storage assumes, or else is None. To set an attribute is the
    same as to pass it to the configure function again; None removes it.
    """

    family: ClassVar[str]
    id: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = resolve(self.properties.get(name))
        if value is None:
            # Without a property of that name, the name is that of the section, as Taipy has it.
            return self.family if name == "name" else self._find_default_value(name)
        if name in FUNCTION_KEYS and isinstance(value, str) and ":" in value:
            return self._find_object(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        # The declarations are the last field: without them the entry is still being created.
        try:
            declarations = object.__getattribute__(self, "declarations")
        except AttributeError:
            declarations = None
        if declarations is None:
            object.__setattr__(self, name, value)
        else:
            declarations.change(self, name, value)

    def __getstate__(self) -> list[Any]:
        return [object.__getattribute__(self, item.name) for item in fields(self)]

    def __setstate__(self, state: list[Any]) -> None:
        for item, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, item.name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.id == self.id

    def __hash__(self) -> int:
        return hash((type(self), self.id))

    def _find_default_value(self, name: str) -> Any:
        return None

    def _find_object(self, key: str, name: str) -> Any:
        """Return the function or class of a name: the one that was passed, if any."""
        declarations = object.__getattribute__(self, "declarations")
        found = None if declarations is None else declarations.find_object(self, key)
        return look_up(name) if found is None else found


@dataclass(kw_only=True, slots=True, eq=False)
class DataNodeConfig(Entry):
    """A data node as declared.

    Args:
        properties: Those of its storage (``default_path``, ``has_header``, …) and custom ones,
            with unresolved references to the environment.
    """

    family: ClassVar[str] = "DATA_NODE"
    storage_type: str = "pickle"
    scope: Scope = Scope.SCENARIO
    validity_period: timedelta | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    declarations: EntryDeclarations | None = field(default=None, repr=False)

    def _find_default_value(self, name: str) -> Any:
        if name == "db_port" and self.storage_type in {"sql", "sql_table"}:
            return _PORTS.get(self.db_engine, _PORTS["mssql"])
        return DEFAULT_VALUES.get(self.storage_type, {}).get(name)

    @property
    def is_readable(self) -> bool:
        """Whether it declares how to read its value, if the storage requires that."""
        return self._declares_any({"sql": ("read_query",), "generic": ("read_fct",)})

    @property
    def is_read_only(self) -> bool:
        """Whether it may not be written, or does not declare how to write it."""
        writers = ("write_query_builder", "append_query_builder")
        is_written = self._declares_any({"sql": writers, "generic": ("write_fct",)})
        return bool(self.properties.get("read_only")) or not is_written

    def _declares_any(self, keys_by_type: Mapping[str, tuple[str, ...]]) -> bool:
        keys = keys_by_type.get(self.storage_type)
        return keys is None or any(key in self.properties for key in keys)


@dataclass(kw_only=True, slots=True, eq=False)
class TaskConfig(Entry):
    """A task as declared: a function, by name, over ordered inputs and outputs.

    Args:
        function: ``package.module:name``; empty if it is missing or invalid. It can be called.
        retry_on: Exceptions by name, ``package.module:Name``; empty for all.
        retries_after_loss: How often it runs again after its process was lost.
        fresh: Whether each of its jobs gets its own process.
        cache: Whether its outputs are taken from an earlier job with the same cache key.
    """

    family: ClassVar[str] = "TASK"
    function: FunctionName = field(default_factory=FunctionName)
    inputs: list[DataNodeConfig] = field(default_factory=list)
    outputs: list[DataNodeConfig] = field(default_factory=list)
    skippable: bool = False
    timeout: timedelta | None = None
    retries: int = 0
    retry_delay: timedelta = timedelta(seconds=1)
    retry_on: tuple[str, ...] = ()
    retries_after_loss: int = LOST_LIMIT - 1
    fresh: bool = False
    cache: bool = False
    cache_version: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    declarations: EntryDeclarations | None = field(default=None, repr=False)

    @property
    def input_configs(self) -> list[DataNodeConfig]:
        return self.inputs

    @property
    def output_configs(self) -> list[DataNodeConfig]:
        return self.outputs

    @property
    def scope(self) -> Scope:
        """The narrowest scope of its data nodes; GLOBAL if it has none."""
        return min((node.scope for node in self.inputs + self.outputs), default=Scope.GLOBAL)


@dataclass(kw_only=True, slots=True, eq=False)
class ScenarioConfig(Entry):
    """A scenario as declared: its tasks in order, additional data nodes, sequences and so on.

    To change a list or table of them, such as by ``scenario.tasks.append(task)``, declares it
    again.

    Args:
        comparators: Names of functions, which can be called, by data node id.
        outcomes: Each an `Outcome`, by name.
    """

    family: ClassVar[str] = "SCENARIO"
    tasks: list[TaskConfig] = field(default_factory=DeclaredList)
    additional_data_nodes: list[DataNodeConfig] = field(default_factory=DeclaredList)
    frequency: Frequency | None = None
    comparators: Mapping[str, list[FunctionName]] = field(default_factory=dict)
    outcomes: Mapping[str, Any] = field(default_factory=dict)
    sequences: Mapping[str, list[TaskConfig]] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    declarations: EntryDeclarations = field(repr=False)

    @property
    def data_nodes(self) -> list[DataNodeConfig]:
        """The data nodes of the tasks, then the additional ones; each once, in order of use."""
        used = [node for task in self.tasks for node in (*task.inputs, *task.outputs)]
        return list(dict.fromkeys((*used, *self.additional_data_nodes)))

    @property
    def task_configs(self) -> list[TaskConfig]:
        return self.tasks

    @property
    def data_node_configs(self) -> list[DataNodeConfig]:
        return self.data_nodes

    @property
    def additional_data_node_configs(self) -> list[DataNodeConfig]:
        return self.additional_data_nodes

    def add_sequences(self, sequences: Mapping[str, "Tasks"]) -> None:
        """Add sequences by name; a name that exists is replaced."""
        self.declarations.add_sequences(self, sequences)

    def remove_sequences(self, sequence_names: str | Sequence[str]) -> None:
        """Remove sequences by name.

        Raises:
            InvalidError: The scenario has no sequence of that name.
        """
        names = [sequence_names] if isinstance(sequence_names, str) else list(sequence_names)
        self.declarations.remove_from_scenario(self, "sequences", names)

    def add_comparator(self, dn_config_id: str, comparator: Function) -> None:
        """Add a function that compares the values of a data node in several scenarios."""
        comparators: list[Any] = self.comparators[dn_config_id]
        comparators.append(comparator)

    def delete_comparator(self, dn_config_id: str) -> None:
        """Remove the comparators of a data node, if it has any."""
        names = [dn_config_id] if dn_config_id in self.comparators else []
        self.declarations.remove_from_scenario(self, "comparators", names)


for _class, _names in (
    (DataNodeConfig, ("properties",)),
    (TaskConfig, ("inputs", "outputs", "properties")),
    (ScenarioConfig, ("properties",)),
):
    for _name in _names:
        setattr(_class, _name, HandedOutCopy(vars(_class)[_name]))


DataNodes = DataNodeConfig | str | Sequence[DataNodeConfig | str]
"""One or several data nodes: objects returned by a configure function, or ids."""

Tasks = TaskConfig | str | Sequence[TaskConfig | str]
"""One or several tasks: objects returned by a configure function, or ids."""


class UniqueSection:
    """A section of which there is one. Its properties are attributes too; others are None.

    A value may be a reference to the environment.
    """

    __slots__ = ()
    properties: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return resolve(self.properties.get(name))

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_") or hasattr(type(self), name):
            object.__setattr__(self, name, value)
        else:
            self.properties = {**self.properties, name: value}


@dataclass(kw_only=True, slots=True)
class JobConfig(UniqueSection):
    """The section [JOB]."""

    name: ClassVar[str] = "JOB"
    mode: str = "development"
    max_nb_of_workers: int | str | None = None  #: None: the setting ``workers`` decides
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_standalone(self) -> bool:
        return self.mode == "standalone"

    @property
    def is_development(self) -> bool:
        return self.mode == "development"


@dataclass(kw_only=True, slots=True)
class CoreConfig(UniqueSection):
    """The section [CORE]."""

    name: ClassVar[str] = "CORE"
    root_folder: str = "./taipy/"
    storage_folder: str = "user_data/"
    taipy_storage_folder: str = ".taipy/"
    repository_type: str = "filesystem"
    repository_properties: Mapping[str, Any] = field(default_factory=dict)
    read_entity_retry: int | str = 1
    mode: str = "development"
    version_number: str = ""
    force: bool | str = False
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True, slots=True)
class AuthenticationConfig(UniqueSection):
    """The section [AUTHENTICATION]."""

    name: ClassVar[str] = "AUTHENTICATION"
    protocol: str | None = None
    roles: Mapping[str, Sequence[str]] | None = None
    passwords: Mapping[str, str] | None = field(default=None, repr=False)
    server: str | None = None
    base_dn: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    auth_session_duration: int | str | None = None
    groups: Mapping[str, Sequence[str]] | None = None  #: roles by group name
    issuer: str | None = None
    audience: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)


class GlobalAppConfig(Mapping[str, Any]):
    """The section [TAIPY]: its properties by name, and as attributes with resolved references."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        object.__setattr__(self, "_read", read)

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"GlobalAppConfig({dict(self)!r})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'GlobalAppConfig' object has no attribute {name!r}")
        return resolve(self.get(name))

    def __setattr__(self, name: str, value: object) -> None:
        if hasattr(type(self), name):
            raise AttributeError(f"{name!r} of the section [TAIPY] cannot be set")
        self._read()[name] = value

    @property
    def properties(self) -> dict[str, Any]:
        return dict(self)


class Entries(Mapping[str, EntryT]):
    """The entries of a family by id.

    The entry ``default``, which supplies what others omit, can be looked up but is not listed.
    """

    __slots__ = ("_default", "_entries")

    def __init__(self, entries: Mapping[str, EntryT], default: EntryT) -> None:
        self._entries = entries
        self._default = default

    @property
    def family(self) -> str:
        return self._default.family

    def __getitem__(self, id: str) -> EntryT:
        if id == self._default.id and id not in self._entries:
            return self._default
        return self._entries[id]

    def __contains__(self, id: object) -> bool:
        return id in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(dict(self._entries))


def find_known_keys(entry: Entry) -> Collection[str]:
    """Return the keys that an entry accepts besides its fields."""
    if isinstance(entry, DataNodeConfig):
        return known_keys(entry.storage_type)
    return TASK_KEYS if isinstance(entry, TaskConfig) else SCENARIO_KEYS


def overwrite(entry: Entry, newer: Entry) -> None:
    """Copy the fields of a newer declaration into an existing entry, so references see them."""
    for name in (item.name for item in fields(newer)):
        value, present = getattr(newer, name), getattr(entry, name)
        if isinstance(present, DeclaredList | NamedValues) and value is not present:
            present.take(value)
        else:
            object.__setattr__(entry, name, value)

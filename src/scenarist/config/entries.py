"""The entries of a registry: data nodes, tasks and scenarios, and the sections."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, Protocol

from scenarist.domain.lifecycle import LOST_LIMIT
from scenarist.domain.vocabulary import Frequency, Scope

Function = Callable[..., Any] | str
"""A function of a module, or its name ``package.module:name``."""

Exceptions = type[BaseException] | str | Sequence[type[BaseException] | str]
"""Classes of exceptions, or their names: ``ConnectionError``, ``package.module:Name``."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Entry:
    """A declaration. Only its registry changes it, in place, so every reference sees the latest."""

    id: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.id == self.id

    def __hash__(self) -> int:
        return hash((type(self), self.id))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DataNodeConfig(Entry):
    """A data node as declared.

    Args:
        properties: Those of its storage (``default_path``, ``has_header``, …) and custom ones,
            with unresolved references to the environment.
    """

    storage_type: str = "pickle"
    scope: Scope = Scope.SCENARIO
    validity_period: timedelta | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)

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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskConfig(Entry):
    """A task as declared: a function, by name, over ordered inputs and outputs.

    Args:
        function: ``package.module:name``; empty if it is missing or invalid.
        retry_on: Exceptions by name, ``package.module:Name``; empty for all.
        retries_after_loss: How often it runs again after its process was lost.
        fresh: Whether each of its jobs gets its own process.
    """

    function: str = ""
    inputs: tuple[DataNodeConfig, ...] = ()
    outputs: tuple[DataNodeConfig, ...] = ()
    skippable: bool = False
    timeout: timedelta | None = None
    retries: int = 0
    retry_delay: timedelta = timedelta(seconds=1)
    retry_on: tuple[str, ...] = ()
    retries_after_loss: int = LOST_LIMIT - 1
    fresh: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


class ScenarioDeclarations(Protocol):
    """The part of the declarations that changes the entry of a scenario."""

    def add_sequences(
        self, scenario: "ScenarioConfig", sequences: Mapping[str, object]
    ) -> None: ...

    def add_comparator(
        self, scenario: "ScenarioConfig", data_node_id: str, function: object
    ) -> None: ...

    def remove_from_scenario(
        self, scenario: "ScenarioConfig", table: str, names: Iterable[str]
    ) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScenarioConfig(Entry):
    """A scenario as declared: its tasks in order, additional data nodes, sequences and so on."""

    tasks: tuple[TaskConfig, ...] = ()
    additional_data_nodes: tuple[DataNodeConfig, ...] = ()
    frequency: Frequency | None = None
    comparators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sequences: Mapping[str, tuple[TaskConfig, ...]] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    declarations: "ScenarioDeclarations" = field(repr=False)

    @property
    def data_nodes(self) -> tuple[DataNodeConfig, ...]:
        """The data nodes of the tasks, then the additional ones; each once, in order of use."""
        used = [node for task in self.tasks for node in (*task.inputs, *task.outputs)]
        return tuple(dict.fromkeys((*used, *self.additional_data_nodes)))

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
        self.declarations.add_comparator(self, dn_config_id, comparator)

    def delete_comparator(self, dn_config_id: str) -> None:
        """Remove the comparators of a data node.

        Raises:
            InvalidError: The data node has no comparator in the scenario.
        """
        self.declarations.remove_from_scenario(self, "comparators", [dn_config_id])


DataNodes = DataNodeConfig | str | Sequence[DataNodeConfig | str]
"""One or several data nodes: objects returned by a configure function, or ids."""

Tasks = TaskConfig | str | Sequence[TaskConfig | str]
"""One or several tasks: objects returned by a configure function, or ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobConfig:
    """The section [JOB]. A value may be a reference to the environment."""

    mode: str | None = None
    max_nb_of_workers: int | str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class CoreConfig:
    """The section [CORE]. A value may be a reference to the environment."""

    root_folder: str | None = None
    storage_folder: str | None = None
    taipy_storage_folder: str | None = None
    repository_type: str | None = None
    repository_properties: Mapping[str, Any] | None = None
    read_entity_retry: int | str | None = None
    mode: str | None = None
    version_number: str | None = None
    force: bool | str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthenticationConfig:
    """The section [AUTHENTICATION]. A value may be a reference to the environment."""

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


def overwrite(entry: Entry, newer: Entry) -> None:
    """Copy the fields of a newer declaration into an existing entry, so references see them."""
    for name in (item.name for item in fields(newer)):
        object.__setattr__(entry, name, getattr(newer, name))

"""The functions and classes that declarations name, and how each of them is called."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scenarist.config.declarations import Declarations
from scenarist.config.entries import DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.config.keys import known_keys
from scenarist.config.values import is_environment_reference


class Role(StrEnum):
    """The purpose of a function or class."""

    TASK = "task"
    COMPARATOR = "comparator"
    FUNCTION = "function"  #: of a data node
    CLASS = "class"
    ENCODER = "encoder"
    DECODER = "decoder"
    EXCEPTION = "exception"


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A function or class that a declaration names.

    Args:
        arguments: The number of positional arguments that it is called with; comparators get two
            or more. None if a mistake in the declaration makes the number unknown.
        code: The result of `looking.code_of` for the object that was passed, if any.
    """

    place: str
    key: str
    name: str
    role: Role
    arguments: int | None = 0
    code: str | None = None


_ROLES = {
    "encoder": Role.ENCODER,
    "decoder": Role.DECODER,
    "custom_document": Role.CLASS,
    "read_fct": Role.FUNCTION,
    "write_fct": Role.FUNCTION,
    "write_query_builder": Role.FUNCTION,
    "append_query_builder": Role.FUNCTION,
}
_WITH_A_VALUE = {"write_fct", "write_query_builder", "append_query_builder"}


def iter_uses(declarations: Declarations) -> Iterator[Use]:
    for node in declarations.data_nodes.values():
        yield from _uses_of_data_node(node)
    for task in declarations.tasks.values():
        yield from _uses_of_task(task, (f"TASK.{task.id}", "inputs") not in declarations.faults)
    for scenario in declarations.scenarios.values():
        yield from _uses_of_scenario(scenario)


def _uses_of_data_node(node: DataNodeConfig) -> Iterator[Use]:
    place = f"DATA_NODE.{node.id}"
    for key, role in _ROLES.items():
        name = node.properties.get(key)
        if key not in known_keys(node.storage_type) or name is None:
            continue
        if not is_environment_reference(name):
            count = (key in _WITH_A_VALUE) + _count(node.properties.get(f"{key}_args"))
            yield Use(place=place, key=key, name=str(name), role=role, arguments=count)
    for name in _exposed_classes(node.properties):
        yield Use(place=place, key="exposed_type", name=name, role=Role.CLASS)


def _exposed_classes(properties: Mapping[str, Any]) -> Iterator[str]:
    exposed = properties.get("exposed_type")
    if isinstance(exposed, Mapping):
        exposed = list(exposed.values())
    for name in exposed if isinstance(exposed, list | tuple) else [exposed]:
        # Other texts are words such as "pandas".
        if isinstance(name, str) and ":" in name and not is_environment_reference(name):
            yield name


def _count(arguments: object) -> int:
    if arguments is None:
        return 0
    return len(arguments) if isinstance(arguments, list | tuple) else 1


def _uses_of_task(task: TaskConfig, has_inputs: bool) -> Iterator[Use]:
    place = f"TASK.{task.id}"
    if task.function:
        count = len(task.inputs) if has_inputs else None
        yield Use(place=place, key="function", name=task.function, role=Role.TASK, arguments=count)
    for name in task.retry_on:
        yield Use(place=place, key="retry_on", name=name, role=Role.EXCEPTION)


def _uses_of_scenario(scenario: ScenarioConfig) -> Iterator[Use]:
    for node_id, names in scenario.comparators.items():
        for name in names:
            yield Use(
                place=f"SCENARIO.{scenario.id}",
                key=f"comparators.{node_id}",
                name=name,
                role=Role.COMPARATOR,
            )

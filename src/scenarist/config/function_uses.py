"""The functions and classes that declarations name, and how each of them is called."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scenarist.config.declarations import Declarations
from scenarist.config.entries import DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.config.keys import known_keys
from scenarist.config.values import is_environment_reference


class FunctionRole(StrEnum):
    """The purpose of a function or class."""

    TASK = "task"
    COMPARATOR = "comparator"
    FUNCTION = "function"  #: of a data node
    CLASS = "class"
    ENCODER = "encoder"
    DECODER = "decoder"
    EXCEPTION = "exception"


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionUse:
    """A function or class that a declaration names.

    Args:
        arguments: The number of positional arguments that it is called with; comparators get two
            or more. None if a mistake in the declaration makes the number unknown.
        code: The `digest_code` of the object that was passed, if any.
    """

    entry_name: str
    key: str
    name: str
    role: FunctionRole
    arguments: int | None = 0
    code: str | None = None


_ROLES = {
    "encoder": FunctionRole.ENCODER,
    "decoder": FunctionRole.DECODER,
    "custom_document": FunctionRole.CLASS,
    "read_fct": FunctionRole.FUNCTION,
    "write_fct": FunctionRole.FUNCTION,
    "write_query_builder": FunctionRole.FUNCTION,
    "append_query_builder": FunctionRole.FUNCTION,
}
_RECEIVES_VALUE = {"write_fct", "write_query_builder", "append_query_builder"}


def iter_function_uses(declarations: Declarations) -> Iterator[FunctionUse]:
    for node in declarations.data_nodes.values():
        yield from _iter_data_node_uses(node)
    for task in declarations.tasks.values():
        yield from _iter_task_uses(task, (f"TASK.{task.id}", "inputs") not in declarations.faults)
    for scenario in declarations.scenarios.values():
        yield from _iter_scenario_uses(scenario)


def _iter_data_node_uses(node: DataNodeConfig) -> Iterator[FunctionUse]:
    entry_name = f"DATA_NODE.{node.id}"
    for key, role in _ROLES.items():
        name = node.properties.get(key)
        if key not in known_keys(node.storage_type) or name is None:
            continue
        if not is_environment_reference(name):
            count = (key in _RECEIVES_VALUE) + _count_arguments(node.properties.get(f"{key}_args"))
            yield FunctionUse(
                entry_name=entry_name, key=key, name=str(name), role=role, arguments=count
            )
    for name in _iter_exposed_classes(node.properties):
        yield FunctionUse(
            entry_name=entry_name, key="exposed_type", name=name, role=FunctionRole.CLASS
        )


def _iter_exposed_classes(properties: Mapping[str, Any]) -> Iterator[str]:
    exposed = properties.get("exposed_type")
    if isinstance(exposed, Mapping):
        exposed = list(exposed.values())
    for name in exposed if isinstance(exposed, list | tuple) else [exposed]:
        # Other texts are words such as "pandas".
        if isinstance(name, str) and ":" in name and not is_environment_reference(name):
            yield name


def _count_arguments(arguments: object) -> int:
    if arguments is None:
        return 0
    return len(arguments) if isinstance(arguments, list | tuple) else 1


def _iter_task_uses(task: TaskConfig, has_inputs: bool) -> Iterator[FunctionUse]:
    entry_name = f"TASK.{task.id}"
    if task.function:
        count = len(task.inputs) if has_inputs else None
        yield FunctionUse(
            entry_name=entry_name,
            key="function",
            name=task.function,
            role=FunctionRole.TASK,
            arguments=count,
        )
    for name in task.retry_on:
        yield FunctionUse(
            entry_name=entry_name, key="retry_on", name=name, role=FunctionRole.EXCEPTION
        )


def _iter_scenario_uses(scenario: ScenarioConfig) -> Iterator[FunctionUse]:
    for node_id, names in scenario.comparators.items():
        for name in names:
            yield FunctionUse(
                entry_name=f"SCENARIO.{scenario.id}",
                key=f"comparators.{node_id}",
                name=name,
                role=FunctionRole.COMPARATOR,
            )

"""The check of all declarations: reports every mistake in one run."""

import keyword
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from scenarist.config.check_authentication import check_authentication
from scenarist.config.check_caching import find_cache_warnings
from scenarist.config.check_functions import check_functions
from scenarist.config.check_locations import (
    check_placeholders,
    check_secret_placeholders,
    check_shared_locations,
    find_location_warnings,
)
from scenarist.config.check_scenarios import check_scenario
from scenarist.config.check_sections import (
    check_environment,
    check_label,
    check_number,
    check_word,
    values_of,
)
from scenarist.config.check_storages import check_data_node
from scenarist.config.declarations import Declarations
from scenarist.config.drafts import ConfigProblem
from scenarist.config.entries import (
    CoreConfig,
    DataNodeConfig,
    Entry,
    JobConfig,
    TaskConfig,
)
from scenarist.config.function_inspection import InspectUses
from scenarist.config.value_schemas import SCHEMA, SCHEMA_TYPE, UNNAMED, find_schema_fault
from scenarist.config.values import iter_environment_faults, resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.resources import RESOURCE_PARSERS
from scenarist.domain.secrets import SECRETS_KEY, iter_names

Findings = Iterator[tuple[str, str]]
"""Keys of one entry, each with a message: what is wrong, and how to fix it."""

_RESERVED = ("CYCLE", "SCENARIO", "SEQUENCE", "TASK", "DATANODE")
_JOB_MODES = ("development", "standalone", "cluster")


WriteInitialValue = Callable[[DataNodeConfig], str | None]
"""Writes the initial value of a data node to a temporary folder; returns the error, or None."""


def find_problems(
    declarations: Declarations,
    inspect: InspectUses | None = None,
    write: WriteInitialValue | None = None,
) -> list[ConfigProblem]:
    """Return all problems of the declarations.

    Args:
        inspect: Inspects the named functions; without it they are imported in this process.
        write: Tries to write the initial value of each data node without other problems.
    """
    problems = list(declarations.faults.values())
    wrong = {entry_name for entry_name, _ in declarations.faults}
    for entry_name, findings in _iter_findings(declarations, inspect):
        for key, message in findings:
            wrong.add(entry_name)
            # Do not report a fault again that was recorded at the declaration.
            if (entry_name, key) not in declarations.faults:
                problems.append(_make_problem(declarations, entry_name, key, message))
    if write is None:
        return problems
    for node in declarations.data_nodes.values():
        entry_name = f"DATA_NODE.{node.id}"
        if "default_data" in node.properties and entry_name not in wrong:
            fault = write(node)
            if fault is not None:
                problems.append(_make_problem(declarations, entry_name, "default_data", fault))
    return problems


def _make_problem(
    declarations: Declarations, entry_name: str, key: str, message: str
) -> ConfigProblem:
    origin = declarations.origins.get(entry_name)
    prefix = f"{origin}: {entry_name}" if origin else entry_name
    return ConfigProblem(f"{prefix}.{key}" if key else prefix, message)


def find_warnings(declarations: Declarations) -> list[ConfigProblem]:
    """Return warnings: declarations that work but may not be intended."""
    nodes = declarations.data_nodes.values()
    found = [
        *find_location_warnings(
            nodes, declarations.tasks.values(), declarations.scenarios.values()
        ),
        *_find_type_warnings(nodes),
        *(ConfigProblem(*found) for found in find_cache_warnings(declarations.tasks.values())),
    ]
    return [
        ConfigProblem(f"{origin}: {item.where}" if origin else item.where, item.message)
        for item in found
        for origin in [declarations.origins.get(item.where)]
    ]


def _find_type_warnings(nodes: Iterable[DataNodeConfig]) -> Iterator[ConfigProblem]:
    for node in nodes:
        if node.properties.get(SCHEMA_TYPE) == UNNAMED:
            yield ConfigProblem(
                f"DATA_NODE.{node.id}",
                "workers cannot import the type of its schema, so functions get plain data; define "
                "the type at the top of a module of its own",
            )


def _iter_findings(
    declarations: Declarations, inspect: InspectUses | None
) -> Iterator[tuple[str, Findings]]:
    yield "TAIPY", check_environment(declarations.global_app)
    yield "SCENARIST", check_environment(declarations.settings)
    yield "CORE", _check_core_section(declarations.core)
    yield "JOB", _check_job_section(declarations.jobs)
    yield "AUTHENTICATION", check_authentication(declarations.authentication)
    owners: dict[str, str] = {}
    for node in declarations.data_nodes.values():
        entry_name = f"DATA_NODE.{node.id}"
        yield entry_name, _check_id(node.id, owners, entry_name)
        yield entry_name, check_data_node(node)
        yield entry_name, _check_schema(node.properties)
        yield entry_name, check_placeholders(node)
        yield entry_name, check_environment(node.properties)
        yield entry_name, _check_plain_values(node.properties, besides="default_data")
        yield entry_name, _check_declared_secrets(node.properties)
    for task in declarations.tasks.values():
        entry_name = f"TASK.{task.id}"
        yield entry_name, _check_id(task.id, owners, entry_name)
        yield entry_name, _check_task(task)
        yield entry_name, check_environment(task.properties)
        yield entry_name, _check_resources(task.properties)
        yield entry_name, _check_plain_values(task.properties)
        yield entry_name, _check_declared_secrets(task.properties)
    for scenario in declarations.scenarios.values():
        entry_name = f"SCENARIO.{scenario.id}"
        yield entry_name, _check_id(scenario.id, owners, entry_name)
        yield entry_name, check_scenario(scenario)
        yield entry_name, check_shared_locations(scenario)
        yield entry_name, check_secret_placeholders(scenario)
        yield entry_name, check_environment(scenario.properties)
        yield entry_name, _check_plain_values(scenario.properties)
        yield entry_name, _check_declared_secrets(scenario.properties)
    yield "TASK.default", _check_lonely_default(declarations, "TASK", declarations.tasks)
    yield (
        "SCENARIO.default",
        _check_lonely_default(declarations, "SCENARIO", declarations.scenarios),
    )
    for entry_name, key, message in check_functions(declarations, inspect):
        yield entry_name, iter([(key, message)])


def _check_id(id: object, owners: dict[str, str], entry_name: str) -> Findings:
    if not isinstance(id, str) or not id.isidentifier() or keyword.iskeyword(id):
        yield "", f"{id!r} is not a valid id; use letters, digits and _, but not a Python keyword"
        return
    reserved = [word for word in _RESERVED if word in id]
    if reserved:
        yield "", f"the id {id!r} contains {reserved[0]}, which is reserved; rename it"
    owner = owners.setdefault(id, entry_name)
    if owner != entry_name:
        yield "", f"the id {id!r} is already used by {owner}; rename one of the two"


def _check_lonely_default(
    declarations: Declarations, family: str, entries: Mapping[str, Entry]
) -> Findings:
    """Find a default that was meant as an entry: it is complete, and no other entry uses it."""
    default = declarations.defaults.get(family)
    says_all = getattr(default, "function", ()) or getattr(default, "tasks", ())
    if says_all and not entries:
        yield "", "it only supplies defaults, but there is no other entry; give it another id"


def _check_task(task: TaskConfig) -> Findings:
    if not task.function:
        yield "function", "a task needs a function; name one as 'package.module:name'"
    if task.timeout is not None and task.timeout.total_seconds() <= 0:
        yield "timeout", f"the timeout {task.timeout} is not positive; give a longer one"
    yield from _check_retries(task)
    yield from (
        ("outputs", f"data node {id!r} is listed more than once; list each output once")
        for id in _find_repeated(task.outputs)
    )
    for node in task.outputs:
        if node.is_read_only:
            yield (
                "outputs",
                f"data node {node.id!r} is read-only; remove it, or make it writable",
            )
    for node in task.inputs:
        if not node.is_readable:
            yield "inputs", f"data node {node.id!r} cannot be read; declare how to read it"


def _check_retries(task: TaskConfig) -> Findings:
    if task.retries < 0:
        yield "retries", f"{task.retries} is negative; give 0 or more retries"
    if task.retries_after_loss < 0:
        yield (
            "retries_after_loss",
            f"{task.retries_after_loss} is negative; give 0 or more runs after a loss",
        )
    if task.retry_delay.total_seconds() < 0:
        yield "retry_delay", f"the delay {task.retry_delay} is negative; give 0 or more"


def _check_resources(properties: Mapping[str, Any]) -> Findings:
    for key, read in RESOURCE_PARSERS.items():
        value = properties.get(key)
        # `check_environment` reports variables that are not set.
        if value is None or any(iter_environment_faults(value)):
            continue
        try:
            read(resolve(value))
        except InvalidError as error:
            yield key, error.message


def _find_repeated(nodes: Iterable[DataNodeConfig]) -> list[str]:
    ids = [node.id for node in nodes]
    return [id for id in dict.fromkeys(ids) if ids.count(id) > 1]


def _check_core_section(core: CoreConfig) -> Findings:
    yield from check_environment(values_of(core))
    yield from check_label("version_number", core.version_number)


def _check_job_section(jobs: JobConfig) -> Findings:
    yield from check_environment(values_of(jobs))
    yield from check_word("mode", jobs.mode, _JOB_MODES)
    yield from check_number("max_nb_of_workers", jobs.max_nb_of_workers)


def _check_schema(properties: Mapping[str, Any]) -> Findings:
    if SCHEMA in properties and (fault := find_schema_fault(properties[SCHEMA])) is not None:
        yield SCHEMA, fault


def _check_plain_values(values: Mapping[str, Any], besides: str = "") -> Findings:
    for key, value in values.items():
        if key != besides and not _is_plain(value):
            yield (
                key,
                f"a value of type {type(value).__name__} cannot be stored with the entity; "
                "use text, numbers, and lists and tables of them",
            )


def _check_declared_secrets(properties: Mapping[str, Any]) -> Findings:
    declared = properties.get(SECRETS_KEY)
    if declared is None:
        return
    if not isinstance(declared, list | tuple) or not all(
        isinstance(name, str) for name in declared
    ):
        yield (
            SECRETS_KEY,
            f"{type(declared).__name__} is not a list of names; write secrets=['name']",
        )
        return
    names = set(iter_names(properties))
    for name in declared:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "remove it"
            yield SECRETS_KEY, f"there is no property {name!r} that could be secret; {hint}"


def _is_plain(value: object) -> bool:
    match value:
        case None | bool() | int() | float() | str() | datetime() | timedelta():
            return True
        case list() | tuple():
            return all(_is_plain(item) for item in value)
        case Mapping():
            return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
        case _:
            return False

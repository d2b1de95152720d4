"""Preflight: rejects an application with errors before anything is started."""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from scenarist.config import Application, ConfigProblem
from scenarist.config.applications import (
    find_declaration_faults,
    find_shadowing_faults,
    find_shadowing_modules,
)
from scenarist.config.entries import DataNodeConfig
from scenarist.config.function_inspection import inspect_uses_in_worker, to_plain_uses
from scenarist.config.function_uses import FunctionUse
from scenarist.config.value_schemas import SCHEMA, ValueSchema
from scenarist.config.values import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.faults import make_faults_error
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.redaction import redact
from scenarist.executors.base import JobOutcome, JobRequest, WorkerOptions
from scenarist.executors.local.executor import LocalExecutor
from scenarist.server.settings import find_unknown_settings
from scenarist.services.placement import find_shared_variables, register_secrets
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.registry import find_storage, read_json, write_value
from scenarist.storage.tables.json_data import to_json_data

_LOCATION_PROPERTIES = ("path", "default_path", "default_data")
"""Properties of a data node that do not affect how its value is written."""

_POLL_SECONDS = 1.0
"""Time to wait for the outcome before checking whether the worker could start at all."""


def check_application(application: Application, others: Sequence[ConfigProblem] = ()) -> None:
    """Reject an application with errors.

    A worker process, started like those that run jobs, imports the functions; so neither the
    server's process nor what the application has changed in it affects the result.

    Args:
        others: Errors that were found elsewhere, to be reported with these.

    Raises:
        InvalidError: Lists every error, with its location and how to fix it.
    """
    register_secrets(application.registry)
    problems = [
        *_find_declaration_problems(application),
        *_find_secret_problems(application),
        *(
            ConfigProblem("SCENARIST", fault)
            for fault in find_unknown_settings(application.registry.settings)
        ),
        *(ConfigProblem(application.name, fault) for fault in find_declaration_faults(application)),
        *(ConfigProblem(*fault) for fault in find_shadowing_faults(application.own_folders)),
        *others,
    ]
    if problems:
        problems = [replace(problem, message=redact(problem.message)) for problem in problems]
        lines = "\n".join(f"  {problem.where}: {problem.message}" for problem in problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise InvalidError(
            f"the configuration has {count}:\n{lines}",
            errors=[{"field": item.where, "message": item.message} for item in problems],
        )


def _find_secret_problems(application: Application) -> list[ConfigProblem]:
    return [
        ConfigProblem(
            second,
            f"its secret and another one of {first} would be stored in the same environment "
            f"variable, {variable}; rename one of the properties, or take one from a variable with "
            "ENV[…]",
        )
        for variable, first, second in find_shared_variables(application.registry)
    ]


def _find_declaration_problems(application: Application) -> list[ConfigProblem]:
    registry = application.registry
    try:
        return registry.check(
            partial(_inspect_functions, application.search_path), _find_default_value_fault
        )
    except InvalidError as error:
        # Report what can be found without inspecting the functions.
        others = registry.check(lambda uses: [None] * len(uses))
        return [*others, ConfigProblem(application.name, error.message)]


def _find_default_value_fault(node: DataNodeConfig) -> str | None:
    """Return why the default value cannot be written; try it in a temporary folder."""
    if find_storage(node.storage_type).is_external:
        return None
    properties = {
        key: value for key, value in node.properties.items() if key not in _LOCATION_PROPERTIES
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            target = WriteTarget(
                data_node_id=node.id,
                edit_id="check",
                storage_type=node.storage_type,
                folder=folder,
                properties=resolve(properties),
            )
            value = resolve(node.properties["default_data"])
            write_value(value, target)
        except InvalidError as error:
            return error.message
    return _find_default_schema_fault(node, value)


def _find_default_schema_fault(node: DataNodeConfig, value: object) -> str | None:
    """Return where a default value does not fit the schema of its data node."""
    if SCHEMA not in node.properties:
        return None
    faults = ValueSchema(node.properties[SCHEMA]).find_faults(to_json_data(value, None))
    if not faults:
        return None
    return make_faults_error(faults, what="it does not fit the schema", code="").message


def find_warnings(application: Application) -> list[str]:
    """Return warnings about declarations that work but may surprise."""
    hiding = [
        f"{file} has the name of Python's own module {name!r}, which is imported instead; rename "
        "the file"
        for name, file in find_shadowing_modules(application.own_folders)
    ]
    found = application.registry.warnings()
    return hiding + [redact(f"{warning.where}: {warning.message}") for warning in found]


def _inspect_functions(
    search_path: Sequence[str], uses: Sequence[FunctionUse]
) -> Sequence[str | None]:
    """Inspect functions in a worker process; return the fault of each, or None."""
    if not uses:
        return []
    with tempfile.TemporaryDirectory() as folder:
        outcome = _run_in_worker(
            JobRequest(
                number=1,
                attempt=1,
                function=f"{inspect_uses_in_worker.__module__}:{inspect_uses_in_worker.__name__}",
                inputs=(
                    ValueLocation(
                        storage_type="json", content=json.dumps(to_plain_uses(uses)).encode()
                    ),
                ),
                outputs=(
                    WriteTarget(
                        data_node_id="CHECK",
                        edit_id="check",
                        storage_type="json",
                        folder=folder,
                    ),
                ),
            ),
            search_path,
        )
        if outcome.event is not JobEvent.SUCCEEDED:
            raise InvalidError(
                f"the functions cannot be inspected in a worker process: {outcome.reason}; "
                f"importing their modules must not end it\n{outcome.log}".rstrip()
            )
        (written,) = outcome.written
        location = ValueLocation(storage_type="json", uri=written.uri, content=written.content)
        faults: list[str | None] = json.loads(read_json(location))
    return faults


def _run_in_worker(request: JobRequest, search_path: Sequence[str]) -> JobOutcome:
    """Run a request in a new worker process.

    Raises:
        InvalidError: No worker can be started; says why.
    """
    found: Future[JobOutcome] = Future()

    def deliver(outcomes: Sequence[JobOutcome]) -> None:
        for outcome in outcomes:
            found.set_result(outcome)

    options = WorkerOptions(search_path=tuple(search_path))
    executor = LocalExecutor(deliver, size=1, options=options)
    try:
        executor.submit([request])
        while True:
            try:
                return found.result(_POLL_SECONDS)
            except TimeoutError:
                if executor.fault is not None:
                    raise InvalidError(
                        f"no worker process can be started: {executor.fault}"
                    ) from None
    finally:
        executor.close()

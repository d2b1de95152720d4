"""Preflight: rejects an application with errors before anything is started."""

import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from scenarist.config import Application, Problem
from scenarist.config.applications import (
    declaration_faults,
    shadowing_faults,
    shadowing_modules,
)
from scenarist.config.entries import DataNodeConfig
from scenarist.config.function_inspection import look_in_worker, plain_uses
from scenarist.config.function_uses import Use
from scenarist.config.values import resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.redaction import redacted
from scenarist.executors.base import JobOutcome, JobRequest, WorkerTerms
from scenarist.executors.local.executor import LocalExecutor
from scenarist.server.settings import unknown_settings
from scenarist.services.placement import learn_secrets, shared_variables
from scenarist.storage.base import Place, Target
from scenarist.storage.registry import find_storage, read_json, write_value

_PLACES = ("path", "default_path", "default_data")
"""Properties of a data node that do not affect how its value is written."""

_PATIENCE_SECONDS = 1.0
"""Time to wait for the outcome before checking whether the worker could start at all."""


def check(application: Application, others: Sequence[Problem] = ()) -> None:
    """Reject an application with errors.

    A worker process, started like those that run jobs, imports the functions; so neither the
    server's process nor what the application has changed in it affects the result.

    Args:
        others: Errors that were found elsewhere, to be reported with these.

    Raises:
        InvalidError: Lists every error, with its location and how to fix it.
    """
    learn_secrets(application.registry)
    problems = [
        *_problems_of_declarations(application),
        *_problems_of_secrets(application),
        *(Problem("SCENARIST", fault) for fault in unknown_settings(application.registry.settings)),
        *(Problem(application.name, fault) for fault in declaration_faults(application)),
        *(Problem(*fault) for fault in shadowing_faults(application.search_path)),
        *others,
    ]
    if problems:
        problems = [replace(problem, message=redacted(problem.message)) for problem in problems]
        lines = "\n".join(f"  {problem.where}: {problem.message}" for problem in problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise InvalidError(
            f"the configuration has {count}:\n{lines}",
            errors=[{"field": item.where, "message": item.message} for item in problems],
        )


def _problems_of_secrets(application: Application) -> list[Problem]:
    return [
        Problem(
            second,
            f"its secret and another one of {first} would be stored in the same environment "
            f"variable, {variable}; rename one of the properties, or take one from a variable with "
            "ENV[…]",
        )
        for variable, first, second in shared_variables(application.registry)
    ]


def _problems_of_declarations(application: Application) -> list[Problem]:
    registry = application.registry
    try:
        return registry.check(partial(_look, application.search_path), _first_value_fault)
    except InvalidError as error:
        # Report what can be found without inspecting the functions.
        others = registry.check(lambda uses: [None] * len(uses))
        return [*others, Problem(application.name, error.message)]


def _first_value_fault(node: DataNodeConfig) -> str | None:
    """Return why the default value cannot be written; try it in a temporary folder."""
    if find_storage(node.storage_type).is_external:
        return None
    properties = {key: value for key, value in node.properties.items() if key not in _PLACES}
    with tempfile.TemporaryDirectory() as folder:
        try:
            target = Target(
                data_node_id=node.id,
                edit_id="check",
                storage_type=node.storage_type,
                folder=folder,
                properties=resolve(properties),
            )
            write_value(resolve(node.properties["default_data"]), target)
        except InvalidError as error:
            return error.message
    return None


def warnings_of(application: Application) -> list[str]:
    """Return warnings about declarations that work but may surprise."""
    hiding = [
        f"{file} has the name of Python's own module {name!r}, which is imported instead; rename "
        "the file"
        for name, file in shadowing_modules(application.search_path)
    ]
    found = application.registry.warnings()
    return hiding + [redacted(f"{warning.where}: {warning.message}") for warning in found]


def _look(search_path: Sequence[str], uses: Sequence[Use]) -> Sequence[str | None]:
    """Inspect functions in a worker process; return the fault of each, or None."""
    if not uses:
        return []
    with tempfile.TemporaryDirectory() as folder:
        outcome = _outcome_of(
            JobRequest(
                number=1,
                attempt=1,
                function=f"{look_in_worker.__module__}:{look_in_worker.__name__}",
                inputs=(Place(storage_type="json", content=json.dumps(plain_uses(uses)).encode()),),
                outputs=(
                    Target(
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
        place = Place(storage_type="json", uri=written.uri, content=written.content)
        faults: list[str | None] = json.loads(read_json(place))
    return faults


def _outcome_of(request: JobRequest, search_path: Sequence[str]) -> JobOutcome:
    """Run a request in a new worker process.

    Raises:
        InvalidError: No worker can be started; says why.
    """
    found: Future[JobOutcome] = Future()

    def deliver(outcomes: Sequence[JobOutcome]) -> None:
        for outcome in outcomes:
            found.set_result(outcome)

    terms = WorkerTerms(search_path=tuple(search_path))
    executor = LocalExecutor(deliver, size=1, terms=terms)
    try:
        executor.submit([request])
        while True:
            try:
                return found.result(_PATIENCE_SECONDS)
            except TimeoutError:
                if executor.fault is not None:
                    raise InvalidError(
                        f"no worker process can be started: {executor.fault}"
                    ) from None
    finally:
        executor.close()

"""Runs one request in this process, and turns any result or error into an outcome."""

import decimal
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, TypeVar

from scenarist.domain.environment import resolve
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.text import sanitize_text
from scenarist.executors import calls
from scenarist.executors.base import JobOutcome, JobRequest
from scenarist.executors.calls import call_function, split_outputs
from scenarist.executors.isolation.children import exit_fork
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.operations.declared_types import to_declared_type
from scenarist.storage.registry import discard, find_storage, publish, write_value

LocationT = TypeVar("LocationT", ValueLocation, WriteTarget)
ResultT = TypeVar("ResultT")

_OWN_FILES = (__file__, calls.__file__)
_REASON_LIMIT = 1_000
_STACKTRACE_LIMIT = 32 * 1024


def run_request(
    request: JobRequest,
    *,
    before_publish: Callable[[], None] = lambda: None,
    undo: Callable[[], None] = lambda: None,
) -> JobOutcome:
    """Read the inputs, call the function, write the outputs to temporary locations, publish them.

    Never raises, not even `SystemExit` or `KeyboardInterrupt` from the function. Outputs with a
    path named by the user are in place when this returns. All others become visible with the
    commit of their edits.

    Args:
        before_publish: Called when all outputs are written and none is published; may raise.
        undo: Called when the function has ended, before its outputs are written: restores the
            functions of Python that it has replaced.
    """
    return copy_context().run(_run, request, before_publish, undo)


def _run(
    request: JobRequest, before_publish: Callable[[], None], undo: Callable[[], None]
) -> JobOutcome:
    # Changes to the context (numpy.seterr, the precision of decimal) end with this run.
    decimal.setcontext(decimal.getcontext().copy())
    started_at = datetime.now(UTC)
    written: list[WrittenValue] = []
    try:
        function = _find_function(request.function)
        arguments = [
            _call_in_this_process(_read_input, _resolve_properties(location))
            for location in request.inputs
        ]
        result = _call_in_this_process(
            partial(call_function, function, arguments, name=request.function, undo=undo)
        )
        for value, target in _pair_outputs(result, request.outputs):
            written.append(_call_in_this_process(write_value, value, _resolve_properties(target)))
        before_publish()
        for item in written:
            publish(item)
    except BaseException as error:  # noqa: BLE001 - any error of the task
        for item in written:
            discard(item)
        return JobOutcome(
            number=request.number,
            attempt=request.attempt,
            event=JobEvent.RAISED,
            may_be_retried=_is_retryable(error, request.retry_on),
            reason=_format_reason(error),
            stacktrace=_format_stacktrace(error),
            started_at=started_at,
            finished_at=datetime.now(UTC),
        )
    return JobOutcome(
        number=request.number,
        attempt=request.attempt,
        event=JobEvent.SUCCEEDED,
        written=tuple(written),
        started_at=started_at,
        finished_at=datetime.now(UTC),
    )


def _call_in_this_process(function: Callable[..., ResultT], *arguments: Any) -> ResultT:
    """Call a function, and return in this process only: end a child that it forked."""
    process = os.getpid()
    try:
        return function(*arguments)
    finally:
        if os.getpid() != process:
            exit_fork(sys.exception())


def _read_input(location: ValueLocation) -> Any:
    value = find_storage(location.storage_type).read(location)
    declared = location.declared_type
    if declared is None:
        return value
    return to_declared_type(value, declared.name, data_node=declared.data_node)


def _is_retryable(error: BaseException, names: Sequence[str]) -> bool:
    """Return whether the class of an error is named; True if there are no names."""
    return not names or any(isinstance(error, _find_exception(name)) for name in names)


def _find_exception(name: str) -> type[BaseException] | tuple[()]:
    try:
        found: Any = _find_function(name)
    except BaseException:  # noqa: BLE001 - a class whose import fails cannot have been raised
        return ()
    return found if isinstance(found, type) and issubclass(found, BaseException) else ()


@cache
def _find_function(path: str) -> Callable[..., Any]:
    module_name, _, name = path.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _resolve_properties(location: LocationT) -> LocationT:
    """Resolve environment variables in the properties, which arrive without their values."""
    if not location.properties:
        return location
    return replace(location, properties=resolve(dict(location.properties), os.environ))


def _pair_outputs(
    result: object, outputs: Sequence[WriteTarget]
) -> list[tuple[object, WriteTarget]]:
    """Pair each output with its value: a single output gets the whole result."""
    if not outputs:
        return []
    if len(outputs) == 1:
        return [(result, outputs[0])]
    return list(zip(split_outputs(result, len(outputs)), outputs, strict=True))


def _format_reason(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except BaseException:  # noqa: BLE001 - the error's own __str__ may fail
        text = ""
    name = type(error).__name__
    return sanitize_text(f"{name}: {text}" if text else name)[:_REASON_LIMIT]


def _format_stacktrace(error: BaseException) -> str:
    """Return the traceback without the frames of the runner; only its end if it is too long."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in _OWN_FILES:
        frames = frames.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, frames))
    except BaseException:  # noqa: BLE001 - as in `_format_reason`
        text = type(error).__name__
    text = sanitize_text(text)
    return text if len(text) <= _STACKTRACE_LIMIT else "…" + text[-_STACKTRACE_LIMIT:]

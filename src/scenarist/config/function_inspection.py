"""Inspection of named functions and classes: can they be imported, and called as they will be?

`inspect_uses` does this in the process of the check. The check of a server runs
`inspect_uses_in_worker` in a worker process, which imports everything anew.
"""

import functools
import hashlib
import inspect
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scenarist.config.function_uses import FunctionRole, FunctionUse
from scenarist.config.functions import find_import_fault, import_function, parse_function_name
from scenarist.domain.errors import InvalidError

InspectUses = Callable[[Sequence[FunctionUse]], Sequence[str | None]]
"""Returns for each use what is wrong with it and how to fix it, or None."""

# The arguments that json passes to encoders; it creates decoders without arguments.
_ENCODER_OPTIONS = (
    "skipkeys",
    "ensure_ascii",
    "check_circular",
    "allow_nan",
    "indent",
    "separators",
    "default",
    "sort_keys",
)
_MAX_COMPARED_VALUES = 100
_MAX_SIGNATURE_LENGTH = 120


def inspect_uses(
    uses: Sequence[FunctionUse], objects: Mapping[str, Any] | None = None
) -> list[str | None]:
    """Inspect functions and classes in this process.

    Args:
        objects: Objects by name that need not be imported.
    """
    return [_find_fault(use, objects or {}) for use in uses]


def inspect_uses_in_worker(uses: Iterable[Mapping[str, Any]]) -> list[str | None]:
    """Inspect functions and classes given as plain data. Workers call this function by name."""
    return inspect_uses([FunctionUse(**{**use, "role": FunctionRole(use["role"])}) for use in uses])


def to_plain_uses(uses: Sequence[FunctionUse]) -> list[dict[str, Any]]:
    """Return uses as plain data for `inspect_uses_in_worker`."""
    return [asdict(use) for use in uses]


def digest_code(value: object) -> str | None:
    """Return a text that distinguishes a function from others of its name; None for other objects.

    It is the same in each process that runs the same source.
    """
    code = getattr(_unwrap(value), "__code__", None)
    if not isinstance(code, types.CodeType):
        return None
    constants = [item for item in code.co_consts if isinstance(item, str | int | float)]
    text = repr((code.co_qualname, code.co_code, code.co_names, code.co_varnames, constants))
    return f"line {code.co_firstlineno}, {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _find_fault(use: FunctionUse, objects: Mapping[str, Any]) -> str | None:
    try:
        name = parse_function_name(use.name)
    except InvalidError as error:
        return error.message
    if name in objects:
        found = objects[name]
    elif fault := find_import_fault(name):
        return fault
    else:
        found = import_function(name)
    if use.code is not None and digest_code(found) != use.code:
        return (
            f"{name!r} is a different function in a worker process than the one that was passed; "
            "define it identically in each process, whatever the environment"
        )
    match use.role:
        case FunctionRole.EXCEPTION:
            is_one = isinstance(found, type) and issubclass(found, BaseException)
            return None if is_one else f"{name!r} is not an exception class; name one"
        case FunctionRole.CLASS:
            return None if isinstance(found, type) else f"{name!r} is not a class; name a class"
        case FunctionRole.ENCODER | FunctionRole.DECODER:
            return _find_codec_fault(name, found, use.role)
        case _:
            return _find_kind_fault(name, found, use) or _find_call_fault(name, found, use)


def _find_codec_fault(name: str, found: Any, role: FunctionRole) -> str | None:
    method = role.value.removesuffix("r")  # "encode" or "decode"
    if not isinstance(found, type) or not callable(getattr(found, method, None)):
        base = f"json.JSON{role.value.capitalize()}"
        return f"{name!r} is not a class such as {base}; name a subclass of it"
    options = _ENCODER_OPTIONS if role is FunctionRole.ENCODER else ()
    fault = _find_binding_fault(found, 0, options)
    return fault and f"{name!r} cannot be created as json does it: {fault}; let it inherit __init__"


def _find_kind_fault(name: str, found: Any, use: FunctionUse) -> str | None:
    """Return why calling a function would not run its body, or why a class cannot be created."""
    body = _unwrap(found)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        return f"{name!r} is a generator function, so calling it runs nothing; return a list"
    if use.role is FunctionRole.FUNCTION and inspect.iscoroutinefunction(body):
        return f"{name!r} is async, which only tasks and comparators can be; make it a plain def"
    if inspect.isabstract(found):
        return f"{name!r} is an abstract class and cannot be instantiated; name another one"
    return None


def _find_call_fault(name: str, found: Any, use: FunctionUse) -> str | None:
    if use.arguments is None:
        return None
    counts: Iterable[int] = [use.arguments]
    plural = "" if use.arguments == 1 else "s"
    called = f"the task has {use.arguments} input{plural}"
    fix = "give the task as many inputs as its function takes"
    if use.role is FunctionRole.FUNCTION:
        called = f"{use.key} is called with {use.arguments} argument{plural}"
        fix = f"change the function, or {use.key}_args" if "fct" in use.key else "change it"
    elif use.role is FunctionRole.COMPARATOR:
        counts = range(2, _MAX_COMPARED_VALUES)
        called = "a comparator is called with the values of two or more scenarios"
        fix = "let it accept *values"
    faults = [_find_binding_fault(found, count) for count in counts]
    if None in faults:
        return None
    if _is_method(found):
        fix = "it is a method without an object; make it a function"
    elif (missing := _find_missing_keyword(found)) is not None:
        fix = f"give {missing!r} a default, or make it positional"
    return f"{name!r} takes {_format_signature(found)}, but {called}: {faults[0]}; {fix}"


def _find_binding_fault(found: Any, count: int, options: Sequence[str] = ()) -> str | None:
    signature = _get_signature(found)
    if signature is None:
        return None
    try:
        signature.bind(*[None] * count, **dict.fromkeys(options))
    except TypeError as error:
        return str(error)
    return None


def _get_signature(found: Any) -> inspect.Signature | None:
    """Return the signature of a callable; None if it has none, like some C functions."""
    try:
        # The wrapper's own signature: it may call the wrapped function with other arguments.
        return inspect.signature(found, follow_wrapped=False)
    except Exception:  # noqa: BLE001 - objects of the application may raise anything
        return None


def _format_signature(found: Any) -> str:
    signature = _get_signature(found)
    if signature is None:
        return "()"
    bare = [item.replace(annotation=item.empty) for item in signature.parameters.values()]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    return text if len(text) <= _MAX_SIGNATURE_LENGTH else f"{text[:_MAX_SIGNATURE_LENGTH]}…"


def _find_missing_keyword(found: Any) -> str | None:
    signature = _get_signature(found)
    parameters = [] if signature is None else signature.parameters.values()
    needed = (
        item.name
        for item in parameters
        if item.kind is item.KEYWORD_ONLY and item.default is item.empty
    )
    return next(needed, None)


def _is_method(found: Any) -> bool:
    signature = _get_signature(found)
    first = next(iter(signature.parameters), "") if signature is not None else ""
    return isinstance(found, types.FunctionType) and "." in found.__qualname__ and first == "self"


def _unwrap(found: Any) -> Any:
    """Return the function that runs when a callable is called; for a class, the class."""
    while isinstance(found, functools.partial):
        found = found.func
    if isinstance(found, type | types.FunctionType | types.BuiltinFunctionType):
        return found
    if isinstance(found, types.MethodType):
        return found.__func__
    return type(found).__call__

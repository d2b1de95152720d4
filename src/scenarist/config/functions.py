"""Functions and classes by name: what user code is called, and whether a worker will find it."""

import builtins
import importlib
import inspect
import os
import re
import traceback
from difflib import get_close_matches
from typing import Any

from scenarist.domain.errors import InvalidError, ScenaristError

_PATH = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_NAME = re.compile(rf"{_PATH}:{_PATH}")
_DOTTED = re.compile(rf"({_PATH})\.([^\W\d]\w*)")
_NOT_OWN = ("<frozen", *(os.path.dirname(file) + os.sep for file in (os.__file__, __file__)))
"""How the files start of code that is not the author's: Python's and this package's."""


def function_name(value: object) -> str:
    """Return the name ``package.module:name`` of a function or class, given as itself or by name.

    Raises:
        InvalidError: A worker process could not find it by a name (a lambda, a nested
            function, a method of an object), or the text is not such a name.
    """
    if isinstance(value, str):
        return _checked_name(value)
    if not callable(value):
        raise InvalidError(f"{value!r} is not a function; give a function of a module or its name")
    module = getattr(value, "__module__", None)
    name = getattr(value, "__qualname__", None)
    fault = _fault_of(value, module, name)
    if fault is not None:
        raise InvalidError(
            f"{fault}, and a worker process finds functions by module and name; "
            "make it a function of a module"
        )
    return f"{module}:{name}"


def exception_names(value: object) -> tuple[str, ...]:
    """Return the names of exceptions, given as classes or by name, one or several.

    Those of Python itself need no module: ``ConnectionError`` is ``builtins:ConnectionError``.

    Raises:
        InvalidError: One of them is no class or name that a worker process could find.
    """
    given = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return tuple(
        f"builtins:{item}"
        if isinstance(item, str) and hasattr(builtins, item)
        else function_name(item)
        for item in given
    )


def exception_fault(name: str) -> str | None:
    """Return why what a name stands for is no exception that a worker could import."""
    fault = import_fault(name)
    if fault is None:
        found = import_function(name)
        if not isinstance(found, type) or not issubclass(found, BaseException):
            return f"{name!r} is no exception"
    return fault


def import_function(name: str) -> Any:
    """Import what a name ``package.module:name`` stands for.

    Raises:
        InvalidError: The module or the name in it is missing, the module does not import, or
            what is there cannot be called.
    """
    module_name, _, path = name.partition(":")
    found: Any = import_module(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            near = get_close_matches(part, vars(found) if hasattr(found, "__dict__") else (), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidError(f"there is no {part!r} in {module_name!r}{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise InvalidError(f"{name!r} is of type {type(found).__name__}, which cannot be called")
    return found


def import_fault(name: str) -> str | None:
    """Return why a worker could not import what a name stands for; None when it can."""
    try:
        import_function(name)
    except InvalidError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a module of the user's may do anything
        return f"looking up {name!r} failed: {_describe(error)}"
    return None


def import_module(name: str) -> Any:
    """Import a module of the user's.

    Raises:
        InvalidError: It is missing or its code fails; says what happened and in which line.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise InvalidError(
                f"there is no module {error.name!r} in the folders that Python searches"
            ) from error
        raise InvalidError(f"importing {name!r} failed: {_describe(error)}") from error
    except (Exception, SystemExit) as error:
        raise InvalidError(f"importing {name!r} failed: {_describe(error)}") from error


def _checked_name(text: str) -> str:
    if _NAME.fullmatch(text):
        return text
    match = _DOTTED.fullmatch(text)
    if match is None:
        raise InvalidError(f"{text!r} does not name a function; write 'package.module:name'")
    return f"{match[1]}:{match[2]}"


def _fault_of(function: object, module: object, name: object) -> str | None:
    if not isinstance(module, str) or not isinstance(name, str):
        return f"the {type(function).__name__} object has no name of its own"
    if "<lambda>" in name:
        return f"a lambda (in {module!r}) has no name"
    if "<locals>" in name:
        return f"{name!r} is nested in another function"
    owner = getattr(function, "__self__", None)
    if owner is not None and not inspect.ismodule(owner) and not inspect.isclass(owner):
        return f"{name!r} is a method of an object"
    return None


def _describe(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    if isinstance(error, ScenaristError):
        text = error.message
    else:
        text = "".join(traceback.format_exception_only(error)).strip()
    place = _place_of(error)
    return f"{place}: {text}" if place else text


def _place_of(error: BaseException) -> str | None:
    """Return the last line of the user's own code that an error went through."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_NOT_OWN)
    ]
    own = [place for place in frames if "site-packages" not in place[0]]
    places = own or frames
    return f"{places[-1][0]}:{places[-1][1]}" if places else None

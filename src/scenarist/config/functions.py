"""Functions and classes by name: whether a process finds them."""

import importlib
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


def checked_name(text: str) -> str:
    """Return a name ``package.module:name``, also where it was written with dots alone.

    Raises:
        InvalidError: The text is no such name.
    """
    if _NAME.fullmatch(text):
        return text
    match = _DOTTED.fullmatch(text)
    if match is None:
        raise InvalidError(f"{text!r} does not name a function; write 'package.module:name'")
    return f"{match[1]}:{match[2]}"


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
    if name == "__main__":
        raise InvalidError(
            "'__main__' is the program that is running, which differs between processes; write the "
            "name that its file is imported by"
        )
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

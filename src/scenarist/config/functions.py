"""Lookup of functions and classes by name."""

import importlib
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Any

from scenarist.domain.errors import InvalidError, ScenaristError
from scenarist.system.search_path import list_application_folders

_IDENTIFIER = r"[^\W\d]\w*"
_PATH = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
# The name of a file: Python imports modules whose names are no identifiers by name only.
_FILE = r"\w(?:[^.:/\\\[\]]*[^\s.:/\\\[\]])?"
_MODULE = rf"{_FILE}(?:\.{_FILE})*"
_NAME = re.compile(rf"({_MODULE}):({_PATH})")
_DOTTED = re.compile(rf"({_MODULE})\.({_IDENTIFIER})")
_FOREIGN_PREFIXES = (
    "<frozen",
    *(os.path.dirname(file) + os.sep for file in (os.__file__, __file__)),
)
"""Path prefixes of code that is not the author's: Python's and this package's."""


_served_module: ContextVar[str | None] = ContextVar("served_module", default=None)


@contextmanager
def loading_module(name: str | None) -> Iterator[None]:
    """Let ``__main__`` mean a module in the names of functions that are parsed in this block."""
    token = _served_module.set(name)
    try:
        yield
    finally:
        _served_module.reset(token)


def parse_function_name(text: str) -> str:
    """Return a name as ``package.module:name``; accept a dot in place of the colon.

    The module ``__main__``, which Taipy writes for functions of the program itself, is the one
    that is being loaded.

    Raises:
        InvalidError: The text is not such a name.
    """
    match = _NAME.fullmatch(text) or _DOTTED.fullmatch(text)
    if match is None:
        raise InvalidError(f"{text!r} does not name a function; write 'package.module:name'")
    module = match[1]
    if module == "__main__":
        module = _served_module.get() or module
    return f"{module}:{match[2]}"


def import_function(name: str) -> Any:
    """Import the object that ``package.module:name`` names.

    Raises:
        InvalidError: The module or the name in it does not exist, the module cannot be imported,
            or the object is not callable.
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
        raise InvalidError(f"{name!r} is a {type(found).__name__}, which is not callable")
    return found


def find_import_fault(name: str) -> str | None:
    """Return why a worker could not import the object of a name; None if it could."""
    try:
        import_function(name)
    except InvalidError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - modules of the application may raise anything
        return f"looking up {name!r} failed: {_describe(error)}"
    return None


def import_module(name: str) -> Any:
    """Import a module of the application.

    Raises:
        InvalidError: It does not exist or its code fails. The message says why and in which line.
    """
    if name == "__main__":
        raise InvalidError(
            "'__main__' is the running program, which differs between processes; use the name "
            "under which its file can be imported, or serve the Python file that loads this one"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise InvalidError(
                f"there is no module {error.name!r} on Python's search path{_name_folders()}"
            ) from error
        raise InvalidError(f"importing {name!r} failed: {_describe(error)}") from error
    except (Exception, SystemExit) as error:
        raise InvalidError(f"importing {name!r} failed: {_describe(error)}") from error


def _name_folders() -> str:
    folders = list_application_folders()
    return f", nor in {' or '.join(folders)}" if folders else ""


def is_own_file(path: str) -> bool:
    """Whether a file belongs to the author, not to Python, this package or an installed one."""
    return bool(path) and not path.startswith(_FOREIGN_PREFIXES) and "site-packages" not in path


def _describe(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    if isinstance(error, ScenaristError):
        text = error.message
    else:
        text = "".join(traceback.format_exception_only(error)).strip()
    position = _locate_error(error)
    return f"{position}: {text}" if position else text


def _locate_error(error: BaseException) -> str | None:
    """Return file and line of the innermost frame of the user's code in an error's traceback."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith(_FOREIGN_PREFIXES)
    ]
    own = [position for position in frames if is_own_file(position[0])]
    positions = own or frames
    return f"{positions[-1][0]}:{positions[-1][1]}" if positions else None

"""The names under which worker processes find the functions and classes that were given."""

import builtins
import functools
import os
import sys
import types
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from scenarist.config.functions import checked_name, import_function
from scenarist.config.origins import calling_module
from scenarist.domain.errors import InvalidError

Given = list[tuple[str, Any]]
"""Functions and classes that were given as themselves, each after the name it was found under."""

_EXCEPTIONS = [
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
]
_METHODS = (types.MethodType, types.BuiltinMethodType)


def function_name(value: object, given: Given | None = None) -> str:
    """Return the name ``package.module:name`` of a function or class, given as itself or by name.

    The name leads to the object as far as its module has been loaded by now; whether it still does
    at the end is for `name_fault` to say.

    Args:
        given: Takes the object and its name, for `name_fault`.

    Raises:
        InvalidError: A worker process could not find it by a name (a lambda or a nested function
            that no variable of a module holds, a method of such an object), or the text is not
            such a name.
    """
    if isinstance(value, str):
        return checked_name(value)
    if not callable(value):
        raise InvalidError(f"{value!r} is not a function; give a function of a module or its name")
    name = _found_name(value, calling_module()) or _own_name(value)
    if name is None:
        raise InvalidError(
            f"{_fault_of(value)}, and a worker process finds functions by module and name; "
            "make it a function of a module, or keep it in a variable of one"
        )
    if given is not None:
        given.append((name, value))
    return name


def exception_names(value: object, given: Given | None = None) -> tuple[str, ...]:
    """Return the names of exceptions, given as classes or by name, one or several.

    Those of Python itself need no module: ``ConnectionError`` is ``builtins:ConnectionError``.

    Raises:
        InvalidError: One of them is no class or name that a worker process could find.
    """
    listed = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return tuple(_exception_name(item, given) for item in listed)


def _exception_name(item: object, given: Given | None) -> str:
    if isinstance(item, str) and item.isidentifier():
        if hasattr(builtins, item):
            return f"builtins:{item}"
        near = get_close_matches(item, _EXCEPTIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "write one of a module as 'module:Name'"
        raise InvalidError(f"{item!r} is no exception of Python itself; {hint}")
    return function_name(item, given)


def name_fault(name: str, value: object) -> str | None:
    """Return why a name does not lead back to the object that was given; None when it does."""
    found = _lookup(name)
    if _is_same(found, value):
        return None
    leads = "nothing" if found is None else f"another object{_place_of(found)}"
    return (
        f"the name {name!r} leads to {leads}, not to the one that was given{_place_of(value)}, and "
        "a worker process finds functions by name; give it a name of its own in its module"
    )


def _found_name(value: object, home: str) -> str | None:
    """Return a name that leads to the object now: its own, else that of a variable."""
    own = _own_name(value)
    if own is not None and _is_same(_lookup(own), value):
        return own
    for module in _modules_of(value, home):
        for name, item in list(vars(module).items()):
            if name.isidentifier() and _is_same(item, value):
                return f"{_module_name(module.__name__)}:{name}"
    # A method, by the object or class that it belongs to.
    owner = getattr(value, "__self__", None)
    if isinstance(value, _METHODS) and not isinstance(owner, types.ModuleType | None):
        found = _found_name(owner, home)
        name = f"{found}.{getattr(value, '__name__', '')}"
        return name if found is not None and _is_same(_lookup(name), value) else None
    return None


def _own_name(value: object) -> str | None:
    """Return what an object itself says its name is; None when it has none that could be found."""
    name = getattr(value, "__qualname__", None)
    # A method of a class of C has no module of its own.
    owner_class = getattr(value, "__objclass__", None)
    module = getattr(value, "__module__", None) or getattr(owner_class, "__module__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return None
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType | type):
        return None
    return f"{_module_name(module)}:{name}"


def _modules_of(value: object, home: str) -> Iterator[types.ModuleType]:
    """Return the loaded modules that may have a variable for the object: its own come first."""
    inner = value.func if isinstance(value, functools.partial) else None
    names = [getattr(item, "__module__", None) for item in (value, inner)]
    for name in dict.fromkeys([*names, home]):
        module = sys.modules.get(name) if isinstance(name, str) else None
        if isinstance(module, types.ModuleType):
            yield module


def _lookup(name: str) -> Any:
    """Return what a name stands for in this process; None when that is nothing."""
    module, _, path = name.partition(":")
    main = sys.modules.get("__main__")
    if main is not None and module == _module_name("__main__") and module not in sys.modules:
        found: Any = main
        for part in path.split("."):
            found = getattr(found, part, None)
        return found
    try:
        return import_function(name)
    except Exception:  # noqa: BLE001 - a module of the user's may do anything
        return None


def _module_name(module: str) -> str:
    """Return the name that a worker imports a module by; a program has that of its file."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return os.path.splitext(os.path.basename(file))[0] if file else module


def _is_same(found: object, value: object) -> bool:
    # A method is another object each time it is looked up.
    is_method = isinstance(value, _METHODS) and isinstance(found, _METHODS)
    return found is value or (is_method and found == value)


def _fault_of(function: object) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return f"the {type(function).__name__} object has no name of its own"
    if "<lambda>" in name:
        return f"a lambda (in {module!r}) has no name"
    if "<locals>" in name:
        return f"{name!r} is nested in another function"
    return f"{name!r} is a method of an object"


def _place_of(value: object) -> str:
    code = getattr(value, "__code__", None)
    if not isinstance(code, types.CodeType):
        return ""
    return f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"

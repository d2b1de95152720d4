"""The names under which worker processes find the functions and classes that were passed."""

import builtins
import functools
import os
import sys
import types
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from scenarist.config.functions import import_function, is_own_file, parse_function_name
from scenarist.config.origins import find_calling_module
from scenarist.domain.errors import InvalidError

NamedObjects = list[tuple[str, Any]]
"""Pairs of the name of a function or class and the object that was passed."""

_EXCEPTIONS = [
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
]
_METHODS = (types.MethodType, types.BuiltinMethodType)


class FunctionName(str):
    """The name of a function, ``package.module:name``. To call it is to call the function."""

    __slots__ = ()

    @property
    def __name__(self) -> str:
        return self.rpartition(":")[2]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return look_up(self)(*arguments, **options)


def resolve_function_name(value: object, given: NamedObjects | None = None) -> str:
    """Return the name ``package.module:name`` of a function or class, given as object or name.

    The name resolves to the object in the part of its module that has been loaded so far.
    `find_name_fault` checks later whether it still does.

    Args:
        given: Receives the name and the object, for `find_name_fault`.

    Raises:
        InvalidError: A worker process could not find it by name (a lambda or a nested function
            that no module-level variable holds, a method of such an object), or the text is not
            such a name.
    """
    if isinstance(value, str):
        return parse_function_name(value)
    if not callable(value):
        raise InvalidError(f"{value!r} is not a function; pass a function of a module, or its name")
    name = _find_name(value, find_calling_module()) or _get_own_name(value)
    if name is None:
        raise InvalidError(
            f"{_describe_nameless(value)}, but worker processes find functions by module and name; "
            "make it a module-level function, or assign it to a module-level variable"
        )
    if given is not None:
        given.append((name, value))
    return name


def resolve_exception_names(value: object, given: NamedObjects | None = None) -> tuple[str, ...]:
    """Return the names of one or several exceptions, given as classes or by name.

    Built-in exceptions need no module: ``ConnectionError`` is ``builtins:ConnectionError``.

    Raises:
        InvalidError: One of them is not a class or name that a worker process could find.
    """
    listed = value if isinstance(value, list | tuple | set | frozenset) else [value]
    return tuple(_resolve_exception_name(item, given) for item in listed)


def _resolve_exception_name(item: object, given: NamedObjects | None) -> str:
    if isinstance(item, str) and item.isidentifier():
        if hasattr(builtins, item):
            return f"builtins:{item}"
        near = get_close_matches(item, _EXCEPTIONS, n=1)
        hint = (
            f"did you mean {near[0]!r}?"
            if near
            else "write exceptions of a module as 'module:Name'"
        )
        raise InvalidError(f"{item!r} is not a built-in exception; {hint}")
    return resolve_function_name(item, given)


def find_name_fault(name: str, value: object) -> str | None:
    """Return why a name does not resolve to the object that was passed; None if it does."""
    found = look_up(name)
    if _is_same(found, value):
        return None
    leads = "nothing" if found is None else f"another object{_locate_definition(found)}"
    return (
        f"the name {name!r} refers to {leads}, not to the object that was passed"
        f"{_locate_definition(value)}, but worker processes find functions by name; give it a "
        "unique name in its module"
    )


def _find_name(value: object, home: str) -> str | None:
    """Return a name that resolves to the object now: its own, else that of a variable."""
    own = _get_own_name(value)
    if own is not None and _is_same(look_up(own), value):
        return own
    for module in _iter_modules(value, home):
        for name, item in list(vars(module).items()):
            if name.isidentifier() and _is_same(item, value):
                return f"{_module_name(module.__name__)}:{name}"
    # For a method: the name of its object or class, then its own.
    owner = getattr(value, "__self__", None)
    if isinstance(value, _METHODS) and not isinstance(owner, types.ModuleType | None):
        found = _find_name(owner, home)
        name = f"{found}.{getattr(value, '__name__', '')}"
        return name if found is not None and _is_same(look_up(name), value) else None
    return None


def _get_own_name(value: object) -> str | None:
    """Return the name that an object gives itself; None if it cannot be looked up."""
    name = getattr(value, "__qualname__", None)
    # Methods of C classes have no __module__.
    owner_class = getattr(value, "__objclass__", None)
    module = getattr(value, "__module__", None) or getattr(owner_class, "__module__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return None
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType | type):
        return None
    return f"{_module_name(module)}:{name}"


def _iter_modules(value: object, home: str) -> Iterator[types.ModuleType]:
    """Yield the loaded modules that may have a variable for the object.

    Its own module comes first. The one that declares it comes last, after the others of the
    application: it is still being executed, and a variable such as that of a loop may change.
    """
    inner = value.func if isinstance(value, functools.partial) else None
    names = [getattr(item, "__module__", None) for item in (value, inner)]
    others = [
        name for name, module in list(sys.modules.items()) if _is_of_application(module, home)
    ]
    for name in dict.fromkeys([*names, *others, home]):
        module = sys.modules.get(name) if isinstance(name, str) else None
        if isinstance(module, types.ModuleType):
            yield module


def _is_of_application(module: object, home: str) -> bool:
    """Whether a loaded module belongs to the application, besides the one that declares."""
    if not isinstance(module, types.ModuleType) or module.__name__ == home:
        return False
    if module.__name__.partition(".")[0] == home.partition(".")[0]:
        return True
    return is_own_file(str(vars(module).get("__file__") or ""))


def look_up(name: str) -> Any:
    """Return the object that a name leads to in this process; None if there is none."""
    module, _, path = name.partition(":")
    main = sys.modules.get("__main__")
    if main is not None and module == _module_name("__main__") and module not in sys.modules:
        found: Any = main
        for part in path.split("."):
            found = getattr(found, part, None)
        return found
    try:
        return import_function(name)
    except Exception:  # noqa: BLE001 - modules of the application may raise anything
        return None


def _module_name(module: str) -> str:
    """Return the name by which a worker imports a module; for ``__main__``, that of its file."""
    if module != "__main__":
        return module
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return os.path.splitext(os.path.basename(file))[0] if file else module


def _is_same(found: object, value: object) -> bool:
    # Each lookup of a method creates a new object.
    is_method = isinstance(value, _METHODS) and isinstance(found, _METHODS)
    return found is value or (is_method and found == value)


def _describe_nameless(function: object) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return f"the {type(function).__name__} object has no name"
    if "<lambda>" in name:
        return f"a lambda (in {module!r}) has no name"
    if "<locals>" in name:
        return f"{name!r} is nested in another function"
    return f"{name!r} is a method of an object"


def _locate_definition(value: object) -> str:
    code = getattr(value, "__code__", None)
    if not isinstance(code, types.CodeType):
        return ""
    return f" ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"

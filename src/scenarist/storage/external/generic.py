"""Generic storage: values read and written by functions of the user."""

from collections.abc import Callable, Mapping
from typing import Any

from scenarist.domain.errors import InvalidError, ScenaristError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.python.objects import describe_error, load_function, python_type
from scenarist.storage.python.rendition import render


class GenericStorage:
    """Any value that ``read_fct`` returns and ``write_fct`` accepts.

    Both are named as ``module:name``. ``read_fct`` is called with ``read_fct_args``, ``write_fct``
    with the value and ``write_fct_args``: lists of arguments, or a single argument. Their errors
    are converted to `InvalidError`, unless they are Scenarist's own.

    The stored bytes are not known, so size and digest are those of the rendition.
    """

    storage_type = "generic"
    is_safe = False
    is_external = True
    can_append = False

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        write = _get_function(target.properties, "write_fct", "written")
        # Rendered first, because the function may change the value.
        rendition, kind = render(value), python_type(value)
        fault = (
            f"the value for data node {target.data_node_id} cannot be written:"
            f" write_fct {target.properties['write_fct']!r} failed"
        )
        _call(write, (value, *_get_arguments(target.properties, "write_fct_args")), fault)
        return value_files.describe_bytes(rendition[0].encode(), kind, rendition)

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        raise InvalidError(
            "storage type 'generic' cannot append; read the value, extend it and write it"
        )

    def read(self, location: ValueLocation) -> Any:
        read = _get_function(location.properties, "read_fct", "read")
        fault = f"read_fct {location.properties['read_fct']!r} failed"
        return _call(read, _get_arguments(location.properties, "read_fct_args"), fault)

    def from_json(self, data: object) -> object:
        return data


def _get_function(properties: Mapping[str, Any], setting: str, act: str) -> Callable[..., Any]:
    reference = properties.get(setting)
    if reference is None:
        raise InvalidError(
            f"a generic data node without {setting} cannot be {act}; declare"
            f" {setting} as 'module:name' in its config"
        )
    return load_function(reference, setting=setting)


def _get_arguments(properties: Mapping[str, Any], setting: str) -> tuple[Any, ...]:
    arguments = properties.get(setting)
    if arguments is None:
        return ()
    return tuple(arguments) if isinstance(arguments, list | tuple) else (arguments,)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], fault: str) -> Any:
    try:
        return function(*arguments)
    except (ScenaristError, MemoryError):
        raise
    # The function is the user's; it may raise anything.
    except Exception as error:
        raise InvalidError(f"{fault}: {describe_error(error)}") from error

"""Pickle storages: values as pickles, which only worker processes read."""

import pickle
from dataclasses import replace
from typing import Any, BinaryIO

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ROW_LIMIT, ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.files import value_files
from scenarist.storage.python.objects import python_type
from scenarist.storage.python.rendition import render

_PROGRAMS = frozenset({"__main__", "__mp_main__"})
"""Names of the module of a program, whatever it is."""


class PickleStorage:
    """Any value that pickles: in the edit's row if small, else in a file."""

    storage_type = "pickle"
    is_safe = False
    is_external = False
    can_append = False

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        data = value_files.encode(value, target, _dump)
        return value_files.store_bytes(
            data,
            target,
            extension="p",
            python_type=python_type(value),
            rendition=render(value),
        )

    def append(
        self, value: object, target: WriteTarget, location: ValueLocation | None
    ) -> WrittenValue:
        raise InvalidError(
            f"storage type '{self.storage_type}' cannot append; read the value, extend it and"
            " write it"
        )

    def read(self, location: ValueLocation) -> Any:
        return value_files.decode(location, _load)

    def from_json(self, data: object) -> object:
        return data


class InMemoryStorage(PickleStorage):
    """Any value that pickles: in the edit's row, or in a file if too large for a row."""

    storage_type = "in_memory"

    def write(self, value: object, target: WriteTarget) -> WrittenValue:
        data = value_files.encode(value, target, _dump)
        if len(data) > ROW_LIMIT:
            kind, shown = python_type(value), render(value)
            unnamed = replace(target, properties={})
            return value_files.store_bytes(
                data, unnamed, extension="p", python_type=kind, rendition=shown
            )
        return value_files.describe_bytes(data, python_type(value), render(value), content=data)


def _dump(value: object) -> bytes:
    return pickle.dumps(value, protocol=5)


def _load(file: BinaryIO) -> Any:
    return _Unpickler(file).load()


class _Unpickler(pickle.Unpickler):
    """Unpickler that explains what is missing if the program that wrote the value was a script."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except AttributeError as error:
            if module not in _PROGRAMS:
                raise
            raise InvalidError(
                f"the value needs {name!r}, which was defined in the program that wrote it "
                "(__main__) and is in no module that can be imported here; move it to a module of "
                "its own, and write the value again"
            ) from error

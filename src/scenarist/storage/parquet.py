"""Tables as Parquet."""

from dataclasses import replace
from io import BytesIO
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import files, tables
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.comparison import DATES, TEXT, kind_of_dtype, kinds_of
from scenarist.storage.frames import series_values
from scenarist.storage.objects import python_type, reason
from scenarist.storage.rendition import render


class ParquetStorage:
    """A table with its types.

    ``read_kwargs`` and ``write_kwargs`` go to pandas, and win over ``engine`` and ``compression``.
    """

    storage_type = "parquet"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: Target) -> Written:
        engine = target.properties.get("engine") or "pyarrow"
        tables.require(self.storage_type, "pandas", engine)
        frame = tables.to_frame(value, self.storage_type)
        compression = target.properties.get("compression") or "snappy"
        options = {
            "engine": engine,
            "compression": None if compression == "none" else compression,
            **(target.properties.get("write_kwargs") or {}),
        }

        def dump(frame: Any) -> bytes:
            data: bytes = frame.to_parquet(path=None, **options)
            return data

        return files.keep(
            files.encode(frame, target, dump),
            target,
            extension="parquet",
            python_type=python_type(value),
            rendition=render(frame),
        )

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        if place is None:
            return self.write(value, target)
        # All of the table, whatever part of it ``read_kwargs`` show.
        whole = {**place.properties, "read_kwargs": None}
        present = self._read_frame(replace(place, properties=whole))
        if not len(present.columns):
            return self.write(value, target)
        return self.write(_joined(present, value), target)

    def read(self, place: Place) -> Any:
        return tables.expose(self._read_frame(place), {**place.properties, "has_header": True})

    def read_json(self, place: Place, selection: Selection | None) -> str:
        return tables.json_text(self._read_frame(place), selection)

    def from_json(self, data: object) -> object:
        return tables.to_frame(data, self.storage_type)

    def _read_frame(self, place: Place) -> Any:
        engine = place.properties.get("engine") or "pyarrow"
        tables.require(self.storage_type, "pandas", engine)
        import pandas

        options = {"engine": engine, **(place.properties.get("read_kwargs") or {})}
        # From bytes, not by path: a path such as year=2026/a.parquet would add a column.
        return files.decode(
            place, lambda file: pandas.read_parquet(BytesIO(file.read()), **options)
        )


def _joined(present: Any, value: object) -> Any:
    """Return a table with rows added, its columns of the types that they have."""
    import pandas

    added = tables.added_rows(value, present.columns, ParquetStorage.storage_type)
    has_index = not isinstance(present.index, pandas.RangeIndex)
    if has_index and added.index.names != present.index.names:
        names = ", ".join(map(repr, present.index.names))
        raise InvalidError(f"the table has the index {names}; append a DataFrame with this index")
    columns = {label: _fitted(added[label], present[label].dtype) for label in present.columns}
    added = pandas.DataFrame(columns, index=added.index)
    return pandas.concat([present, added], ignore_index=not has_index)


def _fitted(added: Any, dtype: Any) -> Any:
    """Return what is added to a column as the column's type, which may have to take nulls."""
    kind = kind_of_dtype(dtype)
    if kind is None and not added.isna().all():
        return added
    others = kinds_of(series_values(added)) - {kind}
    if others - ({TEXT} if kind == DATES else set()):
        raise InvalidError(
            f"column {added.name!r} holds {kind}; {' and '.join(sorted(others))} cannot be"
            " appended to it"
        )
    try:
        if dtype.kind not in "biu":
            return added.astype(dtype)
        # By way of types that take nulls, and refuse a fraction among whole numbers.
        bits = 8 * dtype.itemsize
        added = added.astype({"b": "boolean", "i": f"Int{bits}", "u": f"UInt{bits}"}[dtype.kind])
        return added if added.isna().any() else added.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidError(
            f"column {added.name!r} is of type {dtype}; what is appended does not fit:"
            f" {reason(error)}"
        ) from error

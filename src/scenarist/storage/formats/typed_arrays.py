"""Numpy arrays, and pandas tables and timestamps, as JSON data that names their types.

The libraries are imported only for one of their values, or for a document that names one. A table
is read back before it is stored; a table that JSON would change is refused.
"""

import datetime
import json
import math
import re
import sys
import zoneinfo
from collections.abc import Callable
from typing import Any

from scenarist.domain.errors import InvalidError
from scenarist.storage import bounds
from scenarist.storage.formats import typed_json
from scenarist.storage.formats.typed_json import UnkeptError, items_of, marked, typed
from scenarist.storage.formats.typed_reading import imported, loads
from scenarist.storage.python.objects import reason

_KINDS = frozenset("biufUSmMO")
"""Kinds of the array types that are supported."""

_MOST_CHARACTERS = 2**28
"""Most characters of an array of strings, in which each takes as much memory as the longest."""

_MOST_ROWS = 10_000_000
_HINT = "use pickle, or a storage for tables"


def find_writer(kind: type[Any]) -> Callable[[Any, int], Any] | None:
    """Return the function that writes values of a numpy or pandas class; None for other classes."""
    top = kind.__module__.partition(".")[0]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.generic):
        return _of_scalar
    if numpy is not None and kind is numpy.ndarray:
        return _of_array
    if top != "pandas":
        return None
    return _PANDAS.get(kind.__name__) or _refuse


def _refuse(value: Any, _depth: int) -> Any:
    raise UnkeptError(f"is a pandas.{type(value).__name__}, which JSON cannot hold; {_HINT}")


def _of_scalar(value: Any, depth: int) -> Any:
    if value.dtype.kind in "mM":
        return marked(f"Numpy-{value.dtype.str}", int(value.view("i8")))
    if value.dtype.kind not in "biufUS" or value.dtype.char == "g":
        raise UnkeptError(f"is a number of type {value.dtype}, which JSON cannot hold; {_HINT}")
    return typed(value.item(), depth)


def _of_array(value: Any, depth: int) -> Any:
    kind = value.dtype.kind
    if kind not in _KINDS or value.dtype.char == "g":
        raise UnkeptError(f"is an array of type {value.dtype}, which JSON cannot hold; {_HINT}")
    flat = value.reshape(-1)
    items = (flat.view(f"{flat.dtype.byteorder}i8") if kind in "mM" else flat).tolist()
    cells = typed_json.of_list(items, depth + 1)
    return marked("Array", cells, dtype=value.dtype.str, shape=list(value.shape))


def _array_from(data: list[Any], item: dict[str, Any]) -> Any:
    import numpy

    dtype, shape = numpy.dtype(item["__dtype__"]), tuple(item["__shape__"])
    if dtype.kind not in _KINDS or (
        dtype.kind in "US" and len(data) * max(map(len, data), default=0) > _MOST_CHARACTERS
    ):
        raise InvalidError(
            f"an array of {len(data)} items of type {dtype} cannot be read from JSON"
        )
    longest = max(map(len, data), default=0) if dtype.kind in "US" else 1
    # A dimension of length 0 does not reduce the work for the dimensions before it.
    size = math.prod(max(length, 1) for length in shape)
    bounds.check_memory(size * bounds.OBJECT * max(longest // 16, 1), f"an array of shape {shape}")
    if dtype.kind in "US":
        # The width is that of the longest string, not the one that the document declares.
        return numpy.array(data, dtype.kind).reshape(shape)
    if dtype.kind == "O":
        array = numpy.empty(len(data), dtype)
        for position, one in enumerate(data):
            array[position] = one
        return array.reshape(shape)
    if dtype.kind in "mM":
        return numpy.array(data, f"{dtype.byteorder}i8").view(dtype).reshape(shape)
    return numpy.array(data, dtype).reshape(shape)


def _scalar_from(data: int, item: dict[str, Any]) -> Any:
    import numpy

    return numpy.array(data, "i8").view(item["__type__"].partition("-")[2])[()]


def _of_timestamp(value: Any, depth: int) -> Any:
    zone = value.tzinfo
    utc = value if zone is None else value.tz_convert("UTC").tz_localize(None)
    more = {} if zone is None else {"zone": _zone(zone)}
    return marked("Timestamp", utc.isoformat(), unit=value.unit, **more)


def _of_timedelta(value: Any, _depth: int) -> Any:
    return marked("PandasTimedelta", int(value.asm8.view("i8")), unit=value.unit)


def _zone(zone: Any) -> Any:
    """Return the name of a time zone, or its offset in seconds."""
    name = getattr(zone, "key", None)
    if isinstance(name, str):
        return name
    if not isinstance(zone, datetime.timezone):
        raise UnkeptError("has a time zone that JSON cannot hold; use a zoneinfo.ZoneInfo")
    return zone.utcoffset(None).total_seconds()


def _zone_from(zone: Any) -> Any:
    if isinstance(zone, str):
        return zoneinfo.ZoneInfo(zone)
    offset = datetime.timedelta(seconds=zone)
    return datetime.timezone(offset) if offset else datetime.UTC


def _timestamp_from(data: str, item: dict[str, Any]) -> Any:
    import pandas

    moment = pandas.Timestamp(data).as_unit(item["__unit__"])
    if "__zone__" in item:
        moment = moment.tz_localize("UTC").tz_convert(_zone_from(item["__zone__"]))
    return moment


def _timedelta_from(data: int, item: dict[str, Any]) -> Any:
    import numpy
    import pandas

    return pandas.Timedelta(numpy.timedelta64(data, item["__unit__"]))


def _missing_from(data: str, _item: dict[str, Any]) -> Any:
    import pandas

    return {"NA": pandas.NA, "NaT": pandas.NaT}[data]


def _of_index(index: Any, depth: int) -> Any:
    import pandas

    if isinstance(index, pandas.RangeIndex):
        return {
            "range": [index.start, index.stop, index.step],
            "names": items_of(index.names, depth),
        }
    levels = range(index.nlevels)
    columns = [index.get_level_values(level) for level in levels]
    return {
        "levels": [_of_column(column, depth) for column in columns],
        "names": items_of(index.names, depth),
    }


def _index_from(data: dict[str, Any]) -> Any:
    import pandas

    if "range" in data:
        if len(range(*data["range"])) > _MOST_ROWS:
            raise InvalidError(f"an index of over {_MOST_ROWS} labels cannot be read from JSON")
        start, stop, step = data["range"]
        bounds.check_table(len(range(start, stop, step)), 1, cell=bounds.OBJECT)
        return pandas.RangeIndex(start, stop, step, name=data["names"][0])
    levels = [pandas.Index(_column_from(level)) for level in data["levels"]]
    if len(levels) == 1:
        return levels[0].rename(data["names"][0])
    return pandas.MultiIndex.from_arrays(levels, names=data["names"])


def _of_column(column: Any, depth: int) -> Any:
    """Return a Series or a level of an Index as JSON data: its type and its cells."""
    dtype = str(column.dtype)
    if dtype.startswith("datetime64[") and "," in dtype:
        moments = column.dt if hasattr(column, "dt") else column
        return {
            "zone": _zone(moments.tz),
            "cells": _of_array(moments.tz_convert(None).to_numpy(), depth),
        }
    if dtype == "category":
        values = column.cat if hasattr(column, "cat") else column
        return {
            "categories": _of_index(values.categories, depth),
            "codes": values.codes.tolist(),
            "ordered": values.ordered,
        }
    if column.dtype.kind in "biufmM" and hasattr(column.dtype, "char"):
        return {"cells": _of_array(column.to_numpy(), depth)}
    return {"dtype": dtype, "cells": items_of(column.tolist(), depth)}


def _column_from(data: dict[str, Any]) -> Any:
    import pandas

    if "zone" in data:
        series = pandas.Series(data["cells"])
        return series.dt.tz_localize("UTC").dt.tz_convert(_zone_from(data["zone"]))
    if "codes" in data:
        categories = _index_from(data["categories"])
        longest = max((len(one) for one in categories if isinstance(one, str)), default=1)
        bounds.check_memory(len(data["codes"]) * longest, "a column with its categories")
        return pandas.Series(
            pandas.Categorical.from_codes(data["codes"], categories, ordered=data["ordered"])
        )
    dtype = data.get("dtype")
    if re.fullmatch("[<>=|]?[SUV][0-9]+", str(dtype)):
        # Each cell would take the length that the document declares.
        raise InvalidError(f"a column of type {dtype} cannot be read from JSON")
    return pandas.Series(data["cells"], dtype=dtype)


def _of_series(series: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        data = {
            "name": typed(series.name, depth),
            "index": _of_index(series.index, depth),
            "column": _of_column(series, depth),
        }
        return marked("Series", data)

    return _checked(series, write, pandas.testing.assert_series_equal)


def _series_from(data: dict[str, Any], _item: dict[str, Any]) -> Any:
    series = _column_from(data["column"])
    series.index = _index_from(data["index"])
    return series.rename(data["name"])


def _of_frame(frame: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
        data = {
            "columns": _of_index(frame.columns, depth),
            "index": _of_index(frame.index, depth),
            "data": [_of_column(column, depth) for column in columns],
        }
        return marked("DataFrame", data)

    return _checked(frame, write, pandas.testing.assert_frame_equal)


def _frame_from(data: dict[str, Any], _item: dict[str, Any]) -> Any:
    import pandas

    index = _index_from(data["index"])
    columns = [_column_from(column).set_axis(index) for column in data["data"]]
    frame = pandas.concat(columns, axis=1) if columns else pandas.DataFrame(index=index)
    return frame.set_axis(_index_from(data["columns"]), axis=1)


def _whole_index(index: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        return marked("Index", _of_index(index, depth))

    return _checked(index, write, pandas.testing.assert_index_equal)


def _checked(table: Any, write: Callable[[], Any], compare: Callable[..., None]) -> Any:
    """Return a table as JSON data, after checking that it is read back unchanged.

    Raises:
        UnkeptError: The table cannot be written, or would be read back changed.
    """
    kind = type(table).__name__
    if getattr(table, "attrs", None):
        raise UnkeptError(f"is a {kind} with attrs, which JSON cannot hold; {_HINT}")
    options: dict[str, Any] = {"exact": True} if kind.endswith("Index") else {"check_freq": False}
    try:
        data = write()
        again = loads(json.dumps(data), imported)
        compare(table, again, check_exact=True, **options)
    except UnkeptError as error:
        raise UnkeptError(f"is a {kind} that JSON cannot hold: {error.message}") from error
    # A table with custom types may raise any of these.
    except (InvalidError, AssertionError, TypeError, ValueError, AttributeError) as error:
        raise UnkeptError(
            f"is a {kind} that JSON cannot hold ({reason(error)}); {_HINT}"
        ) from error
    return data


_PANDAS: dict[str, Callable[[Any, int], Any]] = {
    "DataFrame": _of_frame,
    "Series": _of_series,
    "Timestamp": _of_timestamp,
    "Timedelta": lambda value, _: marked(
        "PandasTimedelta", int(value.asm8.view("i8")), unit=value.unit
    ),
    "NaTType": lambda *_: marked("Missing", "NaT"),
    "NAType": lambda *_: marked("Missing", "NA"),
    "Index": _whole_index,
    "RangeIndex": _whole_index,
    "MultiIndex": _whole_index,
    "DatetimeIndex": _whole_index,
    "TimedeltaIndex": _whole_index,
}
READERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "Array": _array_from,
    "Numpy": _scalar_from,
    "Timestamp": _timestamp_from,
    "PandasTimedelta": _timedelta_from,
    "Missing": _missing_from,
    "Series": _series_from,
    "DataFrame": _frame_from,
    "Index": lambda data, _: _index_from(data),
}

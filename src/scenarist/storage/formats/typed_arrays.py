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
from scenarist.storage.formats.typed_json import (
    UnencodableError,
    encode_items,
    encode_typed,
    tag_type,
)
from scenarist.storage.formats.typed_reading import import_class, loads
from scenarist.storage.python.hashing import check_hashes
from scenarist.storage.python.objects import describe_error

_DTYPE_KINDS = frozenset("biufUSmMO")
"""Kinds of the array types that are supported."""

_MAX_CHARACTERS = 2**28
"""Most characters of an array of strings, in which each takes as much memory as the longest."""

_MAX_ROWS = 10_000_000
_HINT = "use pickle, or a storage for tables"


def find_encoder(kind: type[Any]) -> Callable[[Any, int], Any] | None:
    """Return the function that writes values of a numpy or pandas class; None for other classes."""
    top = kind.__module__.partition(".")[0]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.generic):
        return _encode_scalar
    if numpy is not None and kind is numpy.ndarray:
        return _encode_array
    if top != "pandas":
        return None
    return _PANDAS.get(kind.__name__) or _refuse


def _refuse(value: Any, _depth: int) -> Any:
    raise UnencodableError(f"is a pandas.{type(value).__name__}, which JSON cannot hold; {_HINT}")


def _encode_scalar(value: Any, depth: int) -> Any:
    if value.dtype.kind in "mM":
        return tag_type(f"Numpy-{value.dtype.str}", int(value.view("i8")))
    if value.dtype.kind not in "biufUS" or value.dtype.char == "g":
        raise UnencodableError(
            f"is a number of type {value.dtype}, which JSON cannot hold; {_HINT}"
        )
    return encode_typed(value.item(), depth)


def _encode_array(value: Any, depth: int) -> Any:
    kind = value.dtype.kind
    if kind not in _DTYPE_KINDS or value.dtype.char == "g":
        raise UnencodableError(
            f"is an array of type {value.dtype}, which JSON cannot hold; {_HINT}"
        )
    flat = value.reshape(-1)
    items = (flat.view(f"{flat.dtype.byteorder}i8") if kind in "mM" else flat).tolist()
    cells = typed_json.encode_list(items, depth + 1)
    return tag_type("Array", cells, dtype=value.dtype.str, shape=list(value.shape))


def _decode_array(data: list[Any], item: dict[str, Any]) -> Any:
    import numpy

    dtype, shape = numpy.dtype(item["__dtype__"]), tuple(item["__shape__"])
    if dtype.kind not in _DTYPE_KINDS or (
        dtype.kind in "US" and len(data) * max(map(len, data), default=0) > _MAX_CHARACTERS
    ):
        raise InvalidError(
            f"an array of {len(data)} items of type {dtype} cannot be read from JSON"
        )
    longest = max(map(len, data), default=0) if dtype.kind in "US" else 1
    # A dimension of length 0 does not reduce the work for the dimensions before it.
    size = math.prod(max(length, 1) for length in shape)
    bounds.check_memory(
        size * bounds.OBJECT_BYTES * max(longest // 16, 1), f"an array of shape {shape}"
    )
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


def _decode_scalar(data: int, item: dict[str, Any]) -> Any:
    import numpy

    return numpy.array(data, "i8").view(item["__type__"].partition("-")[2])[()]


def _encode_timestamp(value: Any, depth: int) -> Any:
    zone = value.tzinfo
    utc = value if zone is None else value.tz_convert("UTC").tz_localize(None)
    more = {} if zone is None else {"zone": _encode_zone(zone)}
    return tag_type("Timestamp", utc.isoformat(), unit=value.unit, **more)


def _encode_timedelta(value: Any, _depth: int) -> Any:
    return tag_type("PandasTimedelta", int(value.asm8.view("i8")), unit=value.unit)


def _encode_zone(zone: Any) -> Any:
    """Return the name of a time zone, or its offset in seconds."""
    name = getattr(zone, "key", None)
    if isinstance(name, str):
        return name
    if not isinstance(zone, datetime.timezone):
        raise UnencodableError("has a time zone that JSON cannot hold; use a zoneinfo.ZoneInfo")
    return zone.utcoffset(None).total_seconds()


def _decode_zone(zone: Any) -> Any:
    if isinstance(zone, str):
        return zoneinfo.ZoneInfo(zone)
    offset = datetime.timedelta(seconds=zone)
    return datetime.timezone(offset) if offset else datetime.UTC


def _decode_timestamp(data: str, item: dict[str, Any]) -> Any:
    import pandas

    moment = pandas.Timestamp(data).as_unit(item["__unit__"])
    if "__zone__" in item:
        moment = moment.tz_localize("UTC").tz_convert(_decode_zone(item["__zone__"]))
    return moment


def _decode_timedelta(data: int, item: dict[str, Any]) -> Any:
    import numpy
    import pandas

    return pandas.Timedelta(numpy.timedelta64(data, item["__unit__"]))


def _decode_missing(data: str, _item: dict[str, Any]) -> Any:
    import pandas

    return {"NA": pandas.NA, "NaT": pandas.NaT}[data]


def _encode_index(index: Any, depth: int) -> Any:
    import pandas

    if isinstance(index, pandas.RangeIndex):
        return {
            "range": [index.start, index.stop, index.step],
            "names": encode_items(index.names, depth),
        }
    levels = range(index.nlevels)
    columns = [index.get_level_values(level) for level in levels]
    return {
        "levels": [_encode_column(column, depth) for column in columns],
        "names": encode_items(index.names, depth),
    }


def _decode_index(data: dict[str, Any]) -> Any:
    import pandas

    if "range" in data:
        if len(range(*data["range"])) > _MAX_ROWS:
            raise InvalidError(f"an index of over {_MAX_ROWS} labels cannot be read from JSON")
        start, stop, step = data["range"]
        bounds.check_table(len(range(start, stop, step)), 1, cell=bounds.OBJECT_BYTES)
        return pandas.RangeIndex(start, stop, step, name=data["names"][0])
    levels = [pandas.Index(_decode_column(level)) for level in data["levels"]]
    for level in levels:
        if level.dtype == object:
            check_hashes(level.tolist())
    if len(levels) == 1:
        return levels[0].rename(data["names"][0])
    return pandas.MultiIndex.from_arrays(levels, names=data["names"])


def _encode_column(column: Any, depth: int) -> Any:
    """Return a Series or a level of an Index as JSON data: its type and its cells."""
    dtype = str(column.dtype)
    if dtype.startswith("datetime64[") and "," in dtype:
        moments = column.dt if hasattr(column, "dt") else column
        return {
            "zone": _encode_zone(moments.tz),
            "cells": _encode_array(moments.tz_convert(None).to_numpy(), depth),
        }
    if dtype == "category":
        values = column.cat if hasattr(column, "cat") else column
        return {
            "categories": _encode_index(values.categories, depth),
            "codes": values.codes.tolist(),
            "ordered": values.ordered,
        }
    if column.dtype.kind in "biufmM" and hasattr(column.dtype, "char"):
        return {"cells": _encode_array(column.to_numpy(), depth)}
    return {"dtype": dtype, "cells": encode_items(column.tolist(), depth)}


def _decode_column(data: dict[str, Any]) -> Any:
    import pandas

    if "zone" in data:
        series = pandas.Series(data["cells"])
        return series.dt.tz_localize("UTC").dt.tz_convert(_decode_zone(data["zone"]))
    if "codes" in data:
        categories = _decode_index(data["categories"])
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


def _encode_series(series: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        data = {
            "name": encode_typed(series.name, depth),
            "index": _encode_index(series.index, depth),
            "column": _encode_column(series, depth),
        }
        return tag_type("Series", data)

    return _encode_checked(series, write, pandas.testing.assert_series_equal)


def _decode_series(data: dict[str, Any], _item: dict[str, Any]) -> Any:
    series = _decode_column(data["column"])
    series.index = _decode_index(data["index"])
    return series.rename(data["name"])


def _encode_frame(frame: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
        data = {
            "columns": _encode_index(frame.columns, depth),
            "index": _encode_index(frame.index, depth),
            "data": [_encode_column(column, depth) for column in columns],
        }
        return tag_type("DataFrame", data)

    return _encode_checked(frame, write, pandas.testing.assert_frame_equal)


def _decode_frame(data: dict[str, Any], _item: dict[str, Any]) -> Any:
    import pandas

    index = _decode_index(data["index"])
    columns = [_decode_column(column).set_axis(index) for column in data["data"]]
    frame = pandas.concat(columns, axis=1) if columns else pandas.DataFrame(index=index)
    return frame.set_axis(_decode_index(data["columns"]), axis=1)


def _encode_whole_index(index: Any, depth: int) -> Any:
    import pandas

    def write() -> Any:
        return tag_type("Index", _encode_index(index, depth))

    return _encode_checked(index, write, pandas.testing.assert_index_equal)


def _encode_checked(table: Any, write: Callable[[], Any], compare: Callable[..., None]) -> Any:
    """Return a table as JSON data, after checking that it is read back unchanged.

    Raises:
        UnencodableError: The table cannot be written, or would be read back changed.
    """
    kind = type(table).__name__
    if getattr(table, "attrs", None):
        raise UnencodableError(f"is a {kind} with attrs, which JSON cannot hold; {_HINT}")
    options: dict[str, Any] = {"exact": True} if kind.endswith("Index") else {"check_freq": False}
    try:
        data = write()
        again = loads(json.dumps(data), import_class)
        compare(table, again, check_exact=True, **options)
    except UnencodableError as error:
        raise UnencodableError(f"is a {kind} that JSON cannot hold: {error.message}") from error
    # A table with custom types may raise any of these.
    except (InvalidError, AssertionError, TypeError, ValueError, AttributeError) as error:
        raise UnencodableError(
            f"is a {kind} that JSON cannot hold ({describe_error(error)}); {_HINT}"
        ) from error
    return data


_PANDAS: dict[str, Callable[[Any, int], Any]] = {
    "DataFrame": _encode_frame,
    "Series": _encode_series,
    "Timestamp": _encode_timestamp,
    "Timedelta": lambda value, _: tag_type(
        "PandasTimedelta", int(value.asm8.view("i8")), unit=value.unit
    ),
    "NaTType": lambda *_: tag_type("Missing", "NaT"),
    "NAType": lambda *_: tag_type("Missing", "NA"),
    "Index": _encode_whole_index,
    "RangeIndex": _encode_whole_index,
    "MultiIndex": _encode_whole_index,
    "DatetimeIndex": _encode_whole_index,
    "TimedeltaIndex": _encode_whole_index,
}
DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "Array": _decode_array,
    "Numpy": _decode_scalar,
    "Timestamp": _decode_timestamp,
    "PandasTimedelta": _decode_timedelta,
    "Missing": _decode_missing,
    "Series": _decode_series,
    "DataFrame": _decode_frame,
    "Index": lambda data, _: _decode_index(data),
}

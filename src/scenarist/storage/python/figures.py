"""Takes the numbers of outcomes from a value as it is written, without converting all of it."""

import enum
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from scenarist.domain.outcomes import (
    Figure,
    NoFigureError,
    find_figure,
    missing_at,
    parse_pointer,
    position_of,
    to_figure,
)
from scenarist.storage.python.data_frames import (
    array_values,
    is_frame,
    is_labelled_series,
    series_values,
    to_records,
)
from scenarist.storage.python.objects import describe_error
from scenarist.storage.python.rendition import key_to_text, to_plain_data
from scenarist.storage.python.structures import fields_of
from scenarist.system.json_decoding import decode_json

_LISTS = (list, tuple, deque, range)


def take_figures(
    value: object, rendition: str | None, pointers: Sequence[str]
) -> dict[str, Figure]:
    """Return the number at each place of a value's JSON form, or the reason why there is none.

    Never raises, whatever the code of the value does.

    Args:
        rendition: The value as JSON text; None if that is not complete.
    """
    return {pointer: _take_figure(value, rendition, pointer) for pointer in pointers}


def _take_figure(value: object, rendition: str | None, pointer: str) -> Figure:
    reason: Figure
    try:
        return to_figure(_find_part(value, parse_pointer(pointer)))
    except NoFigureError as error:
        reason = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a value may raise anything
        reason = f"the value cannot be looked into: {describe_error(error)}"
    if rendition is None:
        return reason
    # The JSON form may differ from the value: a storage has converted it.
    found = find_figure(decode_json(rendition), pointer)
    return found if isinstance(found, float) else reason


def _find_part(value: Any, names: tuple[str, ...]) -> Any:
    part = value
    for depth, name in enumerate(names):
        part = _step(part, name, names[: depth + 1])
    return _to_python(part)


def _step(part: Any, name: str, path: Sequence[str]) -> Any:
    fields = part if isinstance(part, Mapping) else fields_of(part)
    if fields is not None:
        return _find_entry(fields, name, path)
    if isinstance(part, _LISTS):
        return part[_find_position(name, len(part), path)]
    if is_labelled_series(part):
        part = part.to_frame()
    if is_frame(part):
        at = _find_position(name, part.shape[0], path)
        return to_records(part.iloc[at : at + 1])[0]
    library = type(part).__module__.partition(".")[0]
    if library == "pandas" and hasattr(part, "array"):
        at = _find_position(name, len(part), path)
        return series_values(part[at : at + 1])[0]
    if library == "numpy" and isinstance(part, sys.modules["numpy"].ndarray) and part.ndim:
        return part[_find_position(name, part.shape[0], path)]
    # Anything else has the parts of its JSON form, if it has any.
    data = to_plain_data(part)
    if isinstance(data, dict | list):
        return _step(data, name, path)
    raise missing_at(path)


def _find_entry(entries: Mapping[Any, Any], name: str, path: Sequence[str]) -> Any:
    if name in entries:
        return entries[name]
    for key in entries:
        if type(key) is not str and _text_of(key) == name:
            return entries[key]
    raise missing_at(path)


def _text_of(key: object) -> str:
    # The first is the same and quicker: there may be a million of them.
    return str(key) if type(key) is int else key_to_text(key)


def _find_position(name: str, length: int, path: Sequence[str]) -> int:
    position = position_of(name)
    if position is None or position >= length:
        raise missing_at(path)
    return position


def _to_python(part: Any) -> Any:
    """Return a number of a library as one of Python, and the value of a member."""
    if isinstance(part, enum.Enum):
        return part.value
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and (
        isinstance(part, numpy.generic) or (isinstance(part, numpy.ndarray) and part.ndim == 0)
    ):
        # As durations and timestamps, numpy has numbers that mean something else.
        return array_values(part) if part.dtype.kind in "biuf" else str(part)
    return part

"""Conversion of values: to JSON, and from and to pandas data frames."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from scenarist.client.errors import ClientError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd


def as_json(value: object) -> bytes:
    """Return a value as JSON: a data frame as a list of records, numpy numbers as plain ones.

    Raises:
        ClientError: JSON cannot represent something in it.
    """
    # A caller that has a data frame has imported pandas.
    pandas = sys.modules.get("pandas")
    try:
        if pandas is not None and isinstance(value, pandas.DataFrame):
            value = value.to_dict("records")
        elif pandas is not None and isinstance(value, pandas.Series):
            value = value.to_list()
        return msgspec.json.encode(value, enc_hook=_to_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise ClientError(f"the value cannot be written as JSON: {error}") from error


def as_json_of_each(values: Mapping[str, object] | None) -> dict[str, msgspec.Raw]:
    """Return values by name, each as JSON for the body of a request.

    Raises:
        ClientError: JSON cannot represent something in one of them.
    """
    return {name: msgspec.Raw(as_json(value)) for name, value in (values or {}).items()}


def as_frame(value: object, columns: Sequence[str] | None) -> "pd.DataFrame":
    """Return a list of records as a data frame.

    Raises:
        MissingExtraError: pandas is not installed.
        ClientError: The value is not a list of records.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            "data frames need pandas; install the extra: pip install 'scenarist[tabular]'"
        ) from error
    if not isinstance(value, list) or not all(isinstance(record, dict) for record in value):
        raise ClientError(
            f"the value is {type(value).__name__}, not a list of records; read() returns it "
            "unchanged"
        )
    return pd.DataFrame(value, columns=None if columns is None else list(columns))


def _to_plain(value: Any) -> Any:
    """Convert cells of pandas and numpy to what JSON can represent."""
    kind = type(value).__name__
    if kind in {"NaTType", "NAType"}:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"JSON cannot represent {kind}")

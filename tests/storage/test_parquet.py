"""The odd cases of Parquet."""

import datetime
import decimal
import importlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.kinds import find_storage, publish, read_json


def write(value: object, **properties: Any) -> Written:
    target = Target(
        data_node_id="DATANODE_demand_1",
        edit_id="EDIT_1",
        storage_type="parquet",
        folder="unused",
        properties=properties,
    )
    return find_storage("parquet").write(value, target)


def compression_of(written: Written) -> str:
    assert written.content is not None
    parquet: Any = importlib.import_module("pyarrow.parquet")
    metadata = parquet.ParquetFile(BytesIO(written.content)).metadata
    return str(metadata.row_group(0).column(0).compression)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, "SNAPPY"),
        ({"compression": "gzip"}, "GZIP"),
        ({"compression": "none"}, "UNCOMPRESSED"),
        ({"compression": "gzip", "write_kwargs": {"compression": "zstd"}}, "ZSTD"),
    ],
)
def test_compression_is_as_configured(properties: dict[str, Any], expected: str) -> None:
    assert compression_of(write([{"a": 1}], **properties)) == expected


def test_read_kwargs_reach_the_reader() -> None:
    written = write([{"a": 1, "b": 2}])

    place = Place(
        storage_type="parquet",
        content=written.content,
        properties={"read_kwargs": {"columns": ["b"]}},
    )

    assert read_json(place) == '[{"b":2}]'


def test_types_of_columns_come_back() -> None:
    frame = pd.DataFrame(
        {
            "when": [pd.Timestamp("2026-07-01T10:00:00Z"), pd.NaT],
            "count": pd.array([1, None], dtype="Int64"),
        },
        index=pd.Index(["x", "y"], name="key"),
    )

    written = write(frame)

    place = Place(storage_type="parquet", content=written.content)
    assert find_storage("parquet").read(place).equals(frame)


def test_every_kind_of_cell_has_a_json_form() -> None:
    row = {
        "when": pd.Timestamp("2026-07-01T10:00:00Z"),
        "day": datetime.date(2026, 7, 1),
        "price": decimal.Decimal("1.10"),
        "raw": b"\x00\xff",
        "parts": [1.5, None],
        "deep": {"a": [{"b": "c"}]},
        "span": pd.Timedelta(hours=1),
    }

    written = write([row])

    expected = [
        {
            "when": "2026-07-01T10:00:00Z",
            "day": "2026-07-01",
            "price": "1.10",
            "raw": "AP8=",
            "parts": [1.5, None],
            "deep": {"a": [{"b": "c"}]},
            "span": "PT3600S",
        }
    ]
    assert json.loads(written.rendition) == expected
    place = Place(storage_type="parquet", content=written.content)
    assert json.loads(read_json(place)) == expected


def test_path_that_looks_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    written = write([{"a": 1}], path=str(tmp_path / "year=2026" / "demand.parquet"))
    publish(written)

    assert read_json(Place(storage_type="parquet", uri=written.uri)) == '[{"a":1}]'


def test_column_of_mixed_types_is_refused() -> None:
    with pytest.raises(InvalidError, match="column a"):
        write([{"a": 1}, {"a": "x"}])

"""Tables as Parquet."""

from io import BytesIO
from typing import Any

import msgspec

from scenarist.storage import files, tables
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.objects import python_type
from scenarist.storage.rendition import render


class ParquetStorage:
    """A table with its types.

    ``read_kwargs`` and ``write_kwargs`` go to pandas, and win over ``engine`` and ``compression``.
    """

    storage_type = "parquet"
    is_safe = True

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

    def read(self, place: Place) -> Any:
        return tables.expose(self._read_frame(place), {**place.properties, "has_header": True})

    def read_json(self, place: Place) -> str:
        return msgspec.json.encode(tables.plain_records(self._read_frame(place))).decode()

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

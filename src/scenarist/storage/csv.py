"""Tables as comma-separated text."""

from typing import Any, BinaryIO

import msgspec

from scenarist.domain.errors import InvalidError
from scenarist.storage import files, tables
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.objects import python_type
from scenarist.storage.rendition import render


class CsvStorage:
    """A table without its index; types are those that pandas sees in the text."""

    storage_type = "csv"
    is_safe = True

    def write(self, value: object, target: Target) -> Written:
        frame = tables.to_frame(value, self.storage_type)
        properties = target.properties

        def dump(frame: Any) -> bytes:
            text: str = frame.to_csv(
                index=False, header=properties.get("has_header", True), lineterminator="\n"
            )
            return text.encode(properties.get("encoding") or "utf-8")

        return files.keep(
            files.encode(frame, target, dump),
            target,
            extension="csv",
            python_type=python_type(value),
            rendition=render(frame),
        )

    def read(self, place: Place) -> Any:
        return tables.expose(self._read_frame(place), place.properties)

    def read_json(self, place: Place) -> str:
        return msgspec.json.encode(tables.plain_records(self._read_frame(place))).decode()

    def from_json(self, data: object) -> object:
        frame = tables.to_frame(data, self.storage_type)
        for label, column in frame.items():
            if column.map(type).isin([dict, list]).any():
                raise InvalidError(
                    f"column {label!r} holds objects or lists; a cell of a csv table is a text,"
                    " a number, true, false or null"
                )
        return frame

    def _read_frame(self, place: Place) -> Any:
        tables.require(self.storage_type, "pandas")
        import pandas

        def load(file: BinaryIO) -> Any:
            try:
                return pandas.read_csv(
                    file,
                    header=0 if place.properties.get("has_header", True) else None,
                    encoding=place.properties.get("encoding") or "utf-8",
                )
            except pandas.errors.EmptyDataError:
                # This is how a table without columns looks as text.
                return pandas.DataFrame()

        return files.decode(place, load)

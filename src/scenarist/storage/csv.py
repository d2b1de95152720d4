"""Tables as comma-separated text."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from scenarist.domain.errors import InvalidError
from scenarist.domain.selections import Selection
from scenarist.storage import files, tables
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.objects import python_type
from scenarist.storage.rendition import render


class CsvStorage:
    """A table without its index; types are those that pandas sees in the text."""

    storage_type = "csv"
    is_safe = True
    is_external = False
    can_append = True

    def write(self, value: object, target: Target) -> Written:
        frame = tables.to_frame(value, self.storage_type)
        has_header = target.properties.get("has_header", True)

        def dump(frame: Any) -> bytes:
            return _text(frame, has_header=has_header).encode(_encoding(target.properties))

        return files.keep(
            files.encode(frame, target, dump),
            target,
            extension="csv",
            python_type=python_type(value),
            rendition=render(frame),
        )

    def append(self, value: object, target: Target, place: Place | None) -> Written:
        if place is None:
            return self.write(value, target)
        held: bytes = files.decode(place, lambda file: file.read())
        present = self._read_frame(replace(place, content=held))
        if not len(present.columns):
            return self.write(value, target)
        rows = tables.added_rows(value, present.columns, self.storage_type)

        def dump(rows: Any) -> bytes:
            # What is there stays as it is, to the letter: 1.10 does not become 1.1.
            text = held.decode(_encoding(place.properties))
            if not text.endswith("\n"):
                text += "\n"
            return (text + _text(rows, has_header=False)).encode(_encoding(target.properties))

        data = files.encode(rows, target, dump)
        whole = self._read_frame(replace(place, content=data))
        return files.keep(
            data,
            target,
            extension="csv",
            python_type=python_type(whole),
            rendition=render(whole),
        )

    def read(self, place: Place) -> Any:
        return tables.expose(self._read_frame(place), place.properties)

    def read_json(self, place: Place, selection: Selection | None) -> str:
        return tables.json_text(self._read_frame(place), selection)

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
                    encoding=_encoding(place.properties),
                )
            except pandas.errors.EmptyDataError:
                # This is how a table without columns looks as text.
                return pandas.DataFrame()

        return files.decode(place, load)


def _text(frame: Any, *, has_header: bool) -> str:
    text: str = frame.to_csv(index=False, header=has_header, lineterminator="\n")
    return text


def _encoding(properties: Mapping[str, Any]) -> str:
    return properties.get("encoding") or "utf-8"

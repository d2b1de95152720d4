"""Files and documents of a few kilobytes that stand for gigabytes."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def workbook(
    rows: str, after: str = "", shared: str = "", *, more: int = 0, sheet: str = "rows"
) -> bytes:
    """Return a workbook of one sheet, of which the XML of the rows is given."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPE}.sharedStrings+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            "</Types>",
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="a" '
            f'Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>'
            f'<sheet name="{sheet}" sheetId="1" r:id="a"/></sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="a" '
            f'Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        book.writestr(
            "xl/worksheets/sheet1.xml",
            f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>',
        )
        book.writestr("xl/sharedStrings.xml", f'<sst xmlns="{_MAIN}">{shared}</sst>')
        for number in range(more):
            book.writestr(f"xl/theme/theme{number}.xml", "<a/>")
    return file.getvalue()


def cell(reference: str, text: str = "<v>1</v>", kind: str = "n") -> str:
    number = "".join(filter(str.isdigit, reference))
    return f'<row r="{number}"><c r="{reference}" t="{kind}">{text}</c></row>'


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def marked(name: str, value: object, **more: object) -> dict[str, Any]:
    return {
        "__type__": name,
        "__value__": value,
        **{f"__{key}__": one for key, one in more.items()},
    }


WORKBOOKS: dict[str, Callable[[], bytes]] = {
    "cells far apart": lambda: workbook(cell("A1") + cell("XFD2") + cell("A1500")),
    "one text in many cells": lambda: workbook(
        "".join(
            f'<row r="{row}">' + "".join('<c t="s"><v>0</v></c>' for _ in range(100)) + "</row>"
            for row in range(1, 500)
        ),
        shared=f"<si><t>{'x' * 30_000}</t></si>",
    ),
    "a part of nothing but blanks": lambda: workbook(cell("A1"), shared=" " * 20_000_000),
    "many parts": lambda: workbook(cell("A1"), more=10_001),
    "many shared texts of nothing": lambda: workbook(cell("A1"), shared="<si/>" * 4_000_000),
}
PARQUETS: dict[str, Callable[[], bytes]] = {
    "one text in many rows": lambda: parquet(
        pa.table({"a": pa.repeat("x" * 1000, 150_000)}), compression="zstd"
    ),
    "one text in many rows, with snappy": lambda: parquet(
        pa.table({"a": pa.repeat("x" * 1000, 150_000)})
    ),
    "many rows of nothing": lambda: parquet(pa.table({"a": pa.nulls(10_000_000, pa.int64())})),
    "lists of many nulls": lambda: parquet(
        pa.table({"a": pa.array([[None] * 10_000_000], pa.list_(pa.int64()))})
    ),
    "texts that share their beginning": lambda: parquet(
        pa.table({"a": pa.repeat("x" * 100_000, 1500)}),
        use_dictionary=False,
        column_encoding={"a": "DELTA_BYTE_ARRAY"},
        compression="zstd",
    ),
    "nulls of a great length": lambda: parquet(pa.table({"a": pa.nulls(1500, pa.binary(100_000))})),
    "many columns": lambda: parquet(pa.table({f"c{number}": [1] for number in range(20_000)})),
}
CSVS: dict[str, Callable[[], bytes]] = {
    "one line of a million cells": lambda: b"a" + b",a" * 1_000_000,
    "a wide header and short rows": lambda: (
        b",".join(b"c%d" % one for one in range(5000)) + b"\n1" * 100_000
    ),
    "many columns": lambda: (
        b",".join(b"c%d" % one for one in range(20_000)) + b"\n" + b"1," * 19_999
    ),
}
DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "lists of nothing": lambda: b"[" + b"[]," * 4_000_000 + b"[]]",
    "objects of nothing": lambda: b"[" + b"{}," * 1_500_000 + b"{}]",
    "an array without cells": lambda: json.dumps(
        marked("Array", [], dtype="<f8", shape=[10**9, 0])
    ).encode(),
    "texts as long as the longest": lambda: json.dumps(
        marked("Array", ["x" * 150_000, *["y"] * 1499], dtype="<U1", shape=[1500])
    ).encode(),
    "one category in many rows": lambda: json.dumps(
        marked(
            "Series",
            {
                "name": "x",
                "index": {"range": [0, 20_000, 1], "names": [None]},
                "column": {
                    "codes": [0] * 20_000,
                    "categories": {
                        "levels": [{"cells": ["x" * 100_000], "dtype": "object"}],
                        "names": [None],
                    },
                    "ordered": False,
                },
            },
        )
    ).encode(),
}
ROWS: dict[str, Callable[[], bytes]] = {
    "lists of nothing": lambda: DOCUMENTS["lists of nothing"](),
    "keys of their own": lambda: json.dumps([{f"k{number}": 1} for number in range(4000)]).encode(),
    "many columns": lambda: json.dumps([{f"k{number}": 1 for number in range(20_000)}]).encode(),
}

"""What it costs to compare an input with its schema, beside decoding it from JSON."""

import time
from collections.abc import Callable
from statistics import median

import msgspec

from bench.report import Row, median_ratio
from scenarist.config.value_schemas import ValueSchema

MOST_MILLISECONDS = 2.0
"""What comparing 1,000 records may take."""

_RECORDS = 1_000
_RECORD = {
    "type": "object",
    "properties": {
        "region": {"enum": ["north", "south"]},
        "sold": {"type": "integer", "minimum": 0},
        "price": {"type": "number", "minimum": 0},
        "day": {"type": "string", "format": "date"},
    },
    "required": ["region", "sold", "price", "day"],
    "additionalProperties": False,
}


def measure_schemas(*, rounds: int) -> list[Row]:
    """SCHEMAS: a list of 1,000 records that fits its schema."""
    schema = ValueSchema({"type": "array", "items": _RECORD})
    records = [
        {"region": "north", "sold": number, "price": number / 4, "day": "2026-01-31"}
        for number in range(_RECORDS)
    ]
    body = msgspec.json.encode(records)
    ours = [_time(lambda: schema.find_faults(records)) for _ in range(rounds)]
    beside = [_time(lambda: msgspec.json.decode(body)) for _ in range(rounds)]
    return [
        Row(
            number="SCHEMAS",
            work="compare an input of 1,000 records with its schema",
            ours=f"{median(ours):.2f} ms",
            beside=f"decoding it from JSON: {median(beside):.2f} ms",
            ratio=median_ratio(ours, beside),
            bar=f"at most {MOST_MILLISECONDS:g} ms",
            holds=median(ours) <= MOST_MILLISECONDS,
        )
    ]


def _time(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return (time.perf_counter() - before) * 1000

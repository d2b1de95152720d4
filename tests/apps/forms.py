"""Inputs of every kind that the console makes a form of."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from scenarist import ConfigRegistry

registry = ConfigRegistry()


@dataclass
class Order:
    """One row of a table that people paste into."""

    region: str
    sold: Annotated[int, Meta(ge=0, title="Sold", extra_json_schema={"unit": "pcs"})]
    day: date | None = None
    is_paid: bool = False


def _about(title: str, **more: Any) -> Meta:
    return Meta(title=title, extra_json_schema=more)


growth = registry.configure_data_node(
    "growth",
    default_data=0.05,
    schema=Annotated[float, Meta(ge=0, le=1), _about("Growth", unit="%", group="Market", order=1)],
)
region = registry.configure_json_data_node(
    "region",
    default_data="north",
    schema={
        "title": "Region",
        "group": "Market",
        "order": 2,
        "oneOf": [
            {"const": "north", "title": "The North"},
            {"const": "south", "title": "The South"},
        ],
    },
)
speed = registry.configure_json_data_node(
    "speed",
    default_data="slow",
    schema=Annotated[Literal["slow", "fast"], _about("Speed", order=3)],
)
serial = registry.configure_json_data_node(
    "serial",
    default_data=12345678901234567890,
    schema=Annotated[int, _about("Serial number", order=4)],
)
is_open = registry.configure_json_data_node(
    "is_open", default_data=False, schema=Annotated[bool, _about("Open on Sundays", order=5)]
)
start = registry.configure_json_data_node(
    "start", default_data="2026-01-31", schema=Annotated[date, _about("Start", order=6)]
)
moment = registry.configure_json_data_node(
    "moment",
    default_data=datetime(2026, 1, 31, 12, tzinfo=UTC).isoformat(),
    schema=Annotated[datetime, Meta(tz=True), _about("Moment", order=7)],
)
note = registry.configure_json_data_node(
    "note", default_data="as it is", schema=Annotated[str, _about("Note", order=8)]
)
limit = registry.configure_json_data_node(
    "limit", default_data=None, schema=Annotated[float | None, _about("Limit", order=9)]
)
orders = registry.configure_json_data_node(
    "orders",
    default_data=[{"region": "north", "sold": 3}, {"region": "south", "sold": 4, "day": None}],
    schema=Annotated[list[Order], _about("Orders", order=10)],
)
plant = registry.configure_json_data_node(
    "plant",
    default_data={"size": 1.0, "pump": {"power": 2.50}},
    schema={
        "type": "object",
        "title": "Plant",
        "order": 11,
        "properties": {
            "size": {"type": "number", "title": "Size", "minimum": 0},
            "colour": {"type": "string", "title": "Colour"},
            "pump": {
                "type": "object",
                "title": "Pump",
                "properties": {"power": {"type": "number", "title": "Power"}},
                "required": ["power"],
            },
        },
        "required": ["size"],
    },
)
either = registry.configure_json_data_node(
    "either",
    default_data={"kind": "a", "width": 1.0},
    schema={
        "title": "Either",
        "order": 12,
        "anyOf": [{"type": "string"}, {"type": "object", "properties": {"kind": {"const": "a"}}}],
    },
)
free = registry.configure_json_data_node("free", default_data=[1.0, 2.5, 1e-7])
sold = registry.configure_csv_data_node("sold")
told = registry.configure_json_data_node("told")

tell = registry.configure_task(
    "tell",
    "pipelines:first_given",
    [
        *(growth, region, speed, serial, is_open, start, moment, note, limit),
        *(orders, plant, either, free),
    ],
    told,
)
count = registry.configure_json_data_node("count")
count_rows = registry.configure_task("count_rows", "pipelines:row_count", sold, count)
registry.configure_scenario("asking", [tell, count_rows])

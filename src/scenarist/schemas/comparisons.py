"""Scenarios side by side: their inputs, outcomes and tables compared with those of one of them."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from scenarist.domain.outcomes import Direction


class ComparedScenario(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    name: str | None


class ComparedValue(Struct, kw_only=True, frozen=True):
    """The value of an input in one scenario."""

    data_node_id: Annotated[
        str | None, Meta(description="null if the scenario has no such data node.")
    ]
    edit_id: Annotated[str | None, Meta(description="The edit of its value; null without one.")]
    value: Annotated[
        Any,
        Meta(
            description="Omitted if there is none, or if it is large or kept where other programs "
            "may change it.",
            examples=[0.07],
        ),
    ] = UNSET
    is_same: Annotated[
        bool | None,
        Meta(description="Whether it equals that of the base; null if that is not known."),
    ]
    reason: Annotated[
        str | None,
        Meta(description="Why there is no value, or why it is not known whether it is the same."),
    ]


class ComparedPart(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A part of a value at a place."""

    value: Annotated[Any, Meta(examples=[12.5])] = UNSET
    is_missing: Annotated[bool, Meta(description="Whether the value has no such place.")] = False
    is_large: Annotated[bool, Meta(description="Whether it is too large to be shown here.")] = False


class ComparedPlace(Struct, kw_only=True, frozen=True):
    """A place within values at which they differ."""

    pointer: Annotated[
        str,
        Meta(
            description="A JSON Pointer (RFC 6901) into the JSON form; of a table, into its rows.",
            examples=["/3/price"],
        ),
    ]
    parts: Annotated[
        dict[str, ComparedPart],
        Meta(
            description="What is there, by scenario.",
            examples=[{"SCENARIO_heating_0…": {"value": 8}, "SCENARIO_heating_1…": {"value": 9}}],
        ),
    ]


class ComparedInput(Struct, kw_only=True, frozen=True):
    """An input in the compared scenarios."""

    name: Annotated[str, Meta(examples=["assumptions"])]
    title: str | None
    unit: str | None
    differs: Annotated[
        bool | None,
        Meta(description="Whether any value differs from the base; null if that is not known."),
    ]
    values: Annotated[dict[str, ComparedValue], Meta(description="By scenario.", examples=[{}])]
    lengths: Annotated[
        dict[str, int],
        Meta(description="Items or rows of values that are lists or tables.", examples=[{}]),
    ]
    difference_count: Annotated[
        int,
        Meta(
            description="At how many places values differ from the base; 10000 for as many or more."
        ),
    ]
    differences: Annotated[
        list[ComparedPlace], Meta(description="The first 100 of these places.", examples=[[]])
    ]


class ComparedFigure(Struct, kw_only=True, frozen=True):
    """An outcome of one scenario."""

    value: float | None
    unit: Annotated[str | None, Meta(examples=["€"])]
    is_stale: bool | None
    reason: Annotated[str | None, Meta(description="Why there is no value.")]
    difference: Annotated[
        float | None,
        Meta(description="From the base; null unless both have a value, in the same unit."),
    ]
    percent: Annotated[
        float | None, Meta(description="The difference in percent of the base; null if that is 0.")
    ]


class ComparedOutcome(Struct, kw_only=True, frozen=True):
    """An outcome in the compared scenarios."""

    name: Annotated[str, Meta(examples=["cost"])]
    title: str | None
    direction: Annotated[
        Direction | None, Meta(description="Which values are better; null for neither.")
    ]
    values: Annotated[dict[str, ComparedFigure], Meta(description="By scenario.", examples=[{}])]


class ComparedTable(Struct, kw_only=True, frozen=True):
    """Columns of the table of one data node in the compared scenarios: their first 1000 rows."""

    data_node: Annotated[str, Meta(description="The id of its config.", examples=["demand"])]
    label: Annotated[
        str | None,
        Meta(description="The first column with text, such as dates.", examples=["date"]),
    ]
    labels: Annotated[
        dict[str, list[str | None]],
        Meta(description="The cells of that column, by scenario.", examples=[{}]),
    ]
    columns: Annotated[
        dict[str, dict[str, list[float | None]]],
        Meta(
            description="The first 20 columns with numbers, by name and by scenario.", examples=[{}]
        ),
    ]
    lengths: Annotated[
        dict[str, int], Meta(description="How many rows each table has.", examples=[{}])
    ]
    reasons: Annotated[
        dict[str, str], Meta(description="Why a scenario has no table here.", examples=[{}])
    ]


class SideBySide(Struct, kw_only=True, frozen=True):
    """Scenarios compared with one of them."""

    base: Annotated[str, Meta(description="The scenario with which the others are compared.")]
    scenarios: list[ComparedScenario]
    inputs: Annotated[
        list[ComparedInput],
        Meta(description="Inputs that differ or may differ; with `all=true` all inputs."),
    ]
    outcomes: list[ComparedOutcome]
    table: Annotated[ComparedTable | None, Meta(description="null unless `data_node` is given.")]

"""Configs that the application declares."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct

from scenarist.domain.outcomes import Direction
from scenarist.domain.vocabulary import EntityKind, Frequency, Scope


class ScenarioConfig(Struct, kw_only=True, frozen=True):
    """A scenario config. Tasks and data nodes are given by the id of their config."""

    id: Annotated[str, Meta(examples=["heating"])]
    frequency: Annotated[
        Frequency | None, Meta(description="Frequency of its cycles; null for no cycles.")
    ]
    tasks: Annotated[list[str], Meta(examples=[["plan_fuel"]])]
    data_nodes: Annotated[
        list[str],
        Meta(
            description="Data nodes of its tasks, and additional data nodes.",
            examples=[["fuel_plan"]],
        ),
    ]
    sequences: Annotated[
        dict[str, list[str]],
        Meta(description="Tasks by sequence name.", examples=[{"planning": ["plan_fuel"]}]),
    ]
    comparators: Annotated[
        dict[str, list[str]],
        Meta(
            description="Comparator functions by data node.",
            examples=[{"fuel_plan": ["compare_costs"]}],
        ),
    ]
    authorized_tags: Annotated[
        list[str] | None, Meta(description="Tags that its scenarios may have; null for any.")
    ]


class InputConfig(Struct, kw_only=True, frozen=True):
    """An input: a data node that no task of the scenario config writes."""

    name: Annotated[str, Meta(description="The id of the data node's config.", examples=["growth"])]
    scope: Scope
    storage_type: str
    is_read_only: Annotated[bool, Meta(description="Whether no value can be given for it.")]
    schema: Annotated[
        dict[str, Any] | None,
        Meta(
            description="The JSON Schema (2020-12) that its values must fit; null for any.",
            examples=[{"type": "number", "minimum": 0, "maximum": 1, "title": "Growth"}],
        ),
    ]
    default: Annotated[
        Any,
        Meta(
            description="Its value in a new scenario; omitted if there is none, or if it is large.",
            examples=[0.05],
        ),
    ] = UNSET
    title: Annotated[str | None, Meta(description="From its schema.", examples=["Growth"])]
    description: str | None
    unit: Annotated[str | None, Meta(examples=["%"])]
    group: Annotated[str | None, Meta(examples=["Market"])]
    order: Annotated[
        float | None, Meta(description="Inputs are sorted by it; those without it come last.")
    ]


class OutcomeConfig(Struct, kw_only=True, frozen=True):
    """An outcome: a figure by which scenarios of the config are judged."""

    data_node: Annotated[
        str, Meta(description="The id of the data node's config.", examples=["fuel_plan"])
    ]
    pointer: Annotated[
        str,
        Meta(
            description="Where the number is in the JSON form of the value: a JSON Pointer "
            "(RFC 6901); empty if the value itself is the number.",
            examples=["/total_cost"],
        ),
    ]
    unit: Annotated[str | None, Meta(examples=["€"])]
    direction: Annotated[
        Direction | None, Meta(description="Which values are better; null for neither.")
    ]
    title: Annotated[str | None, Meta(examples=["Cost of the plan"])]


class ScenarioConfigWithInputs(ScenarioConfig, kw_only=True, frozen=True):
    """A scenario config with its inputs and outcomes."""

    inputs: list[InputConfig]
    outcomes: Annotated[dict[str, OutcomeConfig], Meta(description="Outcomes by name.")]


class OneScenarioConfig(Struct, kw_only=True, frozen=True):
    config: ScenarioConfigWithInputs


class DriftDifference(Struct, kw_only=True, frozen=True):
    """A difference between existing entities and the config that they were created from."""

    entity_type: Annotated[EntityKind, Meta(description="DATA_NODE, TASK or SCENARIO.")]
    config_id: str
    message: Annotated[
        str,
        Meta(
            description="What differs, and what to do.",
            examples=[
                "scenarios of 'heating' differ from the config: 12 have no task 'price'; upgrade "
                "them: scenarist scenario upgrade --all-of heating"
            ],
        ),
    ]
    scenario_config_ids: Annotated[
        list[str],
        Meta(description="Configs of scenarios that an upgrade brings up to date."),
    ]


class DriftReport(Struct, kw_only=True, frozen=True):
    differences: Annotated[
        list[DriftDifference], Meta(description="Empty if all entities are as declared.")
    ]
    checked_at: Annotated[
        datetime, Meta(description="With many scenarios, a comparison is used for some time.")
    ]

"""Configs that the application declares."""

from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.vocabulary import Frequency


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

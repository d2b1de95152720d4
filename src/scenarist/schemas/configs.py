"""What the author of the application has declared."""

from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.vocabulary import Frequency


class ScenarioConfig(Struct, kw_only=True, frozen=True):
    """What scenarios are made from. Everything is named by the id of its own config."""

    id: Annotated[str, Meta(examples=["heating"])]
    frequency: Annotated[Frequency | None, Meta(description="That of its cycles; null for none.")]
    tasks: list[str]
    data_nodes: Annotated[list[str], Meta(description="Those of its tasks, and the additional.")]
    sequences: Annotated[
        dict[str, list[str]],
        Meta(description="Tasks by the name of the sequence.", examples=[{"all": ["clean"]}]),
    ]
    comparators: Annotated[
        dict[str, list[str]],
        Meta(description="Functions by data node.", examples=[{"plan": ["compare_costs"]}]),
    ]
    authorized_tags: Annotated[
        list[str] | None, Meta(description="The tags that its scenarios may have; null for any.")
    ]

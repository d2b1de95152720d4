"""Scenarios."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.schemas.base import Request
from scenarist.schemas.submissions import Submission
from scenarist.schemas.subscribers import Subscriber


class CreateScenario(Request, kw_only=True, frozen=True):
    """Makes a scenario from a config; the config may also be named by the query."""

    config_id: Annotated[str | None, Meta(examples=["heating"])] = None
    name: Annotated[str, Meta(min_length=1, max_length=256, examples=["cold winter"])] | None = None
    tags: Annotated[list[str], Meta(description="Within the config's authorized_tags.")] = field(
        default_factory=list
    )
    properties: dict[str, Any] = field(default_factory=dict)
    creation_date: (
        Annotated[
            str,
            Meta(
                description="Decides the cycle; now, when left out. RFC 3339, or a date; without a "
                "time zone it is in the server's.",
                examples=["2026-01-31T12:00:00Z"],
            ),
        ]
        | None
    ) = None


class ChangeScenario(Request, kw_only=True, frozen=True):
    """What is given is changed."""

    name: (
        Annotated[str, Meta(min_length=1, max_length=256, examples=["cold winter"])]
        | UnsetType
        | None
    ) = UNSET
    tags: Annotated[
        list[str] | UnsetType,
        Meta(description="All its tags, within the config's authorized_tags."),
    ] = UNSET
    properties: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="Merged into those there are; null removes one (RFC 7396)."),
    ] = UNSET


class CompareScenarios(Request, kw_only=True, frozen=True):
    """Runs the comparators of a config over the values of two or more scenarios of it."""

    scenario_ids: Annotated[
        list[str],
        Meta(
            description="Two or more of one config, in order.",
            examples=[["SCENARIO_heating_0…", "SCENARIO_heating_1…"]],
        ),
    ]
    data_node_config_ids: (
        Annotated[
            list[str],
            Meta(
                min_length=1,
                description="Those to compare; all that have comparators, when left out.",
                examples=[["plan"]],
            ),
        ]
        | UnsetType
    ) = UNSET


class SequenceOfScenario(Struct, kw_only=True, frozen=True):
    id: str
    tasks: list[str]
    properties: dict[str, Any]
    subscribers: list[Subscriber]


class Scenario(Struct, kw_only=True, frozen=True):
    """A scenario. The last four fields are in the answer for one scenario, not in lists."""

    id: str
    config_id: str
    name: str | None
    cycle: Annotated[str | None, Meta(description="The identifier of its cycle.")]
    primary_scenario: bool
    tags: list[str]
    authorized_tags: Annotated[
        list[str] | None, Meta(description="The tags it may have; null for any.")
    ]
    properties: dict[str, Any]
    tasks: list[str]
    data_nodes: list[str]
    additional_data_nodes: list[str]
    sequences: Annotated[dict[str, SequenceOfScenario], Meta(description="By name.")]
    subscribers: list[Subscriber]
    creation_date: datetime
    version: str
    is_submittable: Annotated[
        bool | UnsetType, Meta(description="Whether all jobs of a submit could run now.")
    ] = UNSET
    is_deletable: bool | UnsetType = UNSET
    is_promotable: bool | UnsetType = UNSET
    reasons: Annotated[
        dict[str, list[str]] | UnsetType,
        Meta(
            description="Why not, by what: submit, delete, promote.",
            examples=[{"promote": ["it is the primary scenario of its cycle already"]}],
        ),
    ] = UNSET


class OneScenario(Struct, kw_only=True, frozen=True):
    scenario: Scenario


class ScenarioCreated(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario


class ScenarioAnswer(Struct, kw_only=True, frozen=True):
    """What became of a scenario by the request."""

    message: str
    scenario: Scenario


class ScenarioSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario
    submission: Submission


class ComparisonProblem(Struct, kw_only=True, frozen=True):
    """Why a comparator has no result."""

    data_node_config_id: str
    comparator: Annotated[
        str | None, Meta(description="null where the data node has no values to compare.")
    ]
    code: Annotated[str, Meta(examples=["comparator_failed"])]
    message: str


class Comparison(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the comparators returned, by data node config and by comparator."""

    comparisons: Annotated[
        dict[str, dict[str, Any]], Meta(examples=[{"plan": {"compare_costs": [0, 1250.5]}}])
    ]
    errors: Annotated[
        list[ComparisonProblem],
        Meta(description="Why others have no result; left out when all have one."),
    ] = field(default_factory=list)

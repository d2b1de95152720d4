"""Scenarios and their comparison."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.domain.outcomes import Direction
from scenarist.domain.vocabulary import Scope, SubmissionStatus
from scenarist.schemas.base import Request
from scenarist.schemas.submissions import Submission
from scenarist.schemas.subscribers import Subscriber

_INPUT_EXAMPLES: list[dict[str, Any]] = [{"growth": 0.07}]

Inputs = Annotated[
    dict[str, Any],
    Meta(
        description="Values of inputs by name, written in the same transaction.",
        examples=_INPUT_EXAMPLES,
    ),
]


class CreateScenario(Request, kw_only=True, frozen=True):
    """Creates a scenario from a config, which may also be given as a query parameter."""

    config_id: Annotated[str | None, Meta(examples=["heating"])] = None
    name: Annotated[str, Meta(min_length=1, max_length=256, examples=["cold winter"])] | None = None
    tags: Annotated[list[str], Meta(description="Limited to authorized_tags of the config.")] = (
        field(default_factory=list)
    )
    properties: dict[str, Any] = field(default_factory=dict)
    creation_date: (
        Annotated[
            str,
            Meta(
                description="Determines the cycle; defaults to now. RFC 3339 or a date; without a "
                "time zone, in that of the server.",
                examples=["2026-01-31T12:00:00Z"],
            ),
        ]
        | None
    ) = None
    inputs: Inputs = field(default_factory=dict)


class ChangeScenario(Request, kw_only=True, frozen=True):
    """Changes only the given fields."""

    name: (
        Annotated[str, Meta(min_length=1, max_length=256, examples=["cold winter"])]
        | UnsetType
        | None
    ) = UNSET
    tags: Annotated[
        list[str] | UnsetType,
        Meta(description="Replaces all tags; limited to authorized_tags of the config."),
    ] = UNSET
    properties: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="Merged into the existing properties; null removes one (RFC 7396)."),
    ] = UNSET


class ForkScenario(Request, kw_only=True, frozen=True):
    """Omitted tags and properties are those of the scenario that is forked."""

    name: Annotated[str, Meta(min_length=1, max_length=256, examples=["cold winter"])] | None = None
    tags: Annotated[
        list[str] | UnsetType,
        Meta(description="Replaces all tags; limited to authorized_tags of the config."),
    ] = UNSET
    properties: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="Merged into the existing properties; null removes one (RFC 7396)."),
    ] = UNSET
    creation_date: (
        Annotated[
            str,
            Meta(
                description="Determines the cycle. By default the fork is made now, in the cycle "
                "of the scenario that is forked.",
                examples=["2026-01-31T12:00:00Z"],
            ),
        ]
        | None
    ) = None
    inputs: Inputs = field(default_factory=dict)


class CompareScenarios(Request, kw_only=True, frozen=True):
    """Runs the comparators of a config on the values of two or more of its scenarios."""

    scenario_ids: Annotated[
        list[str],
        Meta(
            description="Two or more scenarios of one config, in order.",
            examples=[["SCENARIO_heating_0…", "SCENARIO_heating_1…"]],
            extra_json_schema={"minItems": 2},
        ),
    ]
    data_node_config_ids: (
        Annotated[
            list[str],
            Meta(
                min_length=1,
                description="Data nodes to compare; defaults to all that have comparators.",
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


class OutcomeOfScenario(Struct, kw_only=True, frozen=True):
    """An outcome of a scenario: a figure by which it is judged."""

    value: Annotated[float | None, Meta(description="null if there is no number; see `reason`.")]
    unit: Annotated[str | None, Meta(examples=["€"])]
    direction: Annotated[
        Direction | None, Meta(description="Which values are better; null for neither.")
    ]
    title: Annotated[str | None, Meta(examples=["Cost of the plan"])]
    data_node_id: Annotated[
        str | None, Meta(description="Where it is from; null if the scenario has no such data node")
    ]
    is_stale: Annotated[
        bool | None,
        Meta(description="Whether the inputs have changed since; null if that is not known."),
    ]
    reason: Annotated[
        str | None,
        Meta(
            description="Why there is no value; null if there is one.",
            examples=["the value has no /total_cost"],
        ),
    ]


class StaleDataNode(Struct, kw_only=True, frozen=True):
    """A data node whose value was made from other values, or by other code, than now."""

    data_node_id: str
    config_id: str
    because: Annotated[
        str,
        Meta(
            description="Which change it does not reflect.",
            examples=["data node 'growth' was written at 2026-03-01T12:00:00Z by ines"],
        ),
    ]


class LastSubmission(Struct, kw_only=True, frozen=True):
    """The newest submission of a scenario or of one of its sequences."""

    id: str
    entity_id: Annotated[str, Meta(description="The scenario, or the sequence.")]
    status: SubmissionStatus
    submitted_at: datetime
    finished_at: datetime | None


class Scenario(Struct, kw_only=True, frozen=True):
    """A scenario. Lists omit the fields from is_submittable to stale."""

    id: str
    config_id: str
    name: str | None
    cycle: Annotated[str | None, Meta(description="Identifier of its cycle.")]
    primary_scenario: bool
    tags: list[str]
    authorized_tags: Annotated[
        list[str] | None, Meta(description="Tags it may have; null for any.")
    ]
    properties: dict[str, Any]
    tasks: list[str]
    data_nodes: list[str]
    additional_data_nodes: list[str]
    sequences: Annotated[dict[str, SequenceOfScenario], Meta(description="Sequences by name.")]
    subscribers: list[Subscriber]
    creation_date: datetime
    version: Annotated[str, Meta(description="Version of the application that created it.")]
    forked_from: Annotated[
        str | None,
        Meta(description="The scenario that it was forked from, which may be deleted since."),
    ]
    outcomes: Annotated[
        dict[str, OutcomeOfScenario], Meta(description="Outcomes by name, as declared now.")
    ]
    is_submittable: Annotated[
        bool | UnsetType,
        Meta(description="Whether all its jobs could run if it were submitted now."),
    ] = UNSET
    is_deletable: bool | UnsetType = UNSET
    is_promotable: bool | UnsetType = UNSET
    reasons: Annotated[
        dict[str, list[str]] | UnsetType,
        Meta(
            description="Why an action is not possible now, by action: submit, delete, promote.",
            examples=[{"promote": ["it is already the primary scenario of its cycle"]}],
        ),
    ] = UNSET
    stale: Annotated[
        list[StaleDataNode] | UnsetType,
        Meta(description="Its data nodes whose values are not of the present inputs or code."),
    ] = UNSET
    last_submission: Annotated[
        LastSubmission | UnsetType | None,
        Meta(description="Only in lists that ask for it; null if it was never submitted."),
    ] = UNSET
    inputs: Annotated[
        dict[str, Any] | UnsetType,
        Meta(
            description="Values of the inputs that a list asks for, by name. Omitted are values "
            "of more than 1,000 characters, and of files and databases with a name of their own.",
            examples=[{"growth": 0.07}],
        ),
    ] = UNSET


class ScenarioInput(Struct, kw_only=True, frozen=True):
    """An input of a scenario: a data node that no task of the scenario writes."""

    data_node_id: str
    scope: Annotated[
        Scope, Meta(description="With CYCLE or GLOBAL, other scenarios have the same input.")
    ]
    edit_id: Annotated[
        str | None, Meta(description="The edit of its value; null if it has no value.")
    ]
    edited_at: datetime | None
    value: Annotated[
        Any,
        Meta(
            description="Its value; omitted if it has none, or if that is large or kept in a file "
            "or database with a name of its own: read the data node then.",
            examples=[0.07],
        ),
    ] = UNSET


class ScenarioInputs(Struct, kw_only=True, frozen=True):
    inputs: Annotated[
        dict[str, ScenarioInput], Meta(description="By name, in the order of their use.")
    ]


class OneScenario(Struct, kw_only=True, frozen=True):
    scenario: Scenario


class ScenarioCreated(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario


class InputDifference(Struct, kw_only=True, frozen=True):
    """An input that differs from that of the scenario that was forked."""

    name: Annotated[str, Meta(examples=["growth"])]
    old: Annotated[
        Any,
        Meta(
            description="Its value in the scenario that was forked; omitted if it has none, or if "
            "that is large or kept in a file or database with a name of its own.",
            examples=[0.05],
        ),
    ] = UNSET
    new: Annotated[Any, Meta(description="The same of the fork.", examples=[0.07])] = UNSET


class UnsharedDataNode(Struct, kw_only=True, frozen=True):
    """A data node whose value the fork does not share with its source, and why."""

    data_node_id: str
    config_id: str
    because: str


class ScenarioForked(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario
    diff: Annotated[
        list[InputDifference],
        Meta(description="The inputs that differ, in the order of their use."),
    ]
    not_shared: Annotated[
        list[UnsharedDataNode],
        Meta(
            description="Data nodes whose values are at places that the user named, and so are not "
            "shared by both scenarios."
        ),
    ]


class ScenarioAnswer(Struct, kw_only=True, frozen=True):
    """The scenario after the request."""

    message: str
    scenario: Scenario


class ScenarioSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Scenario
    submission: Submission


class ComparisonProblem(Struct, kw_only=True, frozen=True):
    """Reason why a comparator has no result."""

    data_node_config_id: str
    comparator: Annotated[
        str | None, Meta(description="null if the data node has no values to compare.")
    ]
    code: Annotated[str, Meta(examples=["comparator_failed"])]
    message: str


class Comparison(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Results of comparators, by data node config and comparator."""

    comparisons: Annotated[
        dict[str, dict[str, Any]], Meta(examples=[{"plan": {"compare_costs": [0, 1250.5]}}])
    ]
    errors: Annotated[
        list[ComparisonProblem],
        Meta(description="Comparators without a result; omitted if all have one."),
    ] = field(default_factory=list)

"""Plans: what a submit would run."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from scenarist.domain.freshness import RunReason
from scenarist.domain.vocabulary import EntityType, PlannedAction
from scenarist.schemas.base import Request


class PlanOptions(Request, kw_only=True, frozen=True):
    """Options of the submit that is planned; all are optional."""

    force: Annotated[bool, Meta(description="Run skippable tasks even if nothing changed.")] = False


class PlanWithInputs(PlanOptions, kw_only=True, frozen=True):
    """Options of the submit of a scenario or sequence that is planned; all are optional."""

    inputs: Annotated[
        dict[str, Any],
        Meta(
            description="Values of inputs of the scenario by name, which the submit would write "
            "first. They are checked as by the submit, and not written."
        ),
    ] = field(default_factory=dict)


class PlannedTask(Struct, kw_only=True, frozen=True):
    task_id: str
    task_config_id: str
    action: Annotated[
        PlannedAction,
        Meta(
            description="RUN, SKIP, TAKE its outputs from the cache, WAIT for a first value of an "
            "input, or FAIL because the value of an input is gone."
        ),
    ]
    reason: Annotated[RunReason | None, Meta(description="Why it would run.")]
    because: Annotated[
        str,
        Meta(
            description="Why, in a sentence.",
            examples=["data node 'growth' was written at 2026-03-01T12:00:00Z by ines"],
        ),
    ]
    seconds: Annotated[
        float | None,
        Meta(description="How long it runs, estimated from past runs; null without any."),
    ]


class SubmitPlan(Struct, kw_only=True, frozen=True):
    entity_id: str
    entity_type: EntityType
    tasks: Annotated[list[PlannedTask], Meta(description="In the order of their jobs.")]
    counts: Annotated[
        dict[PlannedAction, int],
        Meta(description="Tasks by action.", examples=[{"RUN": 2, "SKIP": 1}]),
    ]
    seconds: Annotated[
        float | None,
        Meta(
            description="Sum of the estimates of the tasks that would run; null if one is missing."
        ),
    ]


class OnePlan(Struct, kw_only=True, frozen=True):
    plan: SubmitPlan

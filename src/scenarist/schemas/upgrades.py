"""Upgrades: what brings a scenario to the structure that its config declares now."""

from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.upgrades import UpgradeAction
from scenarist.domain.vocabulary import EntityKind
from scenarist.schemas.base import Request
from scenarist.schemas.scenarios import Scenario


class UpgradeOptions(Request, kw_only=True, frozen=True):
    """Options of an upgrade; all are optional."""

    dry_run: Annotated[
        bool, Meta(description="Change nothing; return what would be changed, or why it cannot be.")
    ] = False


class UpgradeChange(Struct, kw_only=True, frozen=True):
    """What an upgrade does to a task, a data node or a sequence of the scenario."""

    action: Annotated[
        UpgradeAction,
        Meta(
            description="CREATED; ATTACHED, if it exists already; REPLACED by another one of the "
            "same config; DETACHED, so no longer part of the scenario, but readable; CHANGED."
        ),
    ]
    entity_type: Annotated[EntityKind, Meta(description="TASK, DATA_NODE or SEQUENCE.")]
    name: Annotated[str, Meta(description="Its config, or the name of the sequence.")]
    id: Annotated[str | None, Meta(description="null if a dry run would create it.")]
    former_id: Annotated[str | None, Meta(description="What it replaces.")]
    because: Annotated[
        str, Meta(description="Why, in a sentence.", examples=["the config declares it now"])
    ]


class Upgrade(Struct, kw_only=True, frozen=True):
    changes: Annotated[
        list[UpgradeChange], Meta(description="Empty if there is nothing to upgrade.")
    ]
    kept: Annotated[
        dict[str, list[str]],
        Meta(
            description="Identifiers of what stays as it is: tasks, data_nodes and sequences.",
            examples=[{"tasks": ["TASK_plan_fuel_0…"], "data_nodes": [], "sequences": []}],
        ),
    ]
    notes: Annotated[
        list[str], Meta(description="What differs from the config and stays so, in sentences.")
    ]


class ScenarioUpgraded(Struct, kw_only=True, frozen=True):
    message: str
    scenario: Annotated[Scenario, Meta(description="The scenario after the request.")]
    upgrade: Upgrade

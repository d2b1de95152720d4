"""What is done for each new scenario, whether it is created from its config or forked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from scenarist.db import cycles as cycle_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.domain.entities import Cycle, Scenario
from scenarist.domain.identifiers import ScenarioId
from scenarist.domain.locations import Owner
from scenarist.domain.vocabulary import EntityKind, Frequency, Scope
from scenarist.services.cycles import make_cycle
from scenarist.services.factory import EntityBuilder


def find_or_create_cycle(
    builder: EntityBuilder, frequency: Frequency | None, at: datetime, zone: ZoneInfo
) -> Cycle | None:
    """Return the cycle of a time, and create it if there is none; None without a frequency."""
    if frequency is None:
        return None
    cycle, is_new = cycle_rows.find_or_create(
        builder.connection, make_cycle(frequency, at, zone, builder.now)
    )
    if is_new:
        builder.log_created(EntityKind.CYCLE, cycle.id)
    return cycle


def build_for(
    builder: EntityBuilder,
    scenario_id: ScenarioId,
    name: str | None,
    properties: Mapping[str, Any],
    cycle: Cycle | None,
) -> None:
    """Have a builder create what belongs to a scenario, or to its cycle."""
    cycle_id = None if cycle is None else cycle.id
    builder.owners = {Scope.SCENARIO: scenario_id, Scope.CYCLE: cycle_id, Scope.GLOBAL: None}
    builder.owner = Owner(
        scenario_id=scenario_id,
        scenario_name=name,
        scenario_properties=properties,
        cycle_id=cycle_id,
        cycle_name=None if cycle is None else cycle.name,
    )


def becomes_primary(connection: Connection, cycle: Cycle | None) -> bool:
    """Return whether a new scenario is the first one of its cycle."""
    return cycle is not None and scenario_rows.find_primary(connection, cycle.id) is None


def store_scenario(builder: EntityBuilder, scenario: Scenario) -> None:
    """Store a scenario and its sequences, whose tasks and data nodes are stored already."""
    scenario_rows.add(builder.connection, scenario)
    builder.log_created(EntityKind.SCENARIO, scenario.id)
    for sequence in scenario.sequences:
        sequence_rows.add(builder.connection, sequence)
        builder.log_created(EntityKind.SEQUENCE, sequence.id)

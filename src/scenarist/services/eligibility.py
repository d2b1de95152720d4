"""Eligibility: whether a scenario can be submitted, deleted and promoted now, and why not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from scenarist.db import eligibility
from scenarist.db import scenarios as scenario_rows
from scenarist.db.eligibility import Obstacle, ScenarioFacts, Wiring
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import require_found
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.locations import describe_replacement
from scenarist.domain.timestamps import MAX_LOCK, MAX_WRITE_CLAIM, format_timestamp, is_unexpired
from scenarist.services.locks import describe_lock
from scenarist.services.outcomes import with_outcomes
from scenarist.services.staleness import Staleness, StalenessReader
from scenarist.storage.registry import explain_missing, find_file_state

ALREADY_PRIMARY = "it is already the primary scenario of its cycle"
NO_CYCLE = "it has no cycle; only scenarios of a config with a frequency have one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Eligibility:
    """A scenario, with the reasons against submit, delete and promote; without reasons, it can.

    Args:
        staleness: That of its data nodes.
    """

    scenario: Scenario
    submit: tuple[str, ...]
    delete: tuple[str, ...]
    promote: tuple[str, ...]
    staleness: Staleness

    @property
    def reasons(self) -> dict[str, list[str]]:
        """The reasons by action, without actions that are possible now."""
        reasons = {"submit": self.submit, "delete": self.delete, "promote": self.promote}
        return {action: list(why) for action, why in reasons.items() if why}


class EligibilityReader:
    """Reads what is known of a scenario beside its records: eligibility, outcomes, stale values.

    Args:
        declared: What the application declares now; None to take tasks as recorded.
    """

    def __init__(self, declared: DeclaredConfigs | None, now: Callable[[], datetime]) -> None:
        self._declared = declared
        self._now = now
        self._staleness = StalenessReader(declared)

    def read(self, connection: Connection, scenario: Scenario) -> Eligibility:
        """Check what can be done with a scenario that exists, and which of its values are stale.

        Takes one SQL statement, another one if outcomes are declared, and one or two more if it
        depends on what other scenarios have made; more if values have changed since the last time.
        """
        now, declared = self._now(), self._declared
        (scenario,) = with_outcomes(connection, [scenario], declared)
        facts = eligibility.find_facts(connection, scenario.id)
        found = self._staleness.find_of_scenario(connection, scenario, facts.marks)
        return Eligibility(
            scenario=_mark_stale_outcomes(scenario, found),
            submit=(
                *_find_declaration_faults(scenario, facts.wiring, declared),
                *_reasons_against_submit(facts.obstacles, now),
            ),
            delete=tuple(_reasons_against_delete(scenario, facts)),
            promote=_reasons_against_promote(scenario),
            staleness=found,
        )


def get_scenario(connection: Connection, scenario_id: str) -> Scenario:
    """Return a scenario as it is stored, without what `EligibilityReader` adds.

    Raises:
        NotFoundError: There is none with this identifier.
    """
    return require_found(scenario_rows.find(connection, scenario_id), "scenario", scenario_id)


def _mark_stale_outcomes(scenario: Scenario, staleness: Staleness) -> Scenario:
    """Return a scenario whose outcomes say whether the values that they are from are stale."""
    if not scenario.outcomes:
        return scenario
    outcomes = {
        name: outcome
        if outcome.data_node_id is None
        else replace(outcome, is_stale=staleness.find(outcome.data_node_id).is_stale)
        for name, outcome in scenario.outcomes.items()
    }
    return replace(scenario, outcomes=outcomes)


def owners_of(scenario: Scenario, *, has_siblings: bool) -> tuple[str, ...]:
    """Return the owners deleted with a scenario: itself, and its cycle if it has no siblings."""
    if scenario.cycle_id is None or has_siblings:
        return (scenario.id,)
    return (scenario.id, scenario.cycle_id)


def primary_reason(scenario: Scenario) -> str:
    """Return why a primary scenario with siblings cannot be deleted."""
    return (
        f"it is the primary scenario of cycle {scenario.cycle_id}, which has other scenarios; "
        "promote one of them first"
    )


def _find_declaration_faults(
    scenario: Scenario, wiring: Sequence[Wiring], declared: DeclaredConfigs | None
) -> list[str]:
    """Return why tasks cannot run because the application has changed their declaration."""
    if declared is None:
        return []
    faults = [declared.find_scenario_fault(scenario.config_id)]
    faults += [
        declared.find_task_fault(task.config_id, task.inputs, task.outputs) for task in wiring
    ]
    return [fault for fault in faults if fault is not None]


def _reasons_against_submit(obstacles: Sequence[Obstacle], now: datetime) -> list[str]:
    reasons = []
    for node in obstacles:
        if node.missing is not None:
            reasons += _reasons_of_missing(node.id, node.storage_type, node.missing)
        if node.replaced_by is not None:
            reasons.append(describe_replacement(node.id, node.replaced_by))
        reasons += _reasons_of_locks(node, now)
    return reasons


def _reasons_of_locks(node: Obstacle, now: datetime) -> list[str]:
    reasons = []
    if node.locked_until is not None and is_unexpired(node.locked_until, now, MAX_LOCK):
        until = format_timestamp(node.locked_until)
        who = describe_lock(node.locked_by or "", node.lock_holder)
        reasons.append(f"data node {node.id} is locked by {who} until {until}")
    if node.claimed_until is not None and is_unexpired(node.claimed_until, now, MAX_WRITE_CLAIM):
        until = format_timestamp(node.claimed_until)
        reasons.append(f"a worker writes data node {node.id} for {node.claimed_by} until {until}")
    return reasons


def _reasons_of_missing(
    node_id: DataNodeId, storage_type: str, properties: Mapping[str, Any]
) -> list[str]:
    if find_file_state(storage_type, properties) is not None:
        return []
    missing = explain_missing(storage_type, properties)
    return [f"data node {node_id} has no value yet{f': {missing}' if missing else ''}"]


def _reasons_against_delete(scenario: Scenario, facts: ScenarioFacts) -> list[str]:
    reasons = [primary_reason(scenario)] if scenario.is_primary and facts.has_siblings else []
    if facts.unfinished is not None:
        reasons.append(f"submission {facts.unfinished} is under way")
    return reasons


def _reasons_against_promote(scenario: Scenario) -> tuple[str, ...]:
    if scenario.cycle_id is None:
        return (NO_CYCLE,)
    return (ALREADY_PRIMARY,) if scenario.is_primary else ()

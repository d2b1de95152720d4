"""Outcomes of scenarios: reads their numbers, and fills in those of new declarations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy import Connection

from scenarist.db import outcomes as outcome_rows
from scenarist.db.engine import Database
from scenarist.db.outcomes import OutcomeRow
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import OutcomeOfScenario, Scenario
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import OUTCOMES, PageRequest, ScenarioFilter
from scenarist.domain.outcomes import DeclaredOutcome

_log = structlog.get_logger(__name__)

AT_ONCE = 200
"""Rows that are filled in one transaction: each may take a value of 64 KiB from the database."""


def with_outcomes(
    connection: Connection, scenarios: Sequence[Scenario], declared: DeclaredConfigs | None
) -> list[Scenario]:
    """Return scenarios with their outcomes; takes one SQL statement if any of them has some."""
    outcomes = {} if declared is None else declared.outcomes
    judged = [scenario.id for scenario in scenarios if scenario.config_id in outcomes]
    if not judged:
        return list(scenarios)
    rows = outcome_rows.read(connection, judged)
    return [
        replace(
            scenario,
            outcomes={
                name: _to_outcome(outcome, rows.get((scenario.id, name)))
                for name, outcome in outcomes[scenario.config_id].items()
            },
        )
        if scenario.config_id in outcomes
        else scenario
        for scenario in scenarios
    ]


def add_outcomes(
    connection: Connection,
    scenario_id: str,
    config_id: str,
    declared: DeclaredConfigs | None,
) -> None:
    """Give a scenario its outcomes, with the numbers of the values that its data nodes have.

    For a new scenario, or one that has got other data nodes; takes no statement without outcomes.
    """
    outcomes = {} if declared is None else declared.outcomes.get(config_id, {})
    if outcomes:
        outcome_rows.renew(connection, scenario_id, outcomes)


def find_configs_of_sort(
    declared: DeclaredConfigs | None, wanted: ScenarioFilter, request: PageRequest
) -> list[str]:
    """Return the scenario configs in a list that have the outcome by which it is sorted, if any.

    Raises:
        InvalidError: None of them has an outcome that the list is sorted or filtered by; the
            message lists those that they have.
    """
    outcomes = {} if declared is None else declared.outcomes
    among = {
        config_id: named
        for config_id, named in outcomes.items()
        if not wanted.config_id or config_id in wanted.config_id
    }
    for name in wanted.outcomes:
        if not any(name in named for named in among.values()):
            raise _make_unknown_error(name, among, wanted, f"{OUTCOMES}{name}")
    if request.sort is None or not request.sort.startswith(OUTCOMES):
        return []
    name = request.sort.removeprefix(OUTCOMES)
    configs = [config_id for config_id, named in among.items() if name in named]
    if not configs:
        raise _make_unknown_error(name, among, wanted, "sort")
    return configs


def fill_outcomes(database: Database, declared: DeclaredConfigs) -> None:
    """Give existing scenarios the outcomes that are declared now, and missing numbers.

    A number is taken from what the database keeps of the present value. Where that is too little,
    the outcome has no value until the next run or write. This can be repeated without effect.
    """
    for config_id, outcomes in declared.outcomes.items():
        for name, outcome in outcomes.items():
            _fill(database, config_id, name, outcome)


def _fill(database: Database, config_id: str, name: str, outcome: DeclaredOutcome) -> None:
    count = database.write(
        lambda connection: outcome_rows.add_missing(connection, config_id, name, outcome)
    )
    if count:
        _log.info("scenarios have got an outcome", config=config_id, outcome=name, scenarios=count)
    outdated = outcome_rows.find_outdated(database.reader, config_id, name)
    for start in range(0, len(outdated), AT_ONCE):
        some = outdated[start : start + AT_ONCE]
        database.write(partial(outcome_rows.refresh_some, name=name, scenario_ids=some))


def _to_outcome(declared: DeclaredOutcome, row: OutcomeRow | None) -> OutcomeOfScenario:
    if row is None:
        reason: str | None = (
            f"the scenario has no data node {declared.data_node!r}, or a server that does not "
            "know this outcome has created it; in that case, the next start of a server fills it in"
        )
        return OutcomeOfScenario(declared=declared, value=None, reason=reason, data_node_id=None)
    value, reason = row.value, row.reason
    if not row.has_value:
        value, reason = None, f"data node {row.data_node_id} has no value yet"
    elif not row.is_present or (row.pointer, row.node_config) != (
        declared.pointer,
        declared.data_node,
    ):
        value, reason = None, "a program that does not know this outcome has written the value"
    return OutcomeOfScenario(
        declared=declared, value=value, reason=reason, data_node_id=row.data_node_id
    )


def _make_unknown_error(
    name: str,
    among: Mapping[str, Mapping[str, DeclaredOutcome]],
    wanted: ScenarioFilter,
    field: str,
) -> InvalidError:
    known = ", ".join(dict.fromkeys(known for named in among.values() for known in named)) or "none"
    of = f" of config {', '.join(wanted.config_id)}" if wanted.config_id else ""
    message = f"scenarios{of} have no outcome {name[:100]!r}; there are: {known}"
    errors = [{"field": field, "message": message}]
    return InvalidError(message, code="outcome_unknown", errors=errors)

"""Scenarios side by side: what differs in their inputs, their outcomes, and columns of a table."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection

from scenarist.config import ConfigRegistry
from scenarist.db import inputs as input_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db.comparisons import NewestValue, find_newest_values, find_renditions
from scenarist.db.engine import Database
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import OutcomeOfScenario, Scenario
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.services.configs import describe_input
from scenarist.services.eligibility import EligibilityReader
from scenarist.services.input_differences import InputSideBySide, ValuesToCompare
from scenarist.services.value_reader import make_json_location
from scenarist.services.worker_calls import (
    CallInWorker,
    FunctionCall,
    call_concurrently,
    make_error,
)
from scenarist.storage.base import ValueLocation, WriteTarget, fingerprint_of
from scenarist.storage.operations.differences import Columns, Differences, find_differences
from scenarist.system.json_decoding import decode_json

T = TypeVar("T")

MOST_SCENARIOS = 20
MOST_CALLS = 20
"""Inputs that workers compare for one request at most."""

_AT_ONCE = 16
_MOST_DIFFERENCES = 100
_MOST_ROWS = 1_000
_MOST_COLUMNS = 20
_COMPARE = "scenarist.storage.operations.differences:compare_values"
_COLLECT = "scenarist.storage.operations.differences:collect_columns"


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureSideBySide:
    """An outcome of a scenario, and how far it is from that of the base.

    Args:
        outcome: None if the scenario has no such outcome.
        difference: None unless both have a value, in the same unit.
        percent: The difference in percent of the base; None also if that is 0.
    """

    outcome: OutcomeOfScenario | None
    difference: float | None
    percent: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSideBySide:
    """Columns of one table in several scenarios.

    Args:
        order: The scenarios whose values were read, in the order in *columns*.
        reasons: Why other scenarios have no table, by scenario.
    """

    data_node: str
    order: Sequence[str]
    columns: Columns
    reasons: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenariosSideBySide:
    """Several scenarios compared with one of them."""

    base: str
    scenarios: Sequence[Scenario]
    inputs: Sequence[InputSideBySide]
    outcomes: Mapping[str, Mapping[str, FigureSideBySide]]
    table: TableSideBySide | None


class SideBySideService:
    """Compares scenarios of any configs, without functions of the application.

    Args:
        compute: Reads values in a worker that the database does not have as JSON.
        folder: Where workers write large results until they are read.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        compute: CallInWorker,
        *,
        folder: str,
        now: Callable[[], datetime],
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._compute = compute
        self._folder = folder
        self._now = now
        self._eligibility = EligibilityReader(declared, now)

    def compare(
        self,
        actor: Actor,
        scenario_ids: Sequence[str],
        *,
        base: str | None = None,
        with_equal: bool = False,
        table: str | None = None,
    ) -> ScenariosSideBySide:
        """Compare the present inputs and outcomes of scenarios with those of one of them.

        What cannot be compared says why. Nothing is changed.

        Args:
            base: One of the scenarios; defaults to the first.
            with_equal: Whether to return also the inputs that are the same in all scenarios.
            table: A data node config whose tables are returned as well, by columns.

        Raises:
            NotFoundError: There is no such scenario, or none has a data node of that config.
            InvalidError: There are fewer than two scenarios, more than 20, or one is given twice;
                or the base is none of them.
            ConflictError: The tables cannot be read.
            UnavailableError: No worker was available to read the tables.
        """
        actor.require(Permission.READ)
        connection = self._database.reader
        scenarios = [
            self._eligibility.read(connection, scenario).scenario
            for scenario in _load(connection, scenario_ids)
        ]
        chosen = scenario_ids[0] if base is None else base
        if chosen not in scenario_ids:
            raise _refuse("base", f"the base {chosen[:100]!r} is none of the compared scenarios")
        inputs = self._compare_inputs(connection, scenario_ids, chosen)
        return ScenariosSideBySide(
            base=chosen,
            scenarios=scenarios,
            inputs=[item for item in inputs if with_equal or item.differs is not False],
            outcomes=_compare_outcomes(scenarios, chosen),
            table=None
            if table is None
            else self._read_table(connection, scenario_ids, chosen, table),
        )

    def _compare_inputs(
        self, connection: Connection, scenario_ids: Sequence[str], base: str
    ) -> list[InputSideBySide]:
        names, made = _list_names(connection, scenario_ids)
        calls = 0
        compared: list[InputSideBySide] = []
        # In parts, as each value may have been read with 64 KiB of its bytes.
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            found = find_newest_values(connection, scenario_ids, some)
            values = [
                ValuesToCompare(
                    name,
                    {each: found.get((each, name)) for each in scenario_ids},
                    base=base,
                    made_in=[each for each in scenario_ids if (each, name) in made],
                )
                for name in some
            ]
            compared += self._compare_values(connection, values, may_call=MOST_CALLS - calls)
            calls += sum(_needs_worker(item) for item in values)
        return [self._with_titles(item) for item in compared]

    def _compare_values(
        self, connection: Connection, values: Sequence[ValuesToCompare], *, may_call: int
    ) -> list[InputSideBySide]:
        """Compare values in the server, or in workers, of which there is one call for each input.

        Args:
            may_call: How many calls there may be; then values are not compared.
        """
        for_workers = [item for item in values if _needs_worker(item)]
        works = [
            partial(item.compare, self._compare_in_worker if count < may_call else _refuse_more)
            for count, item in enumerate(for_workers)
        ]
        by_workers = {item.name: item for item in call_concurrently(works)}
        in_server = partial(_compare_renditions, connection)
        return [by_workers.get(item.name) or item.compare(in_server) for item in values]

    def _with_titles(self, item: InputSideBySide) -> InputSideBySide:
        config = self._registry.data_nodes.get(item.name)
        if config is None:
            return item
        said = describe_input(config)
        return replace(item, title=said.title, unit=said.unit)

    def _compare_in_worker(self, values: Sequence[NewestValue]) -> Differences:
        options = {"most": _MOST_DIFFERENCES}
        return self._call(_COMPARE, values, options, Differences)

    def _read_table(
        self, connection: Connection, scenario_ids: Sequence[str], base: str, name: str
    ) -> TableSideBySide:
        found = find_newest_values(connection, scenario_ids, [name])
        if not found:
            raise NotFoundError(f"none of the scenarios has a data node {name[:100]!r}")
        values = ValuesToCompare(
            name, {each: found.get((each, name)) for each in scenario_ids}, base=base
        )
        order = list(values.readable)
        reasons = {each: why for each, why in values.reasons.items() if why is not None}
        columns = Columns(labels=None, numbers={}, lengths=[])
        if order:
            options = {"most_rows": _MOST_ROWS, "most_columns": _MOST_COLUMNS}
            columns = self._call(_COLLECT, list(values.readable.values()), options, Columns)
            for each, length in zip(order, columns.lengths, strict=True):
                if length is None:
                    reasons[each] = "the value is no table, nor a list of objects"
        return TableSideBySide(data_node=name, order=order, columns=columns, reasons=reasons)

    def _call(
        self,
        function: str,
        values: Sequence[NewestValue],
        options: Mapping[str, Any],
        kind: type[T],
    ) -> T:
        target = WriteTarget(
            data_node_id="COMPARISON",
            edit_id=make_uuid(self._now()),
            storage_type="json",
            folder=self._folder,
        )
        inputs = (*map(_to_location, values), make_json_location(options))
        result = self._compute(FunctionCall(function=function, inputs=inputs, outputs=(target,)))
        if not result.is_successful:
            raise make_error(
                result,
                doing="the values could not be compared",
                code="data_node_unreadable",
                is_clients=False,
            )
        return msgspec.json.decode(result.take_json(), type=kind)


def _load(connection: Connection, scenario_ids: Sequence[str]) -> list[Scenario]:
    if not 2 <= len(scenario_ids) <= MOST_SCENARIOS:
        raise _refuse(
            "ids",
            f"give the identifiers of 2 to {MOST_SCENARIOS} scenarios to compare; got "
            f"{len(scenario_ids)}",
        )
    twice = [item for item, count in Counter(scenario_ids).items() if count > 1]
    if twice:
        raise _refuse("ids", f"scenario {twice[0][:100]} is given more than once")
    found = scenario_rows.find_many(connection, scenario_ids)
    unknown = set(scenario_ids) - {scenario.id for scenario in found}
    if unknown:
        raise NotFoundError(f"no scenario has the identifier {', '.join(sorted(unknown))[:1000]}")
    return found


def _refuse(field: str, message: str) -> InvalidError:
    return InvalidError(message, errors=[{"field": field, "message": message}])


def _refuse_more(_values: Sequence[NewestValue]) -> Differences:
    raise ConflictError(
        f"one request compares at most {MOST_CALLS} inputs with large values in detail"
    )


def _list_names(
    connection: Connection, scenario_ids: Sequence[str]
) -> tuple[list[str], set[tuple[str, str]]]:
    """Return the names of the inputs of scenarios, and the data nodes that their tasks write."""
    nodes = [
        (scenario_id, node)
        for scenario_id in scenario_ids
        for node in input_rows.list_nodes(connection, scenario_id)
    ]
    names = dict.fromkeys(node.config_id for _, node in nodes if not node.is_made)
    made = {(scenario_id, node.config_id) for scenario_id, node in nodes if node.is_made}
    return list(names), made


def _needs_worker(item: ValuesToCompare) -> bool:
    return item.needs_reading and not item.is_rendered


def _compare_renditions(connection: Connection, values: Sequence[NewestValue]) -> Differences:
    """Compare values that the database has as JSON."""
    ids = [value.edit_id for value in values if value.edit_id is not None]
    texts = find_renditions(connection, list(dict.fromkeys(ids)))
    if not texts.keys() >= set(ids):
        raise ConflictError("a value was deleted while it was compared; compare again")
    data = [decode_json(texts[edit_id]) for edit_id in ids]
    return find_differences(data, most=_MOST_DIFFERENCES)


def _to_location(value: NewestValue) -> ValueLocation:
    # The JSON form does not depend on `exposed_type`, and needs rows.
    plain = {key: item for key, item in value.properties.items() if key != "exposed_type"}
    return ValueLocation(
        storage_type=value.storage_type,
        properties=plain,
        uri=value.uri,
        content=value.content,
        fingerprint=fingerprint_of(plain, value.size, value.digest, value.stamp),
    )


def _compare_outcomes(
    scenarios: Sequence[Scenario], base: str
) -> dict[str, dict[str, FigureSideBySide]]:
    names = dict.fromkeys(name for scenario in scenarios for name in scenario.outcomes)
    (chosen,) = (scenario for scenario in scenarios if scenario.id == base)
    return {
        name: {
            scenario.id: _compare_figures(scenario.outcomes.get(name), chosen.outcomes.get(name))
            for scenario in scenarios
        }
        for name in names
    }


def _compare_figures(
    outcome: OutcomeOfScenario | None, base: OutcomeOfScenario | None
) -> FigureSideBySide:
    if (
        outcome is None
        or base is None
        or outcome.value is None
        or base.value is None
        or outcome.declared.unit != base.declared.unit
    ):
        return FigureSideBySide(outcome=outcome, difference=None, percent=None)
    # As decimals, since people expect 0.3 - 0.1 to be 0.2.
    whole = Decimal(repr(base.value))
    difference = Decimal(repr(outcome.value)) - whole
    percent = None if whole == 0 else float(100 * difference / abs(whole))
    return FigureSideBySide(outcome=outcome, difference=float(difference), percent=percent)

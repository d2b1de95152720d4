"""Compares scenarios: runs the comparators of their config on their values, in workers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.db import audit
from scenarist.db import scenarios as scenario_rows
from scenarist.db.comparisons import QUOTE_LENGTH, NewestValue, find_newest_values
from scenarist.db.engine import Database
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError, ScenaristError
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.locations import describe_replacement
from scenarist.domain.permissions import Actor, Permission
from scenarist.services.worker_calls import (
    CallInWorker,
    CallResult,
    FunctionCall,
    call_concurrently,
)
from scenarist.storage.base import ValueLocation, WriteTarget, fingerprint_of
from scenarist.storage.registry import find_storage, named_path

_MAX_LISTED = 5
_MAX_SCENARIOS = 1000
_JSON = "json"
_RESULT_ID = "COMPARISON"  # in place of the data node of a target


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonFault:
    """The reason why a comparator has no result.

    Args:
        comparator: None if the data node has no values to compare.
    """

    data_node_config_id: str
    comparator: str | None
    error: ScenaristError

    @property
    def path(self) -> str:
        return ".".join(filter(None, (self.data_node_config_id, self.comparator)))


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonOutcome:
    """The results of a comparison.

    Args:
        results: JSON texts, by data node config and by comparator.
        faults: Reasons why other comparators have no result.
    """

    results: Mapping[str, Mapping[str, str]]
    faults: Sequence[ComparisonFault]


class ComparisonService:
    """Compares scenarios of one config.

    Args:
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
    ) -> None:
        self._database = database
        self._registry = registry
        self._compute = compute
        self._folder = folder
        self._now = now

    def compare(
        self,
        actor: Actor,
        scenario_ids: Sequence[str],
        data_node_config_ids: Sequence[str] | None = None,
    ) -> ComparisonOutcome:
        """Run comparators on the newest values of scenarios, in the given order of scenarios.

        A comparator that fails does not affect the results of the others.

        Args:
            data_node_config_ids: Data nodes to compare; defaults to all that have comparators.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: They cannot be compared, or a data node config has no comparator; the
                message lists those that have.
            ConflictError: There is no result: values are missing, or each comparator failed.
            UnavailableError: There is no result, because no worker is available.
        """
        actor.require(Permission.EXECUTE)
        scenarios = self._load_scenarios(scenario_ids)
        config = self._find_config(scenarios)
        chosen = _choose_data_nodes(config, data_node_config_ids)
        values = find_newest_values(self._database.reader, scenario_ids, chosen)
        runs: list[_ComparatorRun] = []
        faults: list[ComparisonFault] = []
        for name in chosen:
            found = [(scenario, values.get((scenario.id, name))) for scenario in scenarios]
            fault = _find_missing(found, name)
            if fault is not None:
                faults.append(
                    ComparisonFault(data_node_config_id=name, comparator=None, error=fault)
                )
                continue
            runs += [
                _ComparatorRun(
                    name, label, function, [(one, value) for one, value in found if value]
                )
                for label, function in _label_functions(config.comparators[name]).items()
            ]
        if actor.origin is not None:
            self._database.write(
                lambda connection: audit.record_allowed(connection, actor, None, self._now())
            )
        results: dict[str, dict[str, str]] = {}
        for run, outcome in zip(runs, self._run_all(runs), strict=True):
            if isinstance(outcome, str):
                results.setdefault(run.node, {})[run.label] = outcome
            else:
                faults.append(
                    ComparisonFault(
                        data_node_config_id=run.node, comparator=run.label, error=outcome
                    )
                )
        if not results:
            raise _merge_faults(faults)
        return ComparisonOutcome(results=results, faults=faults)

    def _run_all(self, runs: "Sequence[_ComparatorRun]") -> list[str | ScenaristError]:
        """Return the results of comparators, or why there is none."""

        def outcome(run: _ComparatorRun) -> str | ScenaristError:
            try:
                return self._run_comparator(run)
            except ScenaristError as error:
                return error

        return call_concurrently([partial(outcome, run) for run in runs])

    def _load_scenarios(self, scenario_ids: Sequence[str]) -> list[Scenario]:
        if len(scenario_ids) < 2:
            raise InvalidError(
                f"a comparison needs two or more scenarios; got {len(scenario_ids)}",
                errors=[{"field": "scenario_ids", "message": "fewer than two"}],
            )
        if len(scenario_ids) > _MAX_SCENARIOS:
            raise InvalidError(
                f"at most {_MAX_SCENARIOS} scenarios can be compared; got {len(scenario_ids)}",
                errors=[{"field": "scenario_ids", "message": f"more than {_MAX_SCENARIOS}"}],
            )
        twice = [item for item, count in Counter(scenario_ids).items() if count > 1]
        if twice:
            raise InvalidError(
                f"scenarios to compare must differ; named more than once: {', '.join(twice)}",
                errors=[{"field": "scenario_ids", "message": "named more than once"}],
            )
        scenarios = scenario_rows.find_many(self._database.reader, scenario_ids)
        known = {scenario.id for scenario in scenarios}
        unknown = [item for item in scenario_ids if item not in known]
        if unknown:
            raise NotFoundError(f"no scenario has the identifier {', '.join(unknown)}")
        return scenarios

    def _find_config(self, scenarios: Sequence[Scenario]) -> ScenarioConfig:
        config_ids = list(dict.fromkeys(scenario.config_id for scenario in scenarios))
        if len(config_ids) > 1:
            raise InvalidError(
                f"scenarios to compare must be of one config; these are of {', '.join(config_ids)}",
                errors=[{"field": "scenario_ids", "message": "of more than one config"}],
            )
        config = self._registry.scenarios.get(config_ids[0])
        if config is None:
            raise InvalidError(
                f"the application no longer has the scenario config {config_ids[0]!r}, and so no "
                "comparators for these scenarios",
                errors=[{"field": "scenario_ids", "message": "their config no longer exists"}],
            )
        return config

    def _run_comparator(self, run: "_ComparatorRun") -> str:
        target = WriteTarget(
            data_node_id=_RESULT_ID,
            edit_id=make_uuid(self._now()),
            storage_type=_JSON,
            folder=self._folder,
        )
        locations = tuple(
            ValueLocation(
                storage_type=value.storage_type,
                properties=value.properties,
                uri=value.uri,
                content=value.content,
                fingerprint=fingerprint_of(value.properties, value.size, value.digest, value.stamp),
            )
            for _, value in run.values
        )
        computed = self._compute(
            FunctionCall(function=run.function, inputs=locations, outputs=(target,))
        )
        if not computed.is_successful:
            raise _make_failure(run, computed.reason)
        return _take_result(run, computed)


@dataclass(frozen=True, slots=True)
class _ComparatorRun:
    """A run of a comparator on the values of a data node config, one per scenario."""

    node: str
    label: str
    function: str
    values: Sequence[tuple[Scenario, NewestValue]]


def _choose_data_nodes(config: ScenarioConfig, wanted: Sequence[str] | None) -> list[str]:
    """Return the data node configs to compare, without duplicates."""
    names = list(dict.fromkeys(config.comparators if wanted is None else wanted))
    missing = [name for name in names if name not in config.comparators]
    if missing or not config.comparators:
        there_are = ", ".join(config.comparators) or "none"
        what = f" for {', '.join(missing)}" if missing else ""
        raise InvalidError(
            f"scenario config {config.id!r} has no comparator{what}; data nodes with comparators: "
            f"{there_are}",
            code="comparator_missing",
            errors=[{"field": "data_node_config_ids", "message": f"there are: {there_are}"}],
        )
    return names


def _label_functions(functions: Sequence[str]) -> dict[str, str]:
    """Return functions by label: their name, or module and name where names are ambiguous."""
    names = [function.rpartition(":")[2] for function in functions]
    return {
        name if names.count(name) == 1 else str(function): str(function)
        for name, function in zip(names, functions, strict=True)
    }


def _find_missing(
    found: Sequence[tuple[Scenario, NewestValue | None]], config_id: str
) -> ConflictError | None:
    """Return an error that lists scenarios without a value; None if all have one."""
    without = [_describe_scenario(scenario) for scenario, value in found if value is None]
    if without:
        return ConflictError(
            f"the config had no data node {config_id!r} when {_join_first(without)} "
            f"{'was' if len(without) == 1 else 'were'} created; compare scenarios that have it",
            code="data_node_missing",
        )
    unwritten = [
        f"{_describe_scenario(scenario)} ({value.data_node_id})"
        for scenario, value in found
        if value is not None and not value.is_written
    ]
    if unwritten:
        return ConflictError(
            f"data node {config_id!r} has no value yet in {_join_first(unwritten)}; write one, or "
            "submit the tasks that produce it",
            code="data_node_not_written",
        )
    replaced = [
        f"{_describe_scenario(scenario)}: "
        f"{describe_replacement(value.data_node_id, value.replaced_by)}"
        for scenario, value in found
        if value is not None and value.replaced_by is not None
    ]
    if replaced:
        return ConflictError(_join_first(replaced), code="data_node_replaced")
    return None


def _take_result(run: _ComparatorRun, computed: CallResult) -> str:
    try:
        return computed.take_json()
    except (InvalidError, NotFoundError) as error:
        raise _make_failure(run, error.message) from error


def _make_failure(run: _ComparatorRun, reason: str | None) -> ConflictError:
    given = [
        f"{_describe_value(value)} of {_describe_scenario(scenario)}"
        for scenario, value in run.values
    ]
    return ConflictError(
        f"comparator {run.function} of data node {run.node!r} failed: "
        f"{reason or 'its worker died'}; it was called with {_join_first(given)}",
        code="comparator_failed",
    )


def _merge_faults(faults: Sequence[ComparisonFault]) -> ScenaristError:
    """Return the error of a comparison without results, of the type of the first fault."""
    error = faults[0].error
    if len(faults) == 1:
        return error
    return type(error)(
        f"none of the comparators has a result; the first reason: {error.message}",
        code=error.reason,
        errors=[{"field": fault.path, "message": fault.error.message} for fault in faults],
    )


def _describe_scenario(scenario: Scenario) -> str:
    return f"scenario {scenario.id}" if scenario.name is None else f"scenario {scenario.name!r}"


def _describe_value(value: NewestValue) -> str:
    """Return the beginning of a value, unless it may have been replaced since it was recorded."""
    is_elsewhere = (
        find_storage(value.storage_type).is_external or named_path(value.properties) is not None
    )
    if is_elsewhere or value.beginning is None:
        return "the value"
    return value.beginning if len(value.beginning) < QUOTE_LENGTH else f"{value.beginning}…"


def _join_first(texts: Sequence[str]) -> str:
    more = len(texts) - _MAX_LISTED
    named = ", ".join(texts[:_MAX_LISTED])
    return f"{named} and {more} more" if more > 0 else named

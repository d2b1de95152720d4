"""How scenarios are compared: their config's comparators over their values, in a worker."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.db import audit
from scenarist.db import scenarios as scenario_rows
from scenarist.db.comparisons import BEGINNING, NewestValue, newest_values
from scenarist.db.engine import Database
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError, ScenaristError
from scenarist.domain.identifiers import new_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.places import replaced_reason
from scenarist.services.computations import Computation, Compute, Computed
from scenarist.storage.base import Place, Target, kept_of
from scenarist.storage.kinds import find_storage, named_path

_MOST_AT_A_TIME = 4
_MOST_NAMED = 5
_MOST_SCENARIOS = 1000
_JSON = "json"
_RESULT = "COMPARISON"  # stands where a target names its data node


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonFault:
    """Why there is no result of a comparator.

    Args:
        comparator: None where the data node has no values to compare, for any comparator.
    """

    data_node_config_id: str
    comparator: str | None
    error: ScenaristError

    @property
    def place(self) -> str:
        return ".".join(filter(None, (self.data_node_config_id, self.comparator)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What comparators made of scenarios.

    Args:
        results: As JSON text, by data node config and by comparator.
        faults: Why other comparators have no result.
    """

    results: Mapping[str, Mapping[str, str]]
    faults: Sequence[ComparisonFault]


class ComparisonService:
    """Compares scenarios of one config.

    Args:
        folder: Where a large result lies until it is read.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        compute: Compute,
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
    ) -> Comparison:
        """Run comparators over the newest values of scenarios, in the order of these.

        A comparator that fails leaves the results of the others.

        Args:
            data_node_config_ids: Those to compare; all that have comparators, when not given.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: They cannot be compared, or a data node config has no comparator; names
                those that have.
            ConflictError: There is no result at all: values are missing, or each comparator failed.
            UnavailableError: The same, for want of a worker.
        """
        actor.require(Permission.EXECUTE)
        scenarios = self._scenarios(scenario_ids)
        config = self._config_of(scenarios)
        chosen = _chosen(config, data_node_config_ids)
        values = newest_values(self._database.reader, scenario_ids, chosen)
        runs: list[_Run] = []
        faults: list[ComparisonFault] = []
        for name in chosen:
            found = [(scenario, values.get((scenario.id, name))) for scenario in scenarios]
            fault = _missing(found, name)
            if fault is not None:
                faults.append(
                    ComparisonFault(data_node_config_id=name, comparator=None, error=fault)
                )
                continue
            runs += [
                _Run(name, label, function, [(one, value) for one, value in found if value])
                for label, function in _labelled(config.comparators[name]).items()
            ]
        if actor.origin is not None:
            self._database.write(
                lambda connection: audit.add_done(connection, actor, None, self._now())
            )
        results: dict[str, dict[str, str]] = {}
        for run, outcome in zip(runs, self._outcomes(runs), strict=True):
            if isinstance(outcome, str):
                results.setdefault(run.node, {})[run.label] = outcome
            else:
                faults.append(
                    ComparisonFault(
                        data_node_config_id=run.node, comparator=run.label, error=outcome
                    )
                )
        if not results:
            raise _without_result(faults)
        return Comparison(results=results, faults=faults)

    def _outcomes(self, runs: "Sequence[_Run]") -> list[str | ScenaristError]:
        """Run comparators, several at a time: one that takes long does not keep others waiting."""
        if not runs:
            return []

        def outcome(run: _Run) -> str | ScenaristError:
            try:
                return self._result(run)
            except ScenaristError as error:
                return error

        with ThreadPoolExecutor(min(len(runs), _MOST_AT_A_TIME), "comparison") as pool:
            # Each with the trace of the request.
            futures = [pool.submit(copy_context().run, outcome, run) for run in runs]
            return [future.result() for future in futures]

    def _scenarios(self, scenario_ids: Sequence[str]) -> list[Scenario]:
        if len(scenario_ids) < 2:
            raise InvalidError(
                f"two or more scenarios can be compared; got {len(scenario_ids)}",
                errors=[{"field": "scenario_ids", "message": "fewer than two"}],
            )
        if len(scenario_ids) > _MOST_SCENARIOS:
            raise InvalidError(
                f"at most {_MOST_SCENARIOS} scenarios can be compared; got {len(scenario_ids)}",
                errors=[{"field": "scenario_ids", "message": f"more than {_MOST_SCENARIOS}"}],
            )
        twice = [item for item, count in Counter(scenario_ids).items() if count > 1]
        if twice:
            raise InvalidError(
                f"a scenario is compared with others; named more than once: {', '.join(twice)}",
                errors=[{"field": "scenario_ids", "message": "named more than once"}],
            )
        scenarios = scenario_rows.find_many(self._database.reader, scenario_ids)
        known = {scenario.id for scenario in scenarios}
        unknown = [item for item in scenario_ids if item not in known]
        if unknown:
            raise NotFoundError(f"no scenario has the identifier {', '.join(unknown)}")
        return scenarios

    def _config_of(self, scenarios: Sequence[Scenario]) -> ScenarioConfig:
        config_ids = list(dict.fromkeys(scenario.config_id for scenario in scenarios))
        if len(config_ids) > 1:
            raise InvalidError(
                f"scenarios of one config can be compared; these are of {', '.join(config_ids)}",
                errors=[{"field": "scenario_ids", "message": "of more than one config"}],
            )
        config = self._registry.scenarios.get(config_ids[0])
        if config is None:
            raise InvalidError(
                f"the application has no scenario config {config_ids[0]!r} any more, and so no "
                "comparators for these scenarios",
                errors=[{"field": "scenario_ids", "message": "their config is gone"}],
            )
        return config

    def _result(self, run: "_Run") -> str:
        target = Target(
            data_node_id=_RESULT,
            edit_id=new_uuid(self._now()),
            storage_type=_JSON,
            folder=self._folder,
        )
        places = tuple(
            Place(
                storage_type=value.storage_type,
                properties=value.properties,
                uri=value.uri,
                content=value.content,
                kept=kept_of(value.properties, value.size, value.digest, value.stamp),
            )
            for _, value in run.values
        )
        computed = self._compute(
            Computation(function=run.function, inputs=places, outputs=(target,))
        )
        if not computed.is_successful:
            raise _failed(run, computed.reason)
        return _text_of(run, computed)


@dataclass(frozen=True, slots=True)
class _Run:
    """A comparator over the values of a data node config, one of each scenario."""

    node: str
    label: str
    function: str
    values: Sequence[tuple[Scenario, NewestValue]]


def _chosen(config: ScenarioConfig, wanted: Sequence[str] | None) -> list[str]:
    """Return the data node configs to compare, each once."""
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


def _labelled(functions: Sequence[str]) -> dict[str, str]:
    """Name functions by their names, or in full where two modules have one of the same name."""
    names = [function.rpartition(":")[2] for function in functions]
    return {
        name if names.count(name) == 1 else function: function
        for name, function in zip(names, functions, strict=True)
    }


def _missing(
    found: Sequence[tuple[Scenario, NewestValue | None]], config_id: str
) -> ConflictError | None:
    """Say which scenarios have no value of a data node config; None when all have one."""
    without = [_name(scenario) for scenario, value in found if value is None]
    if without:
        return ConflictError(
            f"there was no data node {config_id!r} in the config when {_some(without)} "
            f"{'was' if len(without) == 1 else 'were'} made; compare it for scenarios that have it",
            code="data_node_missing",
        )
    unwritten = [
        f"{_name(scenario)} ({value.data_node_id})"
        for scenario, value in found
        if value is not None and not value.is_written
    ]
    if unwritten:
        return ConflictError(
            f"data node {config_id!r} has no value yet in {_some(unwritten)}; write one, or submit "
            "what produces it",
            code="data_node_not_written",
        )
    replaced = [
        f"{_name(scenario)}: {replaced_reason(value.data_node_id, value.replaced_by)}"
        for scenario, value in found
        if value is not None and value.replaced_by is not None
    ]
    if replaced:
        return ConflictError(_some(replaced), code="data_node_replaced")
    return None


def _text_of(run: _Run, computed: Computed) -> str:
    try:
        return computed.take_json()
    except (InvalidError, NotFoundError) as error:
        raise _failed(run, error.message) from error


def _failed(run: _Run, reason: str | None) -> ConflictError:
    given = [f"{_beginning(value)} of {_name(scenario)}" for scenario, value in run.values]
    return ConflictError(
        f"comparator {run.function} of data node {run.node!r} failed: "
        f"{reason or 'its worker ended'}; it was called with {_some(given)}",
        code="comparator_failed",
    )


def _without_result(faults: Sequence[ComparisonFault]) -> ScenaristError:
    """Return the error of a comparison without any result; the first fault tells its kind."""
    error = faults[0].error
    if len(faults) == 1:
        return error
    return type(error)(
        f"none of the comparators has a result; the first reason: {error.message}",
        code=error.reason,
        errors=[{"field": fault.place, "message": fault.error.message} for fault in faults],
    )


def _name(scenario: Scenario) -> str:
    return f"scenario {scenario.id}" if scenario.name is None else f"scenario {scenario.name!r}"


def _beginning(value: NewestValue) -> str:
    """Return how a value begins, where nobody can have replaced what was noted of it."""
    is_elsewhere = (
        find_storage(value.storage_type).is_external or named_path(value.properties) is not None
    )
    if is_elsewhere or value.beginning is None:
        return "the value"
    return value.beginning if len(value.beginning) < BEGINNING else f"{value.beginning}…"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_NAMED
    named = ", ".join(texts[:_MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named

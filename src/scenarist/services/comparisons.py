"""How scenarios are compared: their config's comparators over their values, in a worker."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.db import audit
from scenarist.db import scenarios as scenario_rows
from scenarist.db.comparisons import NewestValue, newest_values
from scenarist.db.engine import Database
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError
from scenarist.domain.identifiers import new_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.places import replaced_reason
from scenarist.services.computations import Computation, Compute, Computed
from scenarist.storage.base import Place, Target
from scenarist.storage.kinds import discard, read_json

Comparisons = Mapping[str, Mapping[str, str]]
"""Results as JSON text, by data node config and by comparator."""

_JSON = "json"
_RESULT = "COMPARISON"  # stands where a target names its data node


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
    ) -> Comparisons:
        """Run comparators over the newest values of scenarios, in the order of these.

        Args:
            data_node_config_ids: Those to compare; all that have comparators, when not given.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: They cannot be compared, or a data node config has no comparator; names
                those that have.
            ConflictError: A value is missing, or a comparator failed; says why.
            UnavailableError: No worker had the time.
        """
        actor.require(Permission.EXECUTE)
        config = self._config_of(self._scenarios(scenario_ids))
        chosen = _chosen(config, data_node_config_ids)
        values = newest_values(self._database.reader, scenario_ids, chosen)
        places = {
            name: [
                _place(values.get((scenario_id, name)), scenario_id, name)
                for scenario_id in scenario_ids
            ]
            for name in chosen
        }
        if actor.origin is not None:
            self._database.write(
                lambda connection: audit.add_done(connection, actor, None, self._now())
            )
        return {
            name: {
                label: self._result(function, places[name])
                for label, function in _labelled(config.comparators[name]).items()
            }
            for name in chosen
        }

    def _scenarios(self, scenario_ids: Sequence[str]) -> list[Scenario]:
        if len(scenario_ids) < 2:
            raise InvalidError(
                f"two or more scenarios can be compared; got {len(scenario_ids)}",
                errors=[{"field": "scenario_ids", "message": "fewer than two"}],
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

    def _result(self, function: str, places: Sequence[Place]) -> str:
        target = Target(
            data_node_id=_RESULT,
            edit_id=new_uuid(self._now()),
            storage_type=_JSON,
            folder=self._folder,
        )
        computed = self._compute(
            Computation(function=function, inputs=tuple(places), outputs=(target,))
        )
        if not computed.is_successful:
            raise _failed(function, computed.reason)
        return _text_of(function, computed)


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


def _place(value: NewestValue | None, scenario_id: str, config_id: str) -> Place:
    if value is None:
        raise ConflictError(
            f"scenario {scenario_id} was made when its config had no data node {config_id!r}; "
            "compare scenarios that have it",
            code="data_node_missing",
        )
    if not value.is_written:
        raise ConflictError(
            f"data node {value.data_node_id} of scenario {scenario_id} has no value yet; write "
            "one, or submit what produces it",
            code="data_node_not_written",
        )
    if value.replaced_by is not None:
        raise ConflictError(
            f"scenario {scenario_id}: {replaced_reason(value.data_node_id, value.replaced_by)}",
            code="data_node_replaced",
        )
    return Place(
        storage_type=value.storage_type,
        properties=value.properties,
        uri=value.uri,
        content=value.content,
    )


def _text_of(function: str, computed: Computed) -> str:
    (written,) = computed.written
    try:
        return read_json(Place(storage_type=_JSON, uri=written.uri, content=written.content))
    except (InvalidError, NotFoundError) as error:
        raise _failed(function, error.message) from error
    finally:
        discard(written)


def _failed(function: str, reason: str | None) -> ConflictError:
    return ConflictError(
        f"the comparator {function} failed: {reason or 'its worker ended'}",
        code="comparator_failed",
    )

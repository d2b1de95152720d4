"""Lists of scenarios with columns: the status of the newest submission, and values of inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scenarist.config import ConfigRegistry
from scenarist.db import scenario_columns
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.entities import NewestSubmission, Scenario
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import PageRequest, ScenarioFilter
from scenarist.domain.named_files import named_path
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES
from scenarist.services.configs import list_inputs
from scenarist.services.scenarios import ScenarioService

MOST_INPUTS = 8
LONGEST_VALUE = 1000
"""Characters of the largest value that a list shows, as JSON text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioColumns:
    """What a list of scenarios shows beside the scenarios."""

    has_last_submission: bool = False
    inputs: Sequence[str] = ()  #: names of inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedScenario:
    """A scenario of a list, with the columns that were asked for."""

    scenario: Scenario
    last_submission: NewestSubmission | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)  #: small values by name, as JSON text


class ScenarioListService:
    """Lists scenarios with columns, each of which is read by one statement for a whole page."""

    def __init__(
        self, database: Database, registry: ConfigRegistry, scenarios: ScenarioService
    ) -> None:
        self._database = database
        self._registry = registry
        self._scenarios = scenarios

    def list_page(
        self, actor: Actor, wanted: ScenarioFilter, columns: ScenarioColumns, request: PageRequest
    ) -> Page[ListedScenario]:
        """Return a page of scenarios with columns.

        Raises:
            InvalidError: An input is none of any scenario config, or too many are asked for.
        """
        actor.require(Permission.READ)
        self._check_names(columns.inputs)
        page = self._scenarios.list_page(actor, wanted, request)
        connection = self._database.reader
        newest: Mapping[str, NewestSubmission] = {}
        if columns.has_last_submission and page.items:
            newest = scenario_columns.find_newest_submissions(connection, page.items)
        values = self._find_values(page.items, columns.inputs)
        listed = [
            ListedScenario(
                scenario=scenario,
                last_submission=newest.get(scenario.id),
                inputs=values.get(scenario.id, {}),
            )
            for scenario in page.items
        ]
        return Page(listed, page.next_position, page.total)

    def _check_names(self, names: Sequence[str]) -> None:
        if len(names) > MOST_INPUTS:
            raise _refuse(f"{len(names)} inputs; give at most {MOST_INPUTS}")
        if not names:
            return
        known = {
            node.id for config in self._registry.scenarios.values() for node in list_inputs(config)
        }
        for name in names:
            if name not in known:
                listed = ", ".join(sorted(known)[:20]) or "none"
                raise _refuse(
                    f"no scenario config has the input {name[:100]!r}; known are {listed}"
                )

    def _find_values(
        self, scenarios: Sequence[Scenario], names: Sequence[str]
    ) -> dict[str, dict[str, str]]:
        """Return small values of inputs by scenario and name."""
        if not names or not scenarios:
            return {}
        owners = [owner for item in scenarios for owner in (None, item.id, item.cycle_id)]
        found = {
            value.data_node_id: value
            for value in scenario_columns.list_small_values(
                self._database.reader, owners, names, LONGEST_VALUE
            )
            # What others may replace in place is not shown as what it was once.
            if value.storage_type not in EXTERNAL_STORAGE_TYPES
            and named_path(value.properties) is None
        }
        return {
            scenario.id: {
                found[node_id].config_id: found[node_id].rendition
                for node_id in scenario.data_node_ids
                if node_id in found
            }
            for scenario in scenarios
        }


def _refuse(message: str) -> InvalidError:
    return InvalidError(f"inputs: {message}", errors=[{"field": "inputs", "message": message}])

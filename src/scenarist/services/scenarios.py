"""Scenarios: create, read, change, promote and delete them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, ScenarioConfig
from scenarist.db import audit, deletions, eligibility, event_log
from scenarist.db import scenarios as scenario_rows
from scenarist.db.deletions import Cascade
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Event, Scenario
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.listings import PageRequest, ScenarioFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.properties import (
    merge_properties,
    validate_name,
    validate_properties,
    validate_tags,
)
from scenarist.domain.secrets import get_declared_secrets, iter_names
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.configs import authorized_tags
from scenarist.services.cycles import to_utc
from scenarist.services.deletions import make_deletion_events, refuse_unfinished, remove_files
from scenarist.services.eligibility import (
    NO_CYCLE,
    Eligibility,
    EligibilityReader,
    get_scenario,
    owners_of,
    primary_reason,
)
from scenarist.services.factory import (
    EntityBuilder,
    EntityFactory,
    ValuesOfInputs,
    get_config,
)
from scenarist.services.new_scenarios import (
    becomes_primary,
    build_for,
    find_or_create_cycle,
    store_scenario,
)
from scenarist.services.outcomes import add_outcomes, find_configs_of_sort, with_outcomes
from scenarist.services.placement import to_stored

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class NewScenario:
    """The attributes of a scenario to create, as the client gave them."""

    config_id: str
    name: str | None = None
    tags: Sequence[str] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None  #: determines the cycle; defaults to now


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioChange:
    """Changes to a scenario; UNSET fields stay as they are."""

    name: str | UnsetType | None = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    properties: Mapping[str, Any] | UnsetType = UNSET  #: merged into the existing ones


Expect = Callable[[Eligibility], None]
"""Checks the present scenario in the transaction that changes it; raises to refuse the change."""


class ScenarioService:
    """Creates scenarios from the configs of a registry, and reads, changes and deletes them.

    Args:
        folder: Where default values are stored, unless their config names a path.
        zone: The time zone whose midnights start and end cycles.
        declared: What the application declares now; None to use tasks as recorded.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        zone: ZoneInfo,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._declared = declared
        self._eligibility = EligibilityReader(declared, now)
        self._now = now
        self._version = version
        self._zone = zone
        self._factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )

    def create(self, actor: Actor, new: NewScenario) -> Scenario:
        """Create a scenario as `create_with_eligibility` does; return only the scenario."""
        return self._create(actor, new, lambda _, scenario: scenario)

    def create_with_eligibility(
        self, actor: Actor, new: NewScenario, inputs: ValuesOfInputs | None = None
    ) -> Eligibility:
        """Create a scenario with its cycle, data nodes, tasks and sequences in one transaction.

        Data nodes and tasks with a wider scope are shared with the other scenarios of the cycle,
        or with all scenarios. The first scenario of a cycle is its primary scenario.

        Args:
            inputs: Values to record in the same transaction.

        Raises:
            NotFoundError: No scenario config has the identifier; the message lists the configs.
            InvalidError: The name, a tag, the properties or the date are invalid.
        """
        return self._create(
            actor,
            new,
            lambda within, made: self._eligibility.read(within, get_scenario(within, made.id)),
            inputs,
        )

    def _create(
        self,
        actor: Actor,
        new: NewScenario,
        read: Callable[[Connection, Scenario], T],
        inputs: ValuesOfInputs | None = None,
    ) -> T:
        actor.require(Permission.EDIT)
        config = get_config(self._registry.scenarios, new.config_id, "scenario")
        checked = replace(
            new,
            name=None if new.name is None else validate_name(new.name),
            tags=validate_tags(new.tags, self.authorized_tags(config.id)),
            properties=check_properties(new.properties, config),
            created_at=None if new.created_at is None else to_utc(new.created_at),
        )

        # The same in each attempt: values may be prepared for places that contain it.
        scenario_id = ids.make_scenario_id(config.id, make_uuid(self._now()))

        def work(builder: EntityBuilder) -> T:
            if inputs is not None:
                builder.node_ids = inputs.node_ids
            scenario, nodes = self._build(builder, actor, config, checked, scenario_id)
            builder.require_prepared()
            if inputs is not None:
                inputs.record(builder.connection, nodes)
            return read(builder.connection, scenario)

        return self._factory.create(actor, work)

    def get(self, actor: Actor, scenario_id: str) -> Eligibility:
        """Return a scenario, and whether it can be submitted, deleted and promoted now."""
        actor.require(Permission.READ)
        connection = self._database.reader
        return self._eligibility.read(connection, get_scenario(connection, scenario_id))

    def list_page(
        self, actor: Actor, wanted: ScenarioFilter, request: PageRequest
    ) -> Page[Scenario]:
        """Return a page of scenarios, of which those with values come first in a sort by outcome.

        Raises:
            InvalidError: No scenario config has an outcome that is named; lists those that exist.
        """
        actor.require(Permission.READ)
        configs = find_configs_of_sort(self._declared, wanted, request)
        connection = self._database.reader
        page = scenario_rows.list_page(connection, wanted, request, configs_of_sort=configs)
        return replace(page, items=with_outcomes(connection, page.items, self._declared))

    def authorized_tags(self, config_id: str) -> tuple[str, ...] | None:
        """Return the tags that a config allows; None for any, also if the config is gone."""
        return authorized_tags(self._registry.scenarios.get(config_id))

    def change(
        self,
        actor: Actor,
        scenario_id: str,
        change: ScenarioChange,
        *,
        expect: Expect | None = None,
    ) -> Eligibility:
        """Change the name, the tags or the properties of a scenario.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: The name, a tag or a property is invalid; the message names it.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> Eligibility:
            scenario = get_scenario(connection, scenario_id)
            self._check_expected(connection, scenario, expect)
            changed = self._apply_change(scenario, change)
            audit.record_allowed(connection, actor, scenario.id, self._now())
            if changed != scenario or change.properties:
                scenario_rows.change(connection, changed)
                self._add_events(connection, [_make_event(ChangeType.UPDATED, changed.id, actor)])
            return self._eligibility.read(connection, changed)

        return self._database.write(work)

    def promote(self, actor: Actor, scenario_id: str) -> Eligibility:
        """Make a scenario the primary scenario of its cycle, in place of the present one.

        Raises:
            NotFoundError: There is no such scenario.
            ConflictError: It has no cycle.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> Eligibility:
            scenario = get_scenario(connection, scenario_id)
            if scenario.cycle_id is None:
                raise ConflictError(
                    f"scenario {scenario.id} cannot be a primary scenario: {NO_CYCLE}",
                    code="scenario_without_cycle",
                )
            audit.record_allowed(connection, actor, scenario.id, self._now())
            if not scenario.is_primary:
                former = scenario_rows.find_primary(connection, scenario.cycle_id)
                scenario_rows.set_primary(connection, scenario.id, instead_of=former)
                moved = [scenario.id] if former is None else [former, scenario.id]
                self._add_events(
                    connection, [_make_event(ChangeType.UPDATED, item, actor) for item in moved]
                )
            return self._eligibility.read(connection, replace(scenario, is_primary=True))

        return self._database.write(work)

    def delete(
        self,
        actor: Actor,
        scenario_id: str,
        *,
        dry_run: bool = False,
        expect: Expect | None = None,
    ) -> Cascade:
        """Delete a scenario with everything that it owns, and with all its submissions.

        A cycle that would be left without a scenario is deleted too, with everything that it
        owns. Entities shared with other scenarios stay.

        Args:
            dry_run: Only return what would be deleted.

        Raises:
            NotFoundError: There is no such scenario.
            ConflictError: It is the primary scenario of a cycle with other scenarios, or a
                submission of it or of its sequences and tasks has not ended.
        """
        actor.require(Permission.EDIT)

        def find_cascade(connection: Connection) -> Cascade:
            scenario = get_scenario(connection, scenario_id)
            self._check_expected(connection, scenario, expect)
            return _find_deletable(connection, scenario)

        def work(connection: Connection) -> tuple[Cascade, list[str]]:
            cascade = find_cascade(connection)
            uris = deletions.delete_cascade(connection, cascade)
            self._add_events(connection, make_deletion_events(cascade, actor.ref))
            audit.record_allowed(connection, actor, scenario_id, self._now())
            return cascade, uris

        if dry_run:
            return find_cascade(self._database.reader)
        cascade, uris = self._database.write(work)
        remove_files(uris, of_deleted=frozenset(cascade.data_nodes))
        return cascade

    def _build(
        self,
        builder: EntityBuilder,
        actor: Actor,
        config: ScenarioConfig,
        new: NewScenario,
        scenario_id: ids.ScenarioId,
    ) -> tuple[Scenario, Mapping[str, ids.DataNodeId]]:
        """Create a scenario; return it with its data nodes, by config."""
        created_at = new.created_at or builder.now
        properties = {**_declared_properties(config), **new.properties}
        audit.record_allowed(builder.connection, actor, scenario_id, builder.now)
        cycle = find_or_create_cycle(builder, config.frequency, created_at, self._zone)
        build_for(builder, scenario_id, new.name, properties, cycle)
        builder.outputs = {node.id for task in config.tasks for node in task.outputs}
        nodes = {node.id: builder.find_or_create_data_node(node) for node in config.data_nodes}
        tasks = {task.id: builder.find_or_create_task(task, nodes) for task in config.tasks}
        sequences = self._make_sequences(config, tasks, scenario_id, created_at)
        scenario = Scenario(
            id=scenario_id,
            config_id=config.id,
            name=new.name,
            cycle_id=None if cycle is None else cycle.id,
            is_primary=becomes_primary(builder.connection, cycle),
            tags=tuple(new.tags),
            properties=properties,
            task_ids=tuple(tasks.values()),
            data_node_ids=tuple(dict.fromkeys(nodes.values())),
            additional_data_node_ids=tuple(nodes[node.id] for node in config.additional_data_nodes),
            sequences=sequences,
            created_at=created_at,
            version=self._version,
        )
        store_scenario(builder, scenario)
        add_outcomes(builder.connection, scenario.id, config.id, self._declared)
        return scenario, nodes

    def _make_sequences(
        self,
        config: ScenarioConfig,
        tasks: Mapping[str, ids.TaskId],
        scenario_id: ids.ScenarioId,
        created_at: datetime,
    ) -> tuple[entities.Sequence, ...]:
        return tuple(
            entities.Sequence(
                id=ids.make_sequence_id(name, scenario_id),
                name=name,
                scenario_id=scenario_id,
                task_ids=tuple(tasks[task.id] for task in members),
                properties={},
                created_at=created_at,
                version=self._version,
            )
            for name, members in config.sequences.items()
        )

    def _apply_change(self, scenario: Scenario, change: ScenarioChange) -> Scenario:
        name, tags, properties = scenario.name, scenario.tags, scenario.properties
        if change.name is not UNSET:
            name = None if change.name is None else validate_name(change.name)
        if change.tags is not UNSET:
            tags = validate_tags(change.tags, self.authorized_tags(scenario.config_id))
        if change.properties is not UNSET:
            config = self._registry.scenarios.get(scenario.config_id)
            properties = merge_properties(properties, check_properties(change.properties, config))
        return replace(scenario, name=name, tags=tags, properties=properties)

    def _check_expected(
        self, connection: Connection, scenario: Scenario, expect: Expect | None
    ) -> None:
        if expect is not None:
            expect(self._eligibility.read(connection, scenario))

    def _add_events(self, connection: Connection, changes: list[Event]) -> None:
        event_log.add(connection, changes, self._now())


def check_properties(
    properties: Mapping[str, Any], config: ScenarioConfig | None
) -> Mapping[str, Any]:
    """Return properties that a client gave, unchanged.

    Raises:
        InvalidError: They cannot be stored, or the config marks one of their names as secret;
            the value of such a property would be shown.
    """
    validate_properties(properties)
    marks = frozenset() if config is None else get_declared_secrets(config.properties)
    for name in sorted(marks.intersection(iter_names(properties))):
        raise InvalidError(
            f"the property {name!r} is a secret that only the application itself can set; "
            "remove it",
            errors=[{"field": f"properties.{name}", "message": "is a secret"}],
        )
    return properties


def _declared_properties(config: ScenarioConfig) -> dict[str, Any]:
    return to_stored(f"SCENARIO_{config.id}", config.properties)


def _find_deletable(connection: Connection, scenario: Scenario) -> Cascade:
    """Return what is deleted with a scenario; refuse if it cannot be deleted."""
    what = f"scenario {scenario.id}"
    has_siblings = scenario.cycle_id is not None and eligibility.has_siblings(
        connection, scenario.id, scenario.cycle_id
    )
    if scenario.is_primary and has_siblings:
        raise ConflictError(
            f"{what} cannot be deleted: {primary_reason(scenario)}", code="scenario_is_primary"
        )
    owners = owners_of(scenario, has_siblings=has_siblings)
    refuse_unfinished(
        connection, what, (*owners, *(sequence.id for sequence in scenario.sequences))
    )
    return deletions.cascade_of_scenarios(connection, [scenario.id], cycle_ids=owners[1:])


def _make_event(change: ChangeType, scenario_id: str, actor: Actor) -> Event:
    return Event(kind=EntityKind.SCENARIO, id=scenario_id, change=change, actor=actor.ref)

"""Forks: scenarios that start from the present values of another one, and share their bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from scenarist.config import ConfigRegistry
from scenarist.db import audit
from scenarist.db import cycles as cycle_rows
from scenarist.db import inputs as input_rows
from scenarist.db.engine import Database
from scenarist.domain import identifiers as ids
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Cycle, Scenario
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.properties import merge_properties, validate_name, validate_tags
from scenarist.services.configs import authorized_tags
from scenarist.services.cycles import to_utc
from scenarist.services.eligibility import Eligibility, EligibilityReader, get_scenario
from scenarist.services.factory import EntityBuilder, EntityFactory, ValuesOfInputs
from scenarist.services.fork_drafts import ForkDraft, ForkOwner, NotShared
from scenarist.services.new_scenarios import find_or_create_cycle
from scenarist.services.outcomes import add_outcomes
from scenarist.services.scenarios import check_properties


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFork:
    """The attributes of a fork; UNSET fields are those of the scenario that is forked."""

    name: str | None = None
    tags: Sequence[str] | UnsetType = UNSET
    properties: Mapping[str, Any] | UnsetType = UNSET  #: merged into those of the source
    created_at: datetime | None = None  #: determines the cycle; None for the cycle of the source


@dataclass(frozen=True, slots=True)
class ChangedInput:
    """An input that differs between a fork and the scenario that it was forked from.

    Args:
        old: The value in the source, as JSON text; None if there is none, or it is large or kept
            where others may change it.
        new: The same of the fork.
    """

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """A fork that was made."""

    eligibility: Eligibility
    diff: Sequence[ChangedInput]
    not_shared: Sequence[NotShared]


class ForkService:
    """Forks scenarios: see decision 113.

    Args:
        folder: Where first values of data nodes of another cycle are stored.
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
        self._registry = registry
        self._declared = declared
        self._eligibility = EligibilityReader(declared, now)
        self._now = now
        self._zone = zone
        self._factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )

    def fork(
        self,
        actor: Actor,
        scenario_id: str,
        new: NewFork,
        inputs: ValuesOfInputs | None = None,
    ) -> Fork:
        """Make a scenario that starts from the present values of another, in one transaction.

        It has the tasks, data nodes and sequences that the other one has. What these own is made
        anew, and each new data node has the newest value of the other one, of which no byte is
        read or copied. What was made from the present inputs still is. Subscribers do not come
        along.

        Args:
            scenario_id: The scenario to fork.
            inputs: Values to record in the same transaction.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: The name, a tag, a property or the date is invalid, or a placeholder in
                the location of a data node has no value.
            ConflictError: The date is in another cycle, and something that the scenarios of a cycle
                share is no longer declared as the source has it.
        """
        actor.require(Permission.EDIT)
        name = None if new.name is None else validate_name(new.name)
        created_at = None if new.created_at is None else to_utc(new.created_at)

        # The same in each attempt: values may be prepared for places that contain it.
        uuid = make_uuid(self._now())

        def work(builder: EntityBuilder) -> Fork:
            source = get_scenario(builder.connection, scenario_id)
            owner = ForkOwner(
                id=ids.make_scenario_id(source.config_id, uuid),
                name=name,
                tags=self._choose_tags(source, new),
                properties=self._choose_properties(source, new),
                created_at=created_at or builder.now,
                cycle=self._choose_cycle(builder, source, created_at),
            )
            audit.record_allowed(builder.connection, actor, owner.id, builder.now)
            return self._fork(builder, source, owner, inputs)

        return self._factory.create(actor, work)

    def _fork(
        self,
        builder: EntityBuilder,
        source: Scenario,
        owner: ForkOwner,
        inputs: ValuesOfInputs | None,
    ) -> Fork:
        connection = builder.connection
        if inputs is not None:
            builder.node_ids = inputs.node_ids
        given = () if inputs is None else inputs.names
        draft = ForkDraft(builder, self._registry, source, owner, given)
        draft.store()
        add_outcomes(connection, owner.id, source.config_id, self._declared)
        builder.require_prepared()
        if inputs is not None:
            inputs.record(connection, draft.nodes_by_config)
        return Fork(
            eligibility=self._eligibility.read(connection, get_scenario(connection, owner.id)),
            diff=_find_diff(connection, draft),
            not_shared=draft.not_shared,
        )

    def _choose_tags(self, source: Scenario, new: NewFork) -> tuple[str, ...]:
        if isinstance(new.tags, UnsetType):
            return source.tags
        config = self._registry.scenarios.get(source.config_id)
        return tuple(validate_tags(new.tags, authorized_tags(config)))

    def _choose_properties(self, source: Scenario, new: NewFork) -> Mapping[str, Any]:
        if isinstance(new.properties, UnsetType):
            return source.properties
        config = self._registry.scenarios.get(source.config_id)
        return merge_properties(source.properties, check_properties(new.properties, config))

    def _choose_cycle(
        self, builder: EntityBuilder, source: Scenario, created_at: datetime | None
    ) -> Cycle | None:
        if source.cycle_id is None:
            return None
        cycle = cycle_rows.find(builder.connection, source.cycle_id)
        if cycle is None or created_at is None:
            return cycle
        return find_or_create_cycle(builder, cycle.frequency, created_at, self._zone)


def _find_diff(connection: Connection, draft: ForkDraft) -> list[ChangedInput]:
    """Return the inputs that differ from those of the source, in the order of their use."""
    pairs = draft.find_inputs_that_may_differ()
    found = input_rows.find_present_edits(
        connection, [node_id for _, old, new in pairs for node_id in (old, new)]
    )
    diff = []
    for name, old_id, new_id in pairs:
        old, new = found.get(old_id), found.get(new_id)
        if (old is None and new is None) or (old and new and old.is_as(new)):
            continue
        is_kept_here = draft.is_kept_here(old_id)
        diff.append(
            ChangedInput(
                name,
                old.rendition if old is not None and is_kept_here else None,
                new.rendition if new is not None and is_kept_here else None,
            )
        )
    return diff

"""What may be done with cycles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from scenarist.db import audit, deletions, events
from scenarist.db import cycles as cycle_rows
from scenarist.db.deletions import Cascade
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain import identifiers as ids
from scenarist.domain.cycles import period_around, period_label
from scenarist.domain.entities import Cycle, Event
from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.domain.identifiers import new_uuid
from scenarist.domain.listings import CycleFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.properties import checked_name, checked_properties
from scenarist.domain.vocabulary import Change, Frequency, Kind
from scenarist.services.deletions import deleted_events, refuse_under_way, remove_files

LAST_MOMENT = timedelta(microseconds=1)
"""How long before the next period the documented end of a period is."""

Expect = Callable[[Cycle], None]
"""A check of a cycle as it is, in the transaction that changes it; raises to refuse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCycle:
    """What a client says of a cycle to be created; moments without a zone are of the server's."""

    frequency: Frequency
    name: str | None = None  #: named after the period, when not given
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None  #: a moment within the period; now, when not given
    start_at: datetime | None = None
    last_at: datetime | None = None  #: the last microsecond


class CycleService:
    """Makes and deletes the periods that scenarios of one config and frequency share.

    Args:
        zone: Whose midnights start and end cycles.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._database = database
        self._now = now
        self._zone = zone

    def create(self, actor: Actor, new: NewCycle) -> tuple[Cycle, bool]:
        """Return the cycle of a period, and whether it was made just now.

        Raises:
            InvalidError: The name, the properties or a date cannot be; shows the right dates.
        """
        actor.require(Permission.EDIT)
        now = self._now()
        at = new.created_at or now
        around = cycle_around(new.frequency, in_utc(at), self._zone, now)
        self._check_period(new, around)
        wanted = replace(
            around,
            created_at=in_utc(at),
            name=around.name if new.name is None else checked_name(new.name),
            properties=checked_properties(new.properties),
        )

        def work(connection: Connection) -> tuple[Cycle, bool]:
            cycle, is_new = cycle_rows.find_or_make(connection, wanted)
            if is_new:
                made = Event(kind=Kind.CYCLE, id=cycle.id, change=Change.CREATED, actor=actor.ref)
                events.add(connection, [made], now)
            audit.add_done(connection, actor, cycle.id, now)
            return cycle, is_new

        return self._database.write(work)

    def get(self, actor: Actor, cycle_id: str) -> Cycle:
        actor.require(Permission.READ)
        return _found(self._database.reader, cycle_id)

    def list_page(self, actor: Actor, wanted: CycleFilter, request: PageRequest) -> Page[Cycle]:
        actor.require(Permission.READ)
        return cycle_rows.page(self._database.reader, wanted, request)

    def delete(
        self,
        actor: Actor,
        cycle_id: str,
        *,
        dry_run: bool = False,
        expect: Expect | None = None,
    ) -> Cascade:
        """Delete a cycle with all its scenarios, what it and they own, and what was submitted.

        Args:
            dry_run: Change nothing, only return what would be deleted.

        Raises:
            NotFoundError: There is no such cycle.
            ConflictError: A submission of any of this is under way.
        """
        actor.require(Permission.EDIT)

        def look(connection: Connection) -> Cascade:
            cycle = _found(connection, cycle_id)
            if expect is not None:
                expect(cycle)
            cascade = deletions.cascade_of_cycles(connection, [cycle.id])
            refuse_under_way(
                connection,
                f"cycle {cycle.id}",
                (*cascade.cycles, *cascade.scenarios, *cascade.sequences),
            )
            return cascade

        def work(connection: Connection) -> tuple[Cascade, list[str]]:
            cascade = look(connection)
            uris = deletions.delete_cascade(connection, cascade)
            now = self._now()
            events.add(connection, deleted_events(cascade, actor.ref), now)
            audit.add_done(connection, actor, cycle_id, now)
            return cascade, uris

        if dry_run:
            return look(self._database.reader)
        cascade, uris = self._database.write(work)
        remove_files(uris)
        return cascade

    def _check_period(self, new: NewCycle, around: Cycle) -> None:
        """Refuse dates that are not those of the period, rather than make another one of it."""
        start_at = around.start_at.astimezone(self._zone)
        last_at = (around.end_at - LAST_MOMENT).astimezone(self._zone)
        faults = [
            {"field": name, "message": f"the period has {right.isoformat()}"}
            for name, given, right in (
                ("start_date", new.start_at, start_at),
                ("end_date", new.last_at, last_at),
            )
            if given is not None and given != right
        ]
        if faults:
            raise InvalidError(
                f"the {around.frequency} period that holds the creation date is from "
                f"{start_at.isoformat()} to {last_at.isoformat()}; leave start_date and end_date "
                "out, or give these",
                errors=faults,
            )


def in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC.

    Raises:
        InvalidError: There it is not within the years 1 to 9999.
    """
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise _too_far() from None


def cycle_around(frequency: Frequency, at: datetime, zone: ZoneInfo, now: datetime) -> Cycle:
    """Describe a new cycle of the period that holds a moment, named after the period.

    Raises:
        InvalidError: The period is not within the years 1 to 9999.
    """
    try:
        first, following = period_around(frequency, at, zone)
    except OverflowError:
        raise _too_far() from None
    label = period_label(frequency, first.date())
    return Cycle(
        id=ids.cycle_id(label, new_uuid(now)),
        name=label,
        frequency=frequency,
        properties={},
        start_at=in_utc(first),
        end_at=in_utc(following),
        created_at=now,
    )


def _too_far() -> InvalidError:
    return InvalidError(
        "the creation date is too far from now: it, and the period that holds it, must be within "
        "the years 1 to 9999",
        errors=[{"field": "creation_date", "message": "too far from now"}],
    )


def _found(connection: Connection, cycle_id: str) -> Cycle:
    found = cycle_rows.find(connection, cycle_id)
    if found is None:
        raise NotFoundError(f"no cycle has the identifier {cycle_id}")
    return found

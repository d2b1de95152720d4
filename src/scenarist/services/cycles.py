"""Cycles: create, read and delete them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from scenarist.db import audit, deletions, event_log
from scenarist.db import cycles as cycle_rows
from scenarist.db.deletions import Cascade
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain import identifiers as ids
from scenarist.domain.cycles import period_around, period_label
from scenarist.domain.entities import Cycle, Event
from scenarist.domain.errors import InvalidError, require_found
from scenarist.domain.identifiers import make_uuid
from scenarist.domain.listings import CycleFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.properties import validate_name, validate_properties
from scenarist.domain.vocabulary import ChangeType, EntityKind, Frequency
from scenarist.services.deletions import make_deletion_events, refuse_unfinished, remove_files

LAST_MICROSECOND = timedelta(microseconds=1)
"""The documented end of a period is this long before the next period."""

Expect = Callable[[Cycle], None]
"""Checks the present cycle in the transaction that deletes it; raises to refuse the deletion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCycle:
    """The attributes of a cycle to create; naive times are in the server's time zone."""

    frequency: Frequency
    name: str | None = None  #: defaults to the name of the period
    properties: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None  #: a time within the period; defaults to now
    start_at: datetime | None = None
    last_at: datetime | None = None  #: the last microsecond


class CycleService:
    """Creates, reads and deletes cycles, the periods that scenarios of one frequency share.

    Args:
        zone: The time zone whose midnights start and end cycles.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._database = database
        self._now = now
        self._zone = zone

    def create(self, actor: Actor, new: NewCycle) -> tuple[Cycle, bool]:
        """Return the cycle of a period, and whether this call created it.

        Raises:
            InvalidError: The name, the properties or a date are invalid; the message has the
                right dates.
        """
        actor.require(Permission.EDIT)
        now = self._now()
        at = new.created_at or now
        around = make_cycle(new.frequency, to_utc(at), self._zone, now)
        self._check_period(new, around)
        wanted = replace(
            around,
            created_at=to_utc(at),
            name=around.name if new.name is None else validate_name(new.name),
            properties=validate_properties(new.properties),
        )

        def work(connection: Connection) -> tuple[Cycle, bool]:
            cycle, is_new = cycle_rows.find_or_create(connection, wanted)
            if is_new:
                made = Event(
                    kind=EntityKind.CYCLE, id=cycle.id, change=ChangeType.CREATED, actor=actor.ref
                )
                event_log.add(connection, [made], now)
            audit.record_allowed(connection, actor, cycle.id, now)
            return cycle, is_new

        return self._database.write(work)

    def get(self, actor: Actor, cycle_id: str) -> Cycle:
        actor.require(Permission.READ)
        return _get(self._database.reader, cycle_id)

    def list_page(self, actor: Actor, wanted: CycleFilter, request: PageRequest) -> Page[Cycle]:
        actor.require(Permission.READ)
        return cycle_rows.list_page(self._database.reader, wanted, request)

    def delete(
        self,
        actor: Actor,
        cycle_id: str,
        *,
        dry_run: bool = False,
        expect: Expect | None = None,
    ) -> Cascade:
        """Delete a cycle with its scenarios, everything that they own, and their submissions.

        Args:
            dry_run: Only return what would be deleted.

        Raises:
            NotFoundError: There is no such cycle.
            ConflictError: A submission of any of these has not ended.
        """
        actor.require(Permission.EDIT)

        def find_cascade(connection: Connection) -> Cascade:
            cycle = _get(connection, cycle_id)
            if expect is not None:
                expect(cycle)
            cascade = deletions.cascade_of_cycles(connection, [cycle.id])
            refuse_unfinished(
                connection,
                f"cycle {cycle.id}",
                (*cascade.cycles, *cascade.scenarios, *cascade.sequences),
            )
            return cascade

        def work(connection: Connection) -> tuple[Cascade, list[str]]:
            cascade = find_cascade(connection)
            uris = deletions.delete_cascade(connection, cascade)
            now = self._now()
            event_log.add(connection, make_deletion_events(cascade, actor.ref), now)
            audit.record_allowed(connection, actor, cycle_id, now)
            return cascade, uris

        if dry_run:
            return find_cascade(self._database.reader)
        cascade, uris = self._database.write(work)
        remove_files(uris, of_deleted=frozenset(cascade.data_nodes))
        return cascade

    def _check_period(self, new: NewCycle, around: Cycle) -> None:
        """Refuse start and end dates outside of the period, and a start after the end."""
        start_at = around.start_at.astimezone(self._zone)
        last_at = (around.end_at - LAST_MICROSECOND).astimezone(self._zone)
        within = f"must be from {start_at.isoformat()} to {last_at.isoformat()}"
        faults = [
            {"field": name, "message": within}
            for name, given in (("start_date", new.start_at), ("end_date", new.last_at))
            if given is not None and not around.start_at <= given < around.end_at
        ]
        if not faults and new.start_at and new.last_at and new.start_at > new.last_at:
            faults = [{"field": "end_date", "message": "must not be before start_date"}]
        if faults:
            raise InvalidError(
                f"the {around.frequency} period that contains the creation date is from "
                f"{start_at.isoformat()} to {last_at.isoformat()}; omit start_date and end_date, "
                "or use dates within it",
                errors=faults,
            )


def to_utc(time: datetime) -> datetime:
    """Convert a time to UTC.

    Raises:
        InvalidError: In UTC, it is not within the years 1 to 9999.
    """
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise _make_range_error() from None


def make_cycle(frequency: Frequency, at: datetime, zone: ZoneInfo, now: datetime) -> Cycle:
    """Return a new cycle of the period that contains a time, named after the period.

    Raises:
        InvalidError: The period is not within the years 1 to 9999.
    """
    try:
        first, following = period_around(frequency, at, zone)
    except OverflowError:
        raise _make_range_error() from None
    label = period_label(frequency, first.date())
    return Cycle(
        id=ids.make_cycle_id(label, make_uuid(now)),
        name=label,
        frequency=frequency,
        properties={},
        start_at=to_utc(first),
        end_at=to_utc(following),
        created_at=now,
    )


def _make_range_error() -> InvalidError:
    return InvalidError(
        "the creation date is too far from now: it, and the period that contains it, must be "
        "within the years 1 to 9999",
        errors=[{"field": "creation_date", "message": "too far from now"}],
    )


def _get(connection: Connection, cycle_id: str) -> Cycle:
    return require_found(cycle_rows.find(connection, cycle_id), "cycle", cycle_id)

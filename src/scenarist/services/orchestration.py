"""Orchestration: administrators pause and resume all jobs."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import audit, event_log
from scenarist.db.engine import Database
from scenarist.db.jobs import pause as pausing
from scenarist.domain.entities import Event, OrchestrationState
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ORCHESTRATION_ID, ChangeType, EntityKind


class OrchestrationService:
    """Pauses and resumes all orchestrators of the database; a restart does not change this.

    Args:
        version: The version of the application that this process has loaded.
        find_other_versions: Returns the others that are connected to the database.
        find_changed_files: Returns the files of the application that differ from what is loaded.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        version: str,
        find_other_versions: Callable[[], Sequence[str]],
        find_changed_files: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._database = database
        self._now = now
        self._version = version
        self._find_other_versions = find_other_versions
        self._find_changed_files = find_changed_files

    def get(self, actor: Actor) -> OrchestrationState:
        actor.require(Permission.READ)
        return pausing.find_orchestration(self._database.reader)

    def get_versions(self, actor: Actor) -> tuple[str, Sequence[str]]:
        """Return the version of this process, and the others that are connected."""
        actor.require(Permission.READ)
        return self._version, self._find_other_versions()

    def list_changed_files(self, actor: Actor) -> Sequence[str]:
        """Return the files of the application that have changed since this process loaded them."""
        actor.require(Permission.READ)
        return self._find_changed_files()

    def pause(self, actor: Actor) -> OrchestrationState:
        """Start no more jobs until the orchestration is resumed; running jobs continue."""
        return self._set_paused(actor, is_paused=True)

    def resume(self, actor: Actor) -> OrchestrationState:
        """Start jobs again."""
        return self._set_paused(actor, is_paused=False)

    def _set_paused(self, actor: Actor, *, is_paused: bool) -> OrchestrationState:
        actor.require(Permission.OPERATE)
        now = self._now()

        def work(connection: Connection) -> OrchestrationState:
            present = pausing.find_orchestration(connection)
            if (present.paused_at is not None) == is_paused:
                return present
            pausing.set_orchestration(
                connection, now if is_paused else None, actor.name if is_paused else None
            )
            changed = Event(
                kind=EntityKind.ORCHESTRATION,
                id=ORCHESTRATION_ID,
                change=ChangeType.UPDATED,
                actor=actor.ref,
            )
            event_log.add(connection, [changed], now)
            audit.record_allowed(connection, actor, ORCHESTRATION_ID, now)
            return pausing.find_orchestration(connection)

        return self._database.write(work)

"""The right to run jobs under a name, and how it is found out that another has lost it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import holders
from scenarist.db.holders import Holder
from scenarist.domain.identifiers import HolderId, new_uuid
from scenarist.orchestrator.processes import boot_seconds, is_gone

LEASE_SECONDS = 15.0


class LeaseLostError(Exception):
    """Others have ended the lease, and may run its jobs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseTerms:
    """How leases are kept.

    Args:
        seconds: How long a holder may run jobs without a renewal.
        process: What others of this machine know this process by.
        is_gone: Whether a process has surely ended.
        elapsed: Seconds that go by, whatever is done to clocks.
    """

    seconds: float = LEASE_SECONDS
    process: str = ""
    is_gone: Callable[[str], bool] = is_gone
    elapsed: Callable[[], float] = boot_seconds

    @property
    def third(self) -> float:
        return self.seconds / 3


class Lease:
    """The name of a holder, and its right to run jobs under it.

    It is renewed by what it is needed for, and by the keeper while jobs run; an idle holder renews
    nothing. Who has lost it goes on under another name.
    """

    def __init__(self, terms: LeaseTerms, now: Callable[[], datetime]) -> None:
        self.terms = terms
        self.now = now
        self.give_up()

    def give_up(self) -> None:
        """Take another name, under which nothing runs yet."""
        self.holder_id = HolderId(f"HOLDER_{new_uuid(self.now())}")
        self.is_lost = False
        self.is_used = False  #: whether jobs were claimed since the last renewal
        self._is_begun = False
        self._renewed_at = 0.0

    @property
    def due_at(self) -> float:
        """When it is to be renewed, in elapsed seconds."""
        return self._renewed_at + self.terms.third

    def hold(self, connection: Connection) -> float | None:
        """Make sure of it before jobs are claimed, in the same transaction.

        Returns:
            What is to be confirmed when that is stored.

        Raises:
            LeaseLostError: Nothing may be claimed under this name any more.
        """
        asked_at = self.terms.elapsed()
        if self._is_begun and asked_at < self.due_at:
            return None
        if self._is_begun:
            if not holders.renew(connection, self.holder_id, self.now()):
                raise LeaseLostError
        else:
            holders.add(
                connection,
                self.holder_id,
                process=self.terms.process,
                lease_seconds=self.terms.seconds,
                now=self.now(),
            )
        return asked_at

    def confirm(self, asked_at: float | None) -> None:
        """Count from when it was asked for: what `hold` did is stored."""
        if asked_at is not None:
            self._renewed_at = asked_at
            self._is_begun, self.is_used = True, False


class Observation:
    """Who has not renewed a lease for as long as it lasts, by one's own counting of seconds.

    No clocks are compared: a holder is gone when its count of renewals has stood still for so
    long. Who has not looked for a while, or could not, begins anew: others could not renew then.
    """

    def __init__(self, terms: LeaseTerms) -> None:
        self._terms = terms
        self._seen: dict[HolderId, tuple[int, float]] = {}
        self._looked_at = 0.0

    def gone(self, found: Sequence[Holder]) -> list[Holder]:
        """Return those who have lost their lease, of all that run jobs now."""
        now = self._terms.elapsed()
        if now - self._looked_at > 2 * self._terms.third:
            self._seen.clear()
        self._looked_at = now
        seen, self._seen = self._seen, {}
        return [holder for holder in found if self._is_gone(holder, seen.get(holder.id), now)]

    def forget(self) -> None:
        self._seen.clear()

    def _is_gone(self, holder: Holder, seen: tuple[int, float] | None, now: float) -> bool:
        if holder.renewals is None or self._terms.is_gone(holder.process):
            return True
        since = seen[1] if seen is not None and seen[0] == holder.renewals else now
        self._seen[holder.id] = (holder.renewals, since)
        return now - since >= holder.lease_seconds

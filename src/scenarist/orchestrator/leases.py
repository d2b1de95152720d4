"""Leases: the right of a holder to run jobs, and the detection of holders that lost theirs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import leases
from scenarist.db.leases import Holder
from scenarist.domain.identifiers import HolderId, make_uuid
from scenarist.orchestrator.process_watch import boot_seconds, is_gone

LEASE_SECONDS = 15.0


class LeaseLostError(Exception):
    """Another holder has ended the lease, and may run its jobs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseOptions:
    """Settings of leases, and the functions that leases use.

    Args:
        seconds: How long a holder may run jobs without a renewal.
        process: Identifies this process to other processes of this machine.
        is_gone: Returns whether a process has certainly ended.
        elapsed: Returns seconds of a clock that is never set.
    """

    seconds: float = LEASE_SECONDS
    process: str = ""
    is_gone: Callable[[str], bool] = is_gone
    elapsed: Callable[[], float] = boot_seconds

    @property
    def renewal_seconds(self) -> float:
        return self.seconds / 3


class Lease:
    """Lease: the right to run jobs under a holder's identifier.

    The transactions that claim jobs renew it, and the lease thread renews it while jobs run. An
    idle holder renews nothing. An orchestrator that has lost its lease continues as a new holder.
    """

    def __init__(self, options: LeaseOptions, now: Callable[[], datetime]) -> None:
        self.options = options
        self.now = now
        self.start_over()

    def start_over(self) -> None:
        """Take a new holder identifier, under which no job runs yet."""
        self.holder_id = HolderId(f"HOLDER_{make_uuid(self.now())}")
        self.is_lost = False
        self.has_claimed = False  #: whether jobs were claimed since the last renewal
        self._is_begun = False
        self._renewed_at = 0.0

    @property
    def due_at(self) -> float:
        """The time of the next renewal, in elapsed seconds."""
        return self._renewed_at + self.options.renewal_seconds

    def renew_if_due(self, connection: Connection) -> float | None:
        """Begin or renew the lease if that is due, in the transaction that claims jobs.

        Returns:
            The time to pass to `confirm` after the commit; None if no renewal was due.

        Raises:
            LeaseLostError: The lease is lost, and no jobs may be claimed under it.
        """
        renewed_at = self.options.elapsed()
        if self._is_begun and renewed_at < self.due_at:
            return None
        if self._is_begun:
            if not leases.renew(connection, self.holder_id, self.now()):
                raise LeaseLostError
        else:
            leases.add(
                connection,
                self.holder_id,
                process=self.options.process,
                lease_seconds=self.options.seconds,
                now=self.now(),
            )
        return renewed_at

    def confirm(self, renewed_at: float | None) -> None:
        """Count the lease from *renewed_at*, once `renew_if_due` is committed."""
        if renewed_at is not None:
            self._renewed_at = renewed_at
            self._is_begun, self.has_claimed = True, False


class LeaseMonitor:
    """Detector of holders that have not renewed their lease in time, by this process's own clock.

    No clocks are compared: a holder is gone when its count of renewals has not changed for the
    length of its lease. After a pause in checking, or a failed check, the observation starts over,
    because the other holders may not have been able to renew either (docs/decisions/0033).
    """

    def __init__(self, options: LeaseOptions) -> None:
        self._options = options
        self._seen: dict[HolderId, tuple[int, float]] = {}
        self._checked_at = 0.0

    def find_lost(self, found: Sequence[Holder]) -> list[Holder]:
        """Return the holders that have lost their lease, given all other holders that run jobs."""
        now = self._options.elapsed()
        if now - self._checked_at > 2 * self._options.renewal_seconds:
            self._seen.clear()
        self._checked_at = now
        seen, self._seen = self._seen, {}
        return [holder for holder in found if self._is_gone(holder, seen.get(holder.id), now)]

    def reset(self) -> None:
        self._seen.clear()

    def _is_gone(self, holder: Holder, seen: tuple[int, float] | None, now: float) -> bool:
        if holder.renewals is None or self._options.is_gone(holder.process):
            return True
        since = seen[1] if seen is not None and seen[0] == holder.renewals else now
        self._seen[holder.id] = (holder.renewals, since)
        return now - since >= holder.lease_seconds

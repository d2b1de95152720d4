"""Orchestrators on a database, and the leases under which they run jobs (decision 33)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from scenarist.db.tables import holders, jobs
from scenarist.domain.identifiers import HolderId

_IS_RUNNING = jobs.c.status == literal_column("'RUNNING'")
# The row may exist already, if an earlier commit of it was in doubt.
_INSERT = insert(holders).on_conflict_do_nothing(index_elements=[holders.c.id])
_RENEW = (
    update(holders)
    .where(holders.c.id == bindparam("of"))
    .values(renewals=holders.c.renewals + 1, renewed_at=bindparam("at"))
)
_LISTED = select(holders).order_by(holders.c.id)
_RUNNING = (
    select(
        jobs.c.holder_id.label("id"),
        *(holders.c[name] for name in ("process", "lease", "renewals")),
    )
    .select_from(jobs)
    .outerjoin(holders, holders.c.id == jobs.c.holder_id)
    .where(_IS_RUNNING, jobs.c.holder_id != bindparam("own"))
    .distinct()
)
_EXPIRE = delete(holders).where(
    holders.c.id == bindparam("of"), holders.c.renewals == bindparam("renewals")
)
_RELEASE = delete(holders).where(holders.c.id == bindparam("of"))
_DELETE_IDLE = delete(holders).where(
    holders.c.renewed_at < bindparam("before"),
    holders.c.id.not_in(select(jobs.c.holder_id).where(_IS_RUNNING, jobs.c.holder_id.is_not(None))),
)
_COUNT = select(func.count()).select_from(holders)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Orchestrator as other orchestrators see it.

    Args:
        process: Identifies its process, so that others on its machine can tell whether it lives.
        lease_seconds: How long it may run jobs without a renewal.
        renewals: How often it has renewed its lease; None when it has no lease.
    """

    id: HolderId
    process: str
    lease_seconds: float
    renewals: int | None


def add(
    connection: Connection,
    holder_id: HolderId,
    *,
    process: str,
    lease_seconds: float,
    now: datetime,
) -> None:
    """Store a holder and begin its lease."""
    connection.execute(
        _INSERT,
        {
            "id": holder_id,
            "process": process,
            "lease": lease_seconds,
            "renewals": 0,
            "started_at": now,
            "renewed_at": now,
        },
    )


def renew(connection: Connection, holder_id: HolderId, now: datetime) -> bool:
    """Renew a lease; return False when another orchestrator has ended it."""
    return connection.execute(_RENEW, {"of": holder_id, "at": now}).rowcount == 1


def list_all(connection: Connection) -> list[Holder]:
    return _read(connection.execute(_LISTED))


def list_running(connection: Connection, *, exclude: HolderId) -> list[Holder]:
    """Return the other holders that run jobs, including those whose lease was ended."""
    return _read(connection.execute(_RUNNING, {"own": exclude}))


def expire(connection: Connection, holder: Holder) -> bool:
    """End the lease of another holder; return False when it was renewed or ended meanwhile."""
    if holder.renewals is None:
        return True
    of = {"of": holder.id, "renewals": holder.renewals}
    return connection.execute(_EXPIRE, of).rowcount == 1


def release(connection: Connection, holder_id: HolderId) -> None:
    """End the caller's own lease."""
    connection.execute(_RELEASE, {"of": holder_id})


def delete_idle(connection: Connection, *, before: datetime) -> None:
    """Delete holders that run no job and have not renewed since *before*; most are gone.

    One that is alive takes a new identifier with its next job.
    """
    connection.execute(_DELETE_IDLE, {"before": before})


def count(connection: Connection) -> int:
    return connection.execute(_COUNT).scalar_one()


def _read(rows: Any) -> list[Holder]:
    return [
        Holder(
            id=HolderId(row.id),
            process=row.process or "",
            lease_seconds=row.lease or 0.0,
            renewals=row.renewals,
        )
        for row in rows
    ]

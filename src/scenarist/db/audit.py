"""Rows of the audit: appended, never changed, and deleted only after their retention period."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, literal_column, select, tuple_, update
from sqlalchemy import delete as sql_delete

from scenarist.db.among import any_of
from scenarist.db.each import execute_many
from scenarist.db.paging import EntityList, Page, apply_filters, created_between, match_any
from scenarist.db.tables import audit, audit_retention
from scenarist.domain.listings import CREATION_DATE, AuditFilter, PageRequest
from scenarist.domain.permissions import Actor
from scenarist.domain.users import AuditEntry

_LIST = EntityList(select(audit), number=audit.c.number, keys={CREATION_DATE: audit.c.created_at})
_INSERT = insert(audit)
_PAGE = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_KEEP_FROM = (
    update(audit_retention)
    .where(audit_retention.c.kept_from < bindparam("moment"))
    .values(kept_from=bindparam("moment"))
)
_OLD = (
    select(audit.c.created_at, audit.c.number)
    .where(
        audit.c.created_at < bindparam("before"),
        tuple_(audit.c.created_at, audit.c.number)
        > tuple_(
            bindparam("created_at", type_=audit.c.created_at.type),
            bindparam("number", type_=audit.c.number.type),
        ),
    )
    .order_by(audit.c.created_at, audit.c.number)
    .limit(_PAGE)
)
_DELETE = sql_delete(audit).where(any_of(audit.c.number, "numbers"))


def record_allowed(
    connection: Connection, actor: Actor, entity_id: str | None, now: datetime
) -> None:
    """Record what an actor does in this transaction; nothing if the actor has no request origin."""
    if actor.origin is not None:
        connection.execute(_INSERT, _allowed_row(actor, entity_id, now))


def record_many_allowed(
    connection: Connection, done: Sequence[tuple[Actor, str]], now: datetime
) -> None:
    """Record what several actors do in this transaction, each with the id of the entity."""
    rows = [
        _allowed_row(actor, entity_id, now) for actor, entity_id in done if actor.origin is not None
    ]
    execute_many(connection, _INSERT, rows)


def add(connection: Connection, entry: AuditEntry) -> None:
    connection.execute(
        _INSERT,
        {
            "created_at": entry.created_at,
            "actor": entry.actor,
            "actor_id": entry.actor_id,
            "key_id": entry.key_id,
            "address": entry.address,
            "operation": entry.operation,
            "entity_id": entry.entity_id,
            "is_allowed": int(entry.is_allowed),
            "reason": entry.reason,
        },
    )


def set_kept_from(connection: Connection, moment: datetime) -> None:
    """Allow the deletion of rows before a moment; a later moment that was set before stays."""
    connection.execute(_KEEP_FROM, {"moment": moment})


def iter_old(reader: Connection, before: datetime) -> Iterator[int]:
    """Yield the numbers of the rows before a moment, the oldest first."""
    after: dict[str, Any] = {"created_at": _LONG_AGO, "number": 0}
    while rows := reader.execute(_OLD, {"before": before, **after}).all():
        yield from (row.number for row in rows)
        after = {"created_at": rows[-1].created_at, "number": rows[-1].number}


def delete(connection: Connection, numbers: Sequence[int]) -> int:
    """Delete rows whose deletion is allowed (`set_kept_from`); return how many were deleted."""
    return connection.execute(_DELETE, {"numbers": list(numbers)}).rowcount


def list_page(
    connection: Connection, wanted: AuditFilter, request: PageRequest
) -> Page[AuditEntry]:
    query, branches = apply_filters(
        _LIST.query,
        [
            match_any(audit.c.entity_id, wanted.entity_id),
            match_any(audit.c.key_id, wanted.key_id),
            match_any(audit.c.actor, wanted.actor),
            match_any(audit.c.operation, wanted.operation),
        ],
    )
    if wanted.is_allowed is not None:
        # A literal, so that the partial index of refused requests is used.
        query = query.where(audit.c.is_allowed == literal_column(str(int(wanted.is_allowed))))
    query = created_between(query, audit.c.created_at, wanted.created)
    found = _LIST.fetch_page(connection, request, query, branches)
    return found.to_page([_entry(row) for row in found.rows])


def _allowed_row(actor: Actor, entity_id: str | None, now: datetime) -> dict[str, Any]:
    origin = actor.origin
    return {
        "created_at": now,
        "actor": actor.name,
        "actor_id": actor.id,
        "key_id": actor.key_id,
        "address": "" if origin is None else origin.address,
        "operation": "" if origin is None else origin.operation,
        "entity_id": entity_id,
        "is_allowed": 1,
        "reason": None,
    }


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        created_at=row.created_at,
        actor=row.actor,
        actor_id=row.actor_id,
        key_id=row.key_id,
        address=row.address,
        operation=row.operation,
        entity_id=row.entity_id,
        is_allowed=bool(row.is_allowed),
        reason=row.reason,
    )

"""The audit as rows, which are only added."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, literal_column, select

from scenarist.db.each import execute_each
from scenarist.db.pages import Page, alternatives, cut, narrowed, within
from scenarist.db.tables import audit
from scenarist.domain.listings import CREATION_DATE, AuditFilter, PageRequest
from scenarist.domain.permissions import Actor
from scenarist.domain.users import AuditEntry

_KEYS = {CREATION_DATE: audit.c.created_at}
_INSERT = insert(audit)


def add_done(connection: Connection, actor: Actor, entity_id: str | None, now: datetime) -> None:
    """Keep what an actor does in this transaction; nothing without an origin of the request."""
    if actor.origin is not None:
        connection.execute(_INSERT, _done(actor, entity_id, now))


def add_many_done(connection: Connection, done: Sequence[tuple[Actor, str]], now: datetime) -> None:
    """Keep what several actors do in this transaction, each with what it is done to."""
    rows = [_done(actor, entity_id, now) for actor, entity_id in done if actor.origin is not None]
    execute_each(connection, _INSERT, rows)


def add(connection: Connection, entry: AuditEntry) -> None:
    connection.execute(
        _INSERT,
        {
            "created_at": entry.created_at,
            "actor": entry.actor,
            "key_id": entry.key_id,
            "address": entry.address,
            "operation": entry.operation,
            "entity_id": entry.entity_id,
            "is_allowed": int(entry.is_allowed),
            "reason": entry.reason,
        },
    )


def page(connection: Connection, wanted: AuditFilter, request: PageRequest) -> Page[AuditEntry]:
    query, branches = narrowed(
        select(audit),
        [
            alternatives(audit.c.entity_id, wanted.entity_id),
            alternatives(audit.c.key_id, wanted.key_id),
            alternatives(audit.c.actor, wanted.actor),
            alternatives(audit.c.operation, wanted.operation),
        ],
    )
    if wanted.is_allowed is not None:
        # Written out, so that the index of what was refused fits.
        query = query.where(audit.c.is_allowed == literal_column(str(int(wanted.is_allowed))))
    query = within(query, audit.c.created_at, wanted.created)
    found = cut(connection, query, request, number=audit.c.number, keys=_KEYS, branches=branches)
    return found.page([_entry(row) for row in found.rows])


def _done(actor: Actor, entity_id: str | None, now: datetime) -> dict[str, Any]:
    origin = actor.origin
    return {
        "created_at": now,
        "actor": actor.name,
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
        key_id=row.key_id,
        address=row.address,
        operation=row.operation,
        entity_id=row.entity_id,
        is_allowed=bool(row.is_allowed),
        reason=row.reason,
    )

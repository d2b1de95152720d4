"""Route of the audit log, for administrators."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.openapi.responses import responses
from scenarist.api.paging import (
    Count,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    Limit,
    Sort,
    paging_of,
    window_of,
)
from scenarist.api.requests import (
    ADMINISTER,
    MAY_BE_REPEATED,
    AnyRequest,
    Several,
    actor_of,
    services_of,
    several,
)
from scenarist.api.responses import listed
from scenarist.domain.listings import CREATION_DATE, AuditFilter
from scenarist.domain.users import AuditEntry

PATH = "/api/v1/audit"


def shown(entry: AuditEntry) -> schemas.AuditEntry:
    return schemas.AuditEntry(
        number=entry.number,
        creation_date=entry.created_at,
        actor=entry.actor,
        actor_id=entry.actor_id,
        key_id=entry.key_id,
        address=entry.address,
        operation=entry.operation,
        entity_id=entry.entity_id,
        is_allowed=entry.is_allowed,
        reason=entry.reason,
    )


@get(
    PATH,
    opt=ADMINISTER,
    summary="Read the audit log",
    tags=["audit"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.AuditEntry], "The entries.", 400),
)
def list_audit(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    actor: Several = None,
    key_id: Several = None,
    entity_id: Several = None,
    operation: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only entries of this operation, such as createSequence. " + MAY_BE_REPEATED
        ),
    ] = None,
    is_allowed: Annotated[
        bool | None,
        QueryParameter(description="true for what was done, false for what was refused."),
    ] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    sort: Sort = f"-{CREATION_DATE}",
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """List every change, with who made it and from where, and every refusal, newest first."""
    service, reader = services_of(request).audit, actor_of(request)
    created = window_of(request, created_after, created_before)
    wanted = AuditFilter(
        actor=several(actor),
        key_id=several(key_id),
        entity_id=several(entity_id),
        operation=several(operation),
        is_allowed=is_allowed,
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return listed(request, lambda page: service.list_page(reader, wanted, page), shown, paging)


HANDLERS = [list_audit]

"""Route of the audit log, for administrators."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.openapi.responses import describe_responses
from scenarist.api.paging import (
    Count,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    Limit,
    Sort,
    created_range_of,
    paging_of,
)
from scenarist.api.requests import (
    ADMINISTER,
    MAY_BE_REPEATED,
    AnyRequest,
    RepeatedFilter,
    actor_of,
    services_of,
    unique_values,
)
from scenarist.api.responses import respond_with_list
from scenarist.domain.listings import CREATION_DATE, AuditFilter
from scenarist.domain.users import AuditEntry

PATH = "/api/v1/audit"


def to_schema(entry: AuditEntry) -> schemas.AuditEntry:
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
    responses=describe_responses(200, schemas.Results[schemas.AuditEntry], "The entries.", 400),
)
def list_audit(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    actor: RepeatedFilter = None,
    key_id: RepeatedFilter = None,
    entity_id: RepeatedFilter = None,
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
    created = created_range_of(request, created_after, created_before)
    wanted = AuditFilter(
        actor=unique_values(actor),
        key_id=unique_values(key_id),
        entity_id=unique_values(entity_id),
        operation=unique_values(operation),
        is_allowed=is_allowed,
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return respond_with_list(
        request, lambda page: service.list_page(reader, wanted, page), to_schema, paging
    )


HANDLERS = [list_audit]

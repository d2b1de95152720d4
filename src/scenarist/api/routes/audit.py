"""Route of the audit log, for administrators."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.openapi.components import describe_responses
from scenarist.api.paging import DatedListParams, Sort
from scenarist.api.requests import (
    ADMINISTER,
    MAY_BE_REPEATED,
    AnyRequest,
    RepeatedFilter,
    actor_of,
    provide_params,
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


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditListParams(DatedListParams):
    sort: Sort = f"-{CREATION_DATE}"
    actor: RepeatedFilter = None
    key_id: RepeatedFilter = None
    entity_id: RepeatedFilter = None
    operation: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only entries of this operation, such as createSequence. " + MAY_BE_REPEATED
        ),
    ] = None
    is_allowed: Annotated[
        bool | None,
        QueryParameter(description="true for what was done, false for what was refused."),
    ] = None


@get(
    PATH,
    opt=ADMINISTER,
    summary="Read the audit log",
    tags=["audit"],
    sync_to_thread=True,
    dependencies=provide_params(AuditListParams),
    responses=describe_responses(200, schemas.Results[schemas.AuditEntry], "The entries.", 400),
)
def list_audit(request: AnyRequest, params: NamedDependency[AuditListParams]) -> ASGIApp:
    """List every change, with who made it and from where, and every refusal, newest first."""
    service, reader = services_of(request).audit, actor_of(request)
    wanted = AuditFilter(
        actor=unique_values(params.actor),
        key_id=unique_values(params.key_id),
        entity_id=unique_values(params.entity_id),
        operation=unique_values(params.operation),
        is_allowed=params.is_allowed,
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, reader, wanted), to_schema, params.make_paging()
    )


HANDLERS = [list_audit]

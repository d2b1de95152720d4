"""Routes of the edits of data nodes."""

from dataclasses import dataclass
from functools import partial

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ASGIApp
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.openapi.components import describe_responses
from scenarist.api.paging import ListParams, Sort
from scenarist.api.requests import (
    READ,
    AnyRequest,
    VersionFilter,
    actor_of,
    provide_params,
    services_of,
    unique_values,
)
from scenarist.api.responses import JsonResponse, respond_if_modified, respond_with_list
from scenarist.api.routes.data_nodes import PATH
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities

_TIMESTAMP = "timestamp"


def to_schema(edit: entities.Edit) -> schemas.Edit:
    return schemas.Edit(
        id=edit.id,
        data_node_id=edit.data_node_id,
        timestamp=edit.created_at,
        job_id=edit.job_id,
        editor_id=edit.actor,
        actor=None if edit.author is None else edit.author.name,
        actor_id=None if edit.author is None else edit.author.id,
        comment=edit.comment,
        size=edit.size,
        digest=edit.digest,
        python_type=edit.python_type,
        version=edit.version,
    )


def to_schema_with_preview(edit: entities.Edit) -> schemas.Edit:
    # The rendition is already JSON, and goes into the response unchanged.
    return msgspec.structs.replace(
        to_schema(edit),
        preview=UNSET if edit.rendition is None else msgspec.Raw(edit.rendition.encode()),
        is_complete=edit.is_complete,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class EditListParams(ListParams):
    sorts = (_TIMESTAMP,)

    sort: Sort = f"-{_TIMESTAMP}"
    version: VersionFilter = None


@get(
    PATH + "/{data_node_id:str}/edits",
    opt=READ,
    summary="List the edits of a data node",
    tags=["datanodes"],
    dependencies=provide_params(EditListParams),
    responses=describe_responses(200, schemas.Results[schemas.Edit], "Its edits.", 400, 404),
)
@run_on_loop_if_short
def list_edits(
    request: AnyRequest, data_node_id: FromPath[str], params: NamedDependency[EditListParams]
) -> ASGIApp:
    """List all values that a data node has had: when, by whom and why, newest first."""
    service, actor = services_of(request).edits, actor_of(request)
    return respond_with_list(
        request,
        partial(service.list_page, actor, data_node_id, versions=unique_values(params.version)),
        to_schema,
        params.make_paging(),
    )


@get(
    PATH + "/{data_node_id:str}/edits/{edit_id:str}",
    opt=READ,
    summary="Get an edit of a data node",
    tags=["datanodes"],
    responses=describe_responses(200, schemas.OneEdit, "The edit.", 404),
)
@run_on_loop_if_short
def get_edit(
    request: AnyRequest, data_node_id: FromPath[str], edit_id: FromPath[str]
) -> JsonResponse:
    """Get an edit with its value, or the beginning of a large one.

    To read the whole value, use `read` with `edit_id`.
    """
    edit = services_of(request).edits.get(actor_of(request), data_node_id, edit_id)
    return respond_if_modified(request, schemas.OneEdit(edit=to_schema_with_preview(edit)))


HANDLERS = [list_edits, get_edit]

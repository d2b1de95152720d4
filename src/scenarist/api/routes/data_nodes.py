"""Routes of data nodes."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ASGIApp
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.edit_params import require_printable
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import DatedListParams
from scenarist.api.requests import (
    EDIT,
    MAY_BE_REPEATED,
    READ,
    AnyRequest,
    IdFilter,
    RepeatedFilter,
    VersionFilter,
    actor_of,
    members_of,
    provide_params,
    services_of,
    unique_values,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_list,
)
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import DataNodeListFilter
from scenarist.domain.secrets import mask_properties
from scenarist.domain.vocabulary import Scope
from scenarist.services.locks import is_writable

PATH = "/api/v1/datanodes"

_LOCK = schemas.Lock()
_UNLOCK = schemas.Unlock()


def to_schema(node: entities.DataNode) -> schemas.DataNode:
    validity = node.validity
    editor = node.being_written_by or node.locked_by or node.claimed_by
    return schemas.DataNode(
        id=node.id,
        config_id=node.config_id,
        name=node.properties.get("name"),
        scope=node.scope,
        storage_type=node.storage_type,
        owner_id=node.owner_id,
        parent_ids=list(node.parent_ids),
        properties=mask_properties(node.properties),
        job_ids=list(node.job_ids),
        validity_days=None if validity is None else validity.days,
        validity_seconds=None if validity is None else validity.total_seconds() % 86400,
        last_edit_id=node.last_edit_id,
        last_edit_date=node.last_edited_at,
        expiration_date=None
        if validity is None or node.last_edited_at is None
        else node.last_edited_at + validity,
        is_writable=is_writable(node),
        edit_in_progress=editor is not None,
        editor_id=editor,
        lock_holder=None if node.lock_holder is None else node.lock_holder.name,
        lock_holder_id=None if node.lock_holder is None else node.lock_holder.id,
        editor_expiration_date=node.locked_until or node.claimed_until,
        replaced_by=node.replaced_by,
        is_stale=UNSET if node.staleness is None else node.staleness.is_stale,
        stale_because=UNSET if node.staleness is None else node.staleness.because,
        creation_date=node.created_at,
        version=node.version,
    )


def to_body(node: entities.DataNode) -> schemas.OneDataNode:
    return schemas.OneDataNode(datanode=to_schema(node))


@dataclass(frozen=True, kw_only=True, slots=True)
class DataNodeListParams(DatedListParams):
    id: IdFilter = None
    scenario_id: RepeatedFilter = None
    task_id: RepeatedFilter = None
    config_id: RepeatedFilter = None
    owner_id: RepeatedFilter = None
    scope_: Annotated[
        list[str] | None,
        QueryParameter(
            name="scope",
            description="SCENARIO, CYCLE or GLOBAL. " + MAY_BE_REPEATED,
            schema_extra={"enum": list(Scope)},
        ),
    ] = None
    storage_type: RepeatedFilter = None
    version: VersionFilter = None


@get(
    PATH,
    opt=READ,
    summary="List data nodes",
    tags=["datanodes"],
    dependencies=provide_params(DataNodeListParams),
    responses=describe_responses(200, schemas.Results[schemas.DataNode], "The data nodes.", 400),
)
@run_on_loop_if_short
def list_data_nodes(request: AnyRequest, params: NamedDependency[DataNodeListParams]) -> ASGIApp:
    """List data nodes in order of creation."""
    service, actor = services_of(request).data_nodes, actor_of(request)
    wanted = DataNodeListFilter(
        id=unique_values(params.id),
        scenario_id=unique_values(params.scenario_id),
        task_id=unique_values(params.task_id),
        config_id=unique_values(params.config_id),
        owner_id=unique_values(params.owner_id),
        scope=members_of(Scope, params.scope_, "scope"),
        storage_type=unique_values(params.storage_type),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@get(
    PATH + "/{data_node_id:str}",
    opt=READ,
    summary="Get a data node",
    tags=["datanodes"],
    responses=describe_responses(200, schemas.OneDataNode, "The data node.", 404),
)
@run_on_loop_if_short
def get_data_node(request: AnyRequest, data_node_id: FromPath[str]) -> JsonResponse:
    """Get a data node; in its properties, `***` or the name of a variable replaces each secret."""
    node = services_of(request).data_nodes.get(actor_of(request), data_node_id)
    return respond_if_modified(request, to_body(node))


@post(
    PATH,
    opt=EDIT,
    summary="Create a data node",
    tags=["datanodes"],
    sync_to_thread=True,
    response_headers=[LOCATION_HEADER],
    responses={
        **describe_responses(201, schemas.DataNodeAnswer, "The data node was created.", 400, 404),
        **describe_responses(200, schemas.DataNodeAnswer, "The data node already exists."),
    },
)
def create_data_node(request: AnyRequest, config_id: FromQuery[str | None] = None) -> JsonResponse:
    """Create the data node of a config that no scenario or cycle owns.

    Each config has at most one: if it already exists, the response is a 200 with the existing one.
    """
    if not config_id:
        raise InvalidError(
            "config_id is missing; name a data node config in the query",
            errors=[{"field": "config_id", "message": "missing"}],
        )
    node, is_new = services_of(request).data_nodes.create(actor_of(request), config_id)
    return respond(
        schemas.DataNodeAnswer(
            message=f"Data node {node.id} {'was created' if is_new else 'already exists'}.",
            datanode=to_schema(node),
        ),
        status=201 if is_new else 200,
        headers={"Location": f"{PATH}/{node.id}"},
    )


@delete(
    PATH + "/{data_node_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a data node",
    tags=["datanodes"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The data node was deleted.", 404, 409, 412),
)
def delete_data_node(request: AnyRequest, data_node_id: FromPath[str]) -> JsonResponse:
    """Delete a data node with its values, except a file, table or object that its config names.

    Returns 409 while a task or a scenario uses it, an unfinished job reserves it, or another editor
    has locked it.
    """
    services_of(request).data_nodes.delete(
        actor_of(request), data_node_id, expect=make_if_match_check(request, to_body)
    )
    return respond(schemas.Message(message=f"Data node {data_node_id} was deleted."))


@post(
    PATH + "/{data_node_id:str}/lock",
    status_code=200,
    opt=EDIT,
    summary="Lock a data node",
    tags=["datanodes"],
    sync_to_thread=True,
    dto=body_of(schemas.Lock),
    responses=describe_responses(
        200, schemas.DataNodeAnswer, "The data node is locked.", 400, 404, 409
    ),
)
def lock_data_node(
    request: AnyRequest, data_node_id: FromPath[str], data: JSONBody[schemas.Lock] = _LOCK
) -> JsonResponse:
    """Lock a data node: only its editor can write it, and submits that would write it are refused.

    The lock lasts for `seconds`, or until its editor has written a value; the same editor may lock
    the data node again to extend it. Returns 409 for a read-only data node, and while another
    editor has locked it, an unfinished job uses it, or a worker is writing it.
    """
    node = services_of(request).data_nodes.lock(
        actor_of(request),
        data_node_id,
        editor_id=require_printable(data.editor_id, "editor_id"),
        lasts=timedelta(seconds=data.seconds),
    )
    return respond(
        schemas.DataNodeAnswer(message=f"Data node {node.id} was locked.", datanode=to_schema(node))
    )


@post(
    PATH + "/{data_node_id:str}/unlock",
    status_code=200,
    opt=EDIT,
    summary="Unlock a data node",
    tags=["datanodes"],
    sync_to_thread=True,
    dto=body_of(schemas.Unlock),
    responses=describe_responses(
        200, schemas.DataNodeAnswer, "The data node is not locked.", 400, 404, 409
    ),
)
def unlock_data_node(
    request: AnyRequest, data_node_id: FromPath[str], data: JSONBody[schemas.Unlock] = _UNLOCK
) -> JsonResponse:
    """Release the lock of a data node; do nothing if there is none.

    Returns 409 if another editor has the lock. With authorization on, the lock can be released by
    its holder, with the `editor_id` of the lock or none, and by administrators.
    """
    node = services_of(request).data_nodes.unlock(
        actor_of(request), data_node_id, editor_id=require_printable(data.editor_id, "editor_id")
    )
    return respond(
        schemas.DataNodeAnswer(
            message=f"Data node {node.id} was unlocked.", datanode=to_schema(node)
        )
    )


HANDLERS = [
    list_data_nodes,
    create_data_node,
    get_data_node,
    delete_data_node,
    lock_data_node,
    unlock_data_node,
]

"""The paths of data nodes."""

from typing import Annotated

from litestar import get, put
from litestar.params import FromPath, FromQuery, QueryParameter, RawBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, answer, listed, tagged
from scenarist.api.bodies import read_json
from scenarist.api.descriptions import WithAnyJson, responses
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
    EDIT,
    READ,
    AnyRequest,
    actor_of,
    member_of,
    services_of,
)
from scenarist.domain import entities
from scenarist.domain.listings import DataNodeFilter
from scenarist.domain.vocabulary import Scope

PATH = "/api/v1/datanodes"


def shown(node: entities.DataNode) -> schemas.DataNode:
    validity = node.validity
    return schemas.DataNode(
        id=node.id,
        config_id=node.config_id,
        name=node.properties.get("name"),
        scope=node.scope,
        storage_type=node.storage_type,
        owner_id=node.owner_id,
        parent_ids=list(node.parent_ids),
        properties=dict(node.properties),
        job_ids=list(node.job_ids),
        validity_days=None if validity is None else validity.days,
        validity_seconds=None if validity is None else validity.total_seconds() % 86400,
        last_edit_id=node.last_edit_id,
        last_edit_date=node.last_edited_at,
        expiration_date=None
        if validity is None or node.last_edited_at is None
        else node.last_edited_at + validity,
        edit_in_progress=node.being_written_by is not None or node.locked_by is not None,
        editor_id=node.being_written_by or node.locked_by,
        editor_expiration_date=node.locked_until,
        creation_date=node.created_at,
        version=node.version,
    )


@get(
    PATH,
    opt=READ,
    summary="List data nodes",
    tags=["datanodes"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.DataNode], "The data nodes.", 400),
)
def list_data_nodes(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    scenario_id: FromQuery[str | None] = None,
    task_id: FromQuery[str | None] = None,
    config_id: FromQuery[str | None] = None,
    owner_id: FromQuery[str | None] = None,
    scope_: Annotated[
        str | None, QueryParameter(name="scope", description="SCENARIO, CYCLE or GLOBAL.")
    ] = None,
    storage_type: FromQuery[str | None] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    sort: Sort = None,
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """Data nodes in the order of their creation."""
    service, actor = services_of(request).data_nodes, actor_of(request)
    created = window_of(created_after, created_before)
    wanted = DataNodeFilter(
        scenario_id=scenario_id,
        task_id=task_id,
        config_id=config_id,
        owner_id=owner_id,
        scope=member_of(Scope, scope_, "scope"),
        storage_type=storage_type,
        created=created,
    )
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort, created=created)
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@get(
    PATH + "/{data_node_id:str}",
    opt=READ,
    summary="Get a data node",
    tags=["datanodes"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneDataNode, "The data node.", 404),
)
def get_data_node(request: AnyRequest, data_node_id: FromPath[str]) -> Answer:
    node = services_of(request).data_nodes.get(actor_of(request), data_node_id)
    return tagged(request, schemas.OneDataNode(datanode=shown(node)))


@get(
    PATH + "/{data_node_id:str}/read",
    opt=READ,
    summary="Read a data node's value",
    tags=["datanodes"],
    sync_to_thread=True,
    responses=responses(200, schemas.Value, "The newest value.", 404, 409),
)
def read_data_node(request: AnyRequest, data_node_id: FromPath[str]) -> Answer:
    """A pickled value that is large comes as a preview, with `"truncated": true`.

    404 when there is no value yet.
    """
    value = services_of(request).data_nodes.read(actor_of(request), data_node_id)
    # The value is JSON text already; it goes into the answer as it is.
    mark = b"" if value.is_complete else b',"truncated":true'
    return tagged(request, b'{"data":' + value.text.encode() + mark + b"}")


@put(
    PATH + "/{data_node_id:str}/write",
    operation_class=WithAnyJson,
    opt=EDIT,
    summary="Write a data node's value",
    tags=["datanodes"],
    sync_to_thread=True,
    responses=responses(200, schemas.Message, "It is the newest value.", 400, 404, 409),
)
def write_data_node(request: AnyRequest, data_node_id: FromPath[str], body: RawBody) -> Answer:
    """The body is the value, as JSON; a table as a list of records. Jobs that waited go on.

    409 while a job that has not ended will write it.
    """
    services_of(request).data_nodes.write(actor_of(request), data_node_id, read_json(body))
    return answer(schemas.Message(message=f"Data node {data_node_id} was successfully written."))


HANDLERS = [list_data_nodes, get_data_node, read_data_node, write_data_node]

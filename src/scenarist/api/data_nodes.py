"""The paths of data nodes."""

from typing import Any

from litestar import get, put
from litestar.params import FromPath, FromQuery, RawBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, answer, listed, tagged
from scenarist.api.bodies import read_json
from scenarist.api.descriptions import WithAnyJson, responses
from scenarist.api.requests import AnyRequest, Cursor, Limit, actor_of, services_of
from scenarist.domain import entities

PATH = "/api/v1/datanodes"


def shown(node: entities.DataNode) -> schemas.DataNode:
    return schemas.DataNode(
        id=node.id,
        config_id=node.config_id,
        name=node.properties.get("name"),
        scope=node.scope,
        storage_type=node.storage_type,
        owner_id=node.owner_id,
        parent_ids=list(node.parent_ids),
        properties=dict(node.properties),
        validity_seconds=None if node.validity is None else node.validity.total_seconds(),
        last_edit_date=node.last_edited_at,
        edit_in_progress=node.being_written_by is not None,
        editor_id=node.being_written_by,
        creation_date=node.created_at,
        version=node.version,
    )


@get(
    PATH,
    summary="List data nodes",
    tags=["datanodes"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.DataNode], "The data nodes.", 400),
)
def list_data_nodes(
    request: AnyRequest,
    scenario_id: FromQuery[str | None] = None,
    config_id: FromQuery[str | None] = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Data nodes in the order of their creation."""
    service, actor = services_of(request).data_nodes, actor_of(request)

    def fetch(*, after: int, limit: int) -> Any:
        return service.list_page(
            actor, scenario_id=scenario_id, config_id=config_id, after=after, limit=limit
        )

    return listed(request, fetch, shown, limit=limit, cursor=cursor)


@get(
    PATH + "/{data_node_id:str}",
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

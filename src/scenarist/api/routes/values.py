"""Routes of the values of data nodes: reading, writing and appending."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from os import SEEK_END
from typing import Annotated, BinaryIO

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, RawBody
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import read_json
from scenarist.api.bulkheads import BulkheadKind, bulkheads_of, run_in_bulkhead
from scenarist.api.edit_params import EditParams
from scenarist.api.openapi.components import AnyJsonOperation, describe_responses
from scenarist.api.requests import (
    EDIT,
    LARGEST_VALUE,
    READ,
    AnyRequest,
    actor_of,
    provide_params,
    services_of,
)
from scenarist.api.responses import (
    JsonResponse,
    etag_of,
    etag_of_pieces,
    is_etag_known,
    make_if_match_check,
    respond,
    respond_if_modified,
)
from scenarist.api.routes.data_nodes import PATH, to_body
from scenarist.api.selections import SelectionParams, selection_of
from scenarist.domain.entities import DataNode
from scenarist.domain.selections import Selection
from scenarist.services.incoming import limit_memory
from scenarist.services.value_writer import WriteOptions

_PIECE = 256 * 1024

EditIdParam = Annotated[
    str | None, QueryParameter(description="An earlier edit, instead of the newest.")
]


@get(
    PATH + "/{data_node_id:str}/read",
    opt=READ,
    summary="Read a data node's value",
    tags=["datanodes"],
    dependencies=provide_params(SelectionParams),
    responses=describe_responses(
        200, schemas.Value, "The value, or the selected part.", 400, 404, 409, 413
    ),
)
@run_in_bulkhead(BulkheadKind.VALUES, may_be_short=True)
def read_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    params: NamedDependency[SelectionParams],
    edit_id: EditIdParam = None,
) -> ASGIApp:
    """Read the newest value; a table is a list of records, from which conditions select rows.

    Conditions may also be sent in the documented JSON body, `{"operators": [{"key", "operator",
    "value"}], "join_operator"}`. Operators are EQUAL, NOT_EQUAL, LESS_THAN, LESS_OR_EQUAL,
    GREATER_THAN and GREATER_OR_EQUAL.

    For a large pickled value, the response is a preview with `"truncated": true`. Returns 404 while
    there is no value.
    """
    wanted = selection_of(params, body)
    found = services_of(request).values.read(
        actor_of(request), data_node_id, wanted, edit_id=edit_id
    )
    tag = None if found.version is None else _etag_of_selection(found.version, wanted)
    if tag is not None and is_etag_known(request, tag):
        return JsonResponse(status=304, headers={"ETag": tag})
    value = found.show()
    if value.file is not None:
        return _respond_with_stream(request, value.file, tag, is_complete=value.is_complete)
    # The value is already JSON, and goes into the response unchanged.
    suffix = b"" if value.is_complete else b',"truncated":true'
    text = b'{"data":' + value.text.encode() + suffix + b"}"
    return (
        respond_if_modified(request, text)
        if tag is None
        else JsonResponse(text, headers={"ETag": tag})
    )


@put(
    PATH + "/{data_node_id:str}/write",
    request_max_body_size=LARGEST_VALUE,
    operation_class=AnyJsonOperation,
    opt=EDIT,
    summary="Write a data node's value",
    tags=["datanodes"],
    dependencies=provide_params(EditParams),
    responses=describe_responses(
        200, schemas.DataNodeWritten, "The value was written.", 400, 404, 409, 412
    ),
)
@run_in_bulkhead(BulkheadKind.VALUES)
def write_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    params: NamedDependency[EditParams],
) -> JsonResponse:
    """Write the value in the body, as JSON; a table is a list of records.

    Jobs that waited for a first value are released. Returns 409 while an unfinished job will write
    the data node, or another editor has locked it. `If-Match` accepts the ETag of the data node or
    that of its whole value.
    """
    services = services_of(request)
    options = write_options_of(request, params)
    with limit_memory(services.limits, body):
        edit = services.values.write(actor_of(request), data_node_id, read_json(body), options)
    return respond_to_write(f"Data node {data_node_id} was successfully written.", edit.id)


@post(
    PATH + "/{data_node_id:str}/append",
    request_max_body_size=LARGEST_VALUE,
    status_code=200,
    operation_class=AnyJsonOperation,
    opt=EDIT,
    summary="Append to a data node's value",
    tags=["datanodes"],
    dependencies=provide_params(EditParams),
    responses=describe_responses(
        200, schemas.DataNodeWritten, "The value was extended.", 400, 404, 409, 412
    ),
)
@run_in_bulkhead(BulkheadKind.VALUES)
def append_to_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    params: NamedDependency[EditParams],
) -> JsonResponse:
    """Add rows to a table, items to a list, or entries to an object; otherwise like a write.

    Concurrent appends do not overwrite each other. Returns 409 for storages that cannot append.
    """
    services = services_of(request)
    options = write_options_of(request, params)
    with limit_memory(services.limits, body):
        edit = services.values.append(actor_of(request), data_node_id, read_json(body), options)
    return respond_to_write(f"Data node {data_node_id} was successfully appended to.", edit.id)


def respond_to_write(message: str, edit_id: str) -> JsonResponse:
    return respond(schemas.DataNodeWritten(message=message, edit_id=edit_id))


def write_options_of(request: AnyRequest, params: EditParams) -> WriteOptions:
    """Build the options of a write from the request.

    ``If-Match`` may have the ETag of the data node, or that of its whole value.

    Raises:
        InvalidError: A text has characters that are not printable.
    """
    return params.to_options(expect=_make_write_check(request))


def _make_write_check(request: AnyRequest) -> Callable[[DataNode, str | None], None] | None:
    check = make_if_match_check(request, to_body)
    if check is None:
        return None
    header = request.headers.get("if-match", "")

    def either(node: DataNode, version: str | None) -> None:
        if version is None or etag_of(version.encode()) not in header:
            check(node)

    return either


def _respond_with_stream(
    request: AnyRequest, file: BinaryIO, tag: str | None, *, is_complete: bool
) -> ASGIApp:
    """Stream a large value from its file, and close the file."""
    head, tail = b'{"data":', b"}" if is_complete else b',"truncated":true}'

    def pieces() -> Iterator[bytes]:
        with file:
            yield head
            while piece := file.read(_PIECE):
                yield piece
            yield tail

    if tag is None:
        tag = etag_of_pieces(chain((head,), iter(partial(file.read, _PIECE), b""), (tail,)))
        if is_etag_known(request, tag):
            file.close()
            return JsonResponse(status=304, headers={"ETag": tag})
    size = len(head) + file.seek(0, SEEK_END) + len(tail)
    file.seek(0)
    return ASGIStreamingResponse(
        iterator=bulkheads_of(request).stream(pieces()),
        media_type="application/json",
        headers={"ETag": tag, "Content-Length": str(size)},
    )


def _etag_of_selection(version: str, wanted: Selection) -> str:
    """Return the ETag of a selection; without one, it depends only on the value's version."""
    chosen = b"" if wanted == Selection() else msgspec.json.encode(wanted.to_data())
    return etag_of(version.encode() + chosen)


HANDLERS = [read_data_node, write_data_node, append_to_data_node]

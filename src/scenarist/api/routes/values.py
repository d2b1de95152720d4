"""Routes of the values of data nodes: reading, writing and appending."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from os import SEEK_END
from typing import Annotated, BinaryIO

import msgspec
from litestar import get, post, put
from litestar.params import FromPath, QueryParameter, RawBody
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import read_json
from scenarist.api.bulkheads import Kind, bulkheads_of, in_bulkhead
from scenarist.api.edit_params import Comment, EditorId, checked_lines, checked_text
from scenarist.api.openapi.responses import WithAnyJson, responses
from scenarist.api.requests import EDIT, LARGEST_VALUE, READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import (
    Answer,
    answer,
    expectation,
    is_known,
    tag_of,
    tag_of_pieces,
    tagged,
)
from scenarist.api.routes.data_nodes import PATH, one
from scenarist.api.selections import Query, selection_of
from scenarist.domain.entities import DataNode
from scenarist.domain.selections import Selection
from scenarist.services.incoming import bounded
from scenarist.services.value_writer import WriteOptions

MOST_ROWS = 1_000_000
_PIECE = 256 * 1024

EditIdentifier = Annotated[
    str | None, QueryParameter(description="An earlier edit, instead of the newest.")
]


@get(
    PATH + "/{data_node_id:str}/read",
    opt=READ,
    summary="Read a data node's value",
    tags=["datanodes"],
    responses=responses(200, schemas.Value, "The value, or the selected part.", 400, 404, 409, 413),
)
@in_bulkhead(Kind.VALUES)
def read_data_node(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    columns: Annotated[
        list[str] | None,
        QueryParameter(description="Only these columns of a table, in this order, such as a,b."),
    ] = None,
    where: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only rows that meet this condition, KEY:OPERATOR:VALUE, such as "
            "temp:GREATER_THAN:20. VALUE is parsed as JSON, or taken as text if it is not JSON. Up "
            "to 20 conditions."
        ),
    ] = None,
    join_operator: Annotated[
        str | None,
        QueryParameter(description="AND, or OR if rows need to meet only one of the conditions."),
    ] = None,
    limit: Annotated[
        int | None, QueryParameter(ge=1, le=MOST_ROWS, description="At most this many rows.")
    ] = None,
    edit_id: EditIdentifier = None,
) -> ASGIApp:
    """Read the newest value; a table is a list of records, from which conditions select rows.

    Conditions may also be sent in the documented JSON body, `{"operators": [{"key", "operator",
    "value"}], "join_operator"}`. Operators are EQUAL, NOT_EQUAL, LESS_THAN, LESS_OR_EQUAL,
    GREATER_THAN and GREATER_OR_EQUAL.

    For a large pickled value, the response is a preview with `"truncated": true`. Returns 404 while
    there is no value.
    """
    query = Query(columns=columns, where=where, join_operator=join_operator, limit=limit)
    wanted = selection_of(query, body)
    found = services_of(request).values.read(
        actor_of(request), data_node_id, wanted, edit_id=edit_id
    )
    tag = None if found.version is None else _tag(found.version, wanted)
    if tag is not None and is_known(request, tag):
        return Answer(status=304, headers={"ETag": tag})
    value = found.show()
    if value.file is not None:
        return _stream(request, value.file, tag, is_complete=value.is_complete)
    # The value is already JSON, and goes into the response unchanged.
    mark = b"" if value.is_complete else b',"truncated":true'
    text = b'{"data":' + value.text.encode() + mark + b"}"
    return tagged(request, text) if tag is None else Answer(text, headers={"ETag": tag})


@put(
    PATH + "/{data_node_id:str}/write",
    request_max_body_size=LARGEST_VALUE,
    operation_class=WithAnyJson,
    opt=EDIT,
    summary="Write a data node's value",
    tags=["datanodes"],
    responses=responses(200, schemas.DataNodeWritten, "The value was written.", 400, 404, 409, 412),
)
@in_bulkhead(Kind.VALUES)
def write_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    editor_id: EditorId = None,
    comment: Comment = None,
) -> Answer:
    """Write the value in the body, as JSON; a table is a list of records.

    Jobs that waited for a first value are released. Returns 409 while an unfinished job will write
    the data node, or another editor has locked it. `If-Match` accepts the ETag of the data node or
    that of its whole value.
    """
    services = services_of(request)
    options = options_of(request, editor_id, comment)
    with bounded(services.limits, body):
        edit = services.values.write(actor_of(request), data_node_id, read_json(body), options)
    return written(f"Data node {data_node_id} was successfully written.", edit.id)


@post(
    PATH + "/{data_node_id:str}/append",
    request_max_body_size=LARGEST_VALUE,
    status_code=200,
    operation_class=WithAnyJson,
    opt=EDIT,
    summary="Append to a data node's value",
    tags=["datanodes"],
    responses=responses(
        200, schemas.DataNodeWritten, "The value was extended.", 400, 404, 409, 412
    ),
)
@in_bulkhead(Kind.VALUES)
def append_to_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    editor_id: EditorId = None,
    comment: Comment = None,
) -> Answer:
    """Add rows to a table, items to a list, or entries to an object; otherwise like a write.

    Concurrent appends all take effect. Returns 409 for storages that cannot append.
    """
    services = services_of(request)
    options = options_of(request, editor_id, comment)
    with bounded(services.limits, body):
        edit = services.values.append(actor_of(request), data_node_id, read_json(body), options)
    return written(f"Data node {data_node_id} was successfully appended to.", edit.id)


def written(message: str, edit_id: str) -> Answer:
    return answer(schemas.DataNodeWritten(message=message, edit_id=edit_id))


def options_of(request: AnyRequest, editor_id: str | None, comment: str | None) -> WriteOptions:
    """Build the options of a write from the request.

    ``If-Match`` may have the ETag of the data node, or that of its whole value.

    Raises:
        InvalidError: A text has characters that are not printable.
    """
    return WriteOptions(
        editor_id=checked_text(editor_id, "editor_id"),
        comment=checked_lines(comment),
        expect=_expectation(request),
    )


def _expectation(request: AnyRequest) -> Callable[[DataNode, str | None], None] | None:
    check = expectation(request, one)
    if check is None:
        return None
    header = request.headers.get("if-match", "")

    def either(node: DataNode, version: str | None) -> None:
        if version is None or tag_of(version.encode()) not in header:
            check(node)

    return either


def _stream(request: AnyRequest, file: BinaryIO, tag: str | None, *, is_complete: bool) -> ASGIApp:
    """Stream a large value from its file, and close the file."""
    head, tail = b'{"data":', b"}" if is_complete else b',"truncated":true}'

    def pieces() -> Iterator[bytes]:
        with file:
            yield head
            while piece := file.read(_PIECE):
                yield piece
            yield tail

    if tag is None:
        tag = tag_of_pieces(chain((head,), iter(partial(file.read, _PIECE), b""), (tail,)))
        if is_known(request, tag):
            file.close()
            return Answer(status=304, headers={"ETag": tag})
    size = len(head) + file.seek(0, SEEK_END) + len(tail)
    file.seek(0)
    return ASGIStreamingResponse(
        iterator=bulkheads_of(request).stream(pieces()),
        media_type="application/json",
        headers={"ETag": tag, "Content-Length": str(size)},
    )


def _tag(version: str, wanted: Selection) -> str:
    """Return the ETag of a selection; without one, it depends only on the value's version."""
    chosen = b"" if wanted == Selection() else msgspec.json.encode(wanted.to_data())
    return tag_of(version.encode() + chosen)


HANDLERS = [read_data_node, write_data_node, append_to_data_node]

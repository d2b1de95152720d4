"""Routes for values as files: download and upload."""

import re
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import FromPath, RawBody
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import ASGIApp
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartParser,
    parse_options_header,
)

from scenarist import schemas
from scenarist.api.bulkheads import BulkheadKind, bulkheads_of, run_in_bulkhead
from scenarist.api.edit_params import EditParams
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import (
    EDIT,
    LARGEST_VALUE,
    READ,
    AnyRequest,
    actor_of,
    provide_params,
    services_of,
)
from scenarist.api.responses import JsonResponse, etag_of, is_etag_known
from scenarist.api.routes.data_nodes import PATH
from scenarist.api.routes.values import EditIdParam, respond_to_write, write_options_of
from scenarist.domain.errors import InvalidError

_MOST_PARTS = 100
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.-]")
_BYTES = "application/octet-stream"


@dataclass
class FileOperation(Operation):
    """Operation whose body is a file: its bytes, or a form with the file."""

    def __post_init__(self) -> None:
        form = Schema(
            type="object",  # type: ignore[arg-type]
            properties={"file": Schema(content_media_type=_BYTES)},
            required=["file"],
        )
        self.request_body = RequestBody(
            content={
                _BYTES: OpenAPIMediaType(schema=Schema()),
                "multipart/form-data": OpenAPIMediaType(schema=form),
            },
            required=True,
        )


@get(
    PATH + "/{data_node_id:str}/download",
    opt=READ,
    summary="Download a data node's value",
    tags=["datanodes"],
    responses={
        **describe_responses(200, None, "", 404, 409),
        200: ResponseSpec(
            data_container=bytes,
            description="The unchanged bytes of the value, with the media type of its format.",
            media_type="*/*",
            generate_examples=False,
        ),
    },
)
@run_in_bulkhead(BulkheadKind.VALUES)
def download_data_node(
    request: AnyRequest, data_node_id: FromPath[str], edit_id: EditIdParam = None
) -> ASGIApp:
    """Download the file of a csv, excel, json, parquet or pickle data node.

    Do not open a pickle that you do not trust. Returns 404 while there is no value, and 409 for
    storages whose values are not files.
    """
    found = services_of(request).files.download(actor_of(request), data_node_id, edit_id=edit_id)
    tag = etag_of(found.version.encode())
    if is_etag_known(request, tag):
        return JsonResponse(status=304, headers={"ETag": tag})
    size, pieces = found.open()
    headers = {
        "ETag": tag,
        "Content-Disposition": _content_disposition(found.name),
        "Content-Length": str(size),
    }
    return ASGIStreamingResponse(
        iterator=bulkheads_of(request).stream(pieces), media_type=found.media_type, headers=headers
    )


@post(
    PATH + "/{data_node_id:str}/upload",
    request_max_body_size=LARGEST_VALUE,
    status_code=200,
    operation_class=FileOperation,
    opt=EDIT,
    summary="Upload a data node's value",
    tags=["datanodes"],
    dependencies=provide_params(EditParams),
    responses=describe_responses(
        200, schemas.DataNodeWritten, "The file is the newest value.", 400, 404, 409, 412
    ),
)
@run_in_bulkhead(BulkheadKind.VALUES)
def upload_data_node(
    request: AnyRequest,
    data_node_id: FromPath[str],
    body: RawBody,
    params: NamedDependency[EditParams],
) -> JsonResponse:
    """Upload a file in the format of a csv, excel, json or parquet data node as its value.

    The body is the file, which is stored unchanged, or a form with this one file. Returns 400 if it
    cannot be read, and 409 for other storages: pickles are not accepted, because reading one
    executes code.
    """
    edit = services_of(request).files.upload(
        actor_of(request),
        data_node_id,
        _extract_file(request, body),
        write_options_of(request, params),
    )
    return respond_to_write(f"Data node {data_node_id} was successfully uploaded.", edit.id)


def _extract_file(request: AnyRequest, body: bytes) -> bytes:
    """Return the file that the body consists of, or the one in its form.

    Raises:
        InvalidError: The body is empty, or is a form that is malformed or does not have one file.
    """
    if not body:
        raise InvalidError("the request has no body; it must be a file", code="body_missing")
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != "multipart/form-data":
        return body
    room = len(body) + 1
    try:
        parser = MultipartParser(
            BytesIO(body),
            options.get("boundary", ""),
            part_limit=_MOST_PARTS,
            spool_limit=room,
            memory_limit=room,
        )
        files = [part.raw for part in parser if part.filename is not None]
    except MultipartError as error:
        raise InvalidError(
            f"the body is not a valid form: {error}", code="body_malformed"
        ) from None
    if len(files) != 1:
        raise InvalidError(
            f"the form has {len(files)} files; it must have one", code="body_invalid"
        )
    return bytes(files[0])


def _content_disposition(name: str) -> str:
    plain = _NOT_PLAIN.sub("_", name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{exact}'


HANDLERS = [download_data_node, upload_data_node]

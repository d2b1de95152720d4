"""Routes of keys, the credentials of programs, for administrators."""

from functools import partial

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import NamedListParams
from scenarist.api.requests import (
    ADMINISTER,
    AnyRequest,
    actor_of,
    provide_params,
    services_of,
    timestamp_of,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_list,
)
from scenarist.domain.users import Key

PATH = "/api/v1/keys"


def to_schema(key: Key) -> schemas.Key:
    return schemas.Key(
        id=key.id,
        name=key.name,
        roles=sorted(key.roles),
        made_by=key.made_by,
        made_by_id=key.made_by_id,
        creation_date=key.created_at,
        expires_at=key.expires_at,
    )


@get(
    PATH,
    opt=ADMINISTER,
    summary="List keys",
    tags=["keys"],
    sync_to_thread=True,
    dependencies=provide_params(NamedListParams),
    responses=describe_responses(200, schemas.Results[schemas.Key], "The keys.", 400),
)
def list_keys(request: AnyRequest, params: NamedDependency[NamedListParams]) -> ASGIApp:
    """List keys in order of creation, without their tokens."""
    service, actor = services_of(request).keys, actor_of(request)
    return respond_with_list(
        request, partial(service.list_page, actor), to_schema, params.make_paging()
    )


@post(
    PATH,
    opt=ADMINISTER,
    summary="Create a key",
    tags=["keys"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateKey),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        201, schemas.KeyCreated, "The key, with its token, which no other response shows.", 400, 409
    ),
)
def create_key(request: AnyRequest, data: JSONBody[schemas.CreateKey]) -> JsonResponse:
    """Create a credential for a program, with roles that grant no more than your own.

    The key is deleted together with the user who created it, and never has more rights than that
    user currently has. Create keys that should outlive users on the command line.
    """
    made = services_of(request).keys.create(
        actor_of(request),
        data.name,
        data.roles,
        expires_at=timestamp_of(request, data.expires_at, "expires_at"),
    )
    return respond(
        schemas.KeyCreated(
            message=f"Key {made.key.id} was created. Keep its token: it is shown only here.",
            key=to_schema(made.key),
            token=made.text,
        ),
        status=201,
        headers={"Location": f"{PATH}/{made.key.id}", "Cache-Control": "no-store"},
    )


@get(
    PATH + "/{key_id:str}",
    opt=ADMINISTER,
    summary="Get a key",
    tags=["keys"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.OneKey, "The key, without its token.", 404),
)
def get_key(request: AnyRequest, key_id: FromPath[str]) -> JsonResponse:
    return respond_if_modified(
        request, _to_body(services_of(request).keys.get(actor_of(request), key_id))
    )


@delete(
    PATH + "/{key_id:str}",
    status_code=200,
    opt=ADMINISTER,
    summary="Revoke a key",
    tags=["keys"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The key was revoked.", 404, 412),
)
def delete_key(request: AnyRequest, key_id: FromPath[str]) -> JsonResponse:
    """Revoke a key: the next request with it is refused, on every server."""
    expect = make_if_match_check(request, _to_body)
    services_of(request).keys.delete(actor_of(request), key_id, expect=expect)
    return respond(schemas.Message(message=f"Key {key_id} was revoked."))


def _to_body(key: Key) -> schemas.OneKey:
    return schemas.OneKey(key=to_schema(key))


HANDLERS = [list_keys, create_key, get_key, delete_key]

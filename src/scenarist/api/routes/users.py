"""Routes of users, for administrators."""

from functools import partial

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import NamedListParams
from scenarist.api.requests import ADMINISTER, AnyRequest, actor_of, provide_params, services_of
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_etag,
    respond_with_list,
)
from scenarist.domain.users import User
from scenarist.services.users import UserChange

PATH = "/api/v1/users"


def to_schema(user: User) -> schemas.User:
    """Return the schema of a user, without the password hash."""
    return schemas.User(
        username=user.name,
        roles=sorted(user.roles),
        realm=user.realm,
        is_declared=user.is_declared,
        has_password=user.password_hash is not None,
        creation_date=user.created_at,
    )


@get(
    PATH,
    opt=ADMINISTER,
    summary="List users",
    tags=["users"],
    sync_to_thread=True,
    dependencies=provide_params(NamedListParams),
    responses=describe_responses(200, schemas.Results[schemas.User], "The users.", 400),
)
def list_users(request: AnyRequest, params: NamedDependency[NamedListParams]) -> ASGIApp:
    """List users in order of creation; users of a directory once they have signed in."""
    service, actor = services_of(request).users, actor_of(request)
    return respond_with_list(
        request, partial(service.list_page, actor), to_schema, params.make_paging()
    )


@post(
    PATH,
    opt=ADMINISTER,
    summary="Create a user",
    tags=["users"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateUser),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(201, schemas.UserCreated, "The user was created.", 400, 409),
)
def create_user(request: AnyRequest, data: JSONBody[schemas.CreateUser]) -> JsonResponse:
    """Create a user who can sign in with a password.

    Returns 409 if the name is taken, regardless of case, and if a directory or an identity provider
    manages the users.
    """
    user = services_of(request).users.create(
        actor_of(request), data.username, data.password, data.roles
    )
    return respond(
        schemas.UserCreated(message=f"User {user.name} was created.", user=to_schema(user)),
        status=201,
        headers={"Location": f"{PATH}/{user.name}"},
    )


@get(
    PATH + "/{username:str}",
    opt=ADMINISTER,
    summary="Get a user",
    tags=["users"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.OneUser, "The user.", 404),
)
def get_user(request: AnyRequest, username: FromPath[str]) -> JsonResponse:
    return respond_if_modified(
        request, _to_body(services_of(request).users.get(actor_of(request), username))
    )


@patch(
    PATH + "/{username:str}",
    opt=ADMINISTER,
    summary="Change a user",
    tags=["users"],
    sync_to_thread=True,
    dto=body_of(schemas.ChangeUser),
    responses=describe_responses(200, schemas.OneUser, "The changed user.", 400, 404, 409, 412),
)
def change_user(
    request: AnyRequest, username: FromPath[str], data: JSONBody[schemas.ChangeUser]
) -> JsonResponse:
    """Change the roles or the password of a user; omitted fields stay as they are.

    Roles take effect with the next request, for existing sessions and keys too. A new password ends
    all sessions of the user. Returns 409 for roles or a password that the configuration file or a
    directory defines, and if no other user has TAIPY_ADMIN.
    """
    user = services_of(request).users.change(
        actor_of(request),
        username,
        UserChange(roles=data.roles, password=data.password),
        expect=make_if_match_check(request, _to_body),
    )
    return respond_with_etag(_to_body(user))


@delete(
    PATH + "/{username:str}",
    status_code=200,
    opt=ADMINISTER,
    summary="Delete a user",
    tags=["users"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The user was deleted.", 404, 409, 412),
)
def delete_user(request: AnyRequest, username: FromPath[str]) -> JsonResponse:
    """Delete a user with all sessions of the user and all keys that the user has created.

    Returns 409 for a user that the configuration file declares, and for the last user with
    TAIPY_ADMIN.
    """
    expect = make_if_match_check(request, _to_body)
    services_of(request).users.delete(actor_of(request), username, expect=expect)
    return respond(schemas.Message(message=f"User {username.lower()} was deleted."))


def _to_body(user: User) -> schemas.OneUser:
    return schemas.OneUser(user=to_schema(user))


HANDLERS = [list_users, create_user, get_user, change_user, delete_user]

"""Routes for signing in and out: Taipy's documented ``auth`` paths, and some more."""

from litestar import get, post
from litestar.params import JSONBody

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.middleware.auth import LoginExecutor, auth_of, credential_of, origin_of
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import OPEN, SIGNED_IN, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.domain.errors import ThrottledError, UnavailableError
from scenarist.domain.permissions import ANYONE

PATH = "/api/v1/auth"

_NOT_STORED = {"Cache-Control": "no-store"}
_AUTHORIZATION_IS_OFF = "Authorization is off: everybody may do everything, and no token is needed."
_NO_TOKEN = "authorization-is-off"  # noqa: S105 - not a secret, and no token


def login_executor_of(request: AnyRequest) -> LoginExecutor:
    executor: LoginExecutor = request.app.state["login_executor"]
    return executor


@post(
    PATH + "/login",
    opt=OPEN,
    summary="Sign in",
    tags=["auth"],
    dto=body_of(schemas.Login),
    responses=describe_responses(
        201, schemas.SignedIn, "The token of a new session.", 400, 401, 429
    ),
)
async def login(request: AnyRequest, data: JSONBody[schemas.Login]) -> JsonResponse:
    """Create a session with a name and a password.

    The token is valid until `expires_at`, or until sign-out. After five failed attempts within five
    minutes, further attempts get 429 for a while.
    """
    if auth_of(request).is_off:
        return respond(
            schemas.SignedIn(
                message=_AUTHORIZATION_IS_OFF,
                token=_NO_TOKEN,
                username=ANYONE.name,
                roles=sorted(ANYONE.roles),
                expires_at=None,
            ),
            status=201,
            headers=_NOT_STORED,
        )
    service = services_of(request).sessions
    origin = origin_of(request, request.route_handler)
    try:
        service.refuse_throttled(origin.address)
        session = await login_executor_of(request).run(
            origin.address, lambda: service.sign_in(data.username, data.password, origin)
        )
    except (ThrottledError, UnavailableError) as refusal:
        auth_of(request).count_refusal(origin.address, origin.operation, refusal.message)
        raise
    return respond(
        schemas.SignedIn(
            message=f"{session.name} is signed in.",
            token=session.token,
            username=session.name,
            roles=sorted(session.roles),
            expires_at=session.expires_at,
        ),
        status=201,
        headers=_NOT_STORED,
    )


@post(
    PATH + "/logout",
    opt=SIGNED_IN,
    summary="Sign out",
    tags=["auth"],
    sync_to_thread=True,
    responses=describe_responses(201, schemas.Message, "The session was ended.", 409),
)
def logout(request: AnyRequest) -> JsonResponse:
    """End the session of the token: the next request with it is refused, on every server.

    A token from an external identity provider is refused here until it expires. A key cannot be
    signed out: 409.
    """
    if auth_of(request).is_off:
        return respond(schemas.Message(message=_AUTHORIZATION_IS_OFF), status=201)
    actor = actor_of(request)
    services_of(request).sessions.sign_out(actor, credential_of(request))
    return respond(schemas.Message(message=f"{actor.name} is signed out."), status=201)


@get(
    PATH + "/me",
    opt=SIGNED_IN,
    summary="Get the authenticated user or key",
    tags=["auth"],
    sync_to_thread=False,
    responses=describe_responses(200, schemas.Me, "The user or key, with its roles."),
)
def get_me(request: AnyRequest) -> JsonResponse:
    """Get the caller's name and roles; `anyone`, with all roles, when authorization is off."""
    actor = actor_of(request)
    me = schemas.Me(
        username=actor.name, id=actor.id, roles=sorted(actor.roles), key_id=actor.key_id
    )
    return respond(me, headers=_NOT_STORED)


@post(
    PATH + "/password",
    status_code=200,
    opt=SIGNED_IN,
    summary="Change your own password",
    tags=["auth"],
    dto=body_of(schemas.ChangePassword),
    responses=describe_responses(200, schemas.Message, "The password was changed.", 400, 409, 429),
)
async def change_password(
    request: AnyRequest, data: JSONBody[schemas.ChangePassword]
) -> JsonResponse:
    """Change your password and end all sessions of yours, including this one.

    Returns 401 if the old password is wrong, and 409 if the password is not stored on this server
    (with a directory or an external identity provider), or for a key.
    """
    service, actor = services_of(request).sessions, actor_of(request)
    address = "" if actor.origin is None else actor.origin.address
    service.refuse_throttled(address)
    await login_executor_of(request).run(
        address, lambda: service.change_password(actor, data.old_password, data.new_password)
    )
    return respond(schemas.Message(message="The password was changed; sign in again."))


HANDLERS = [login, logout, get_me, change_password]

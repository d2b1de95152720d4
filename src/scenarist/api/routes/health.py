"""Routes for monitoring: liveness and readiness."""

from contextlib import suppress

from litestar import get
from litestar.concurrency import sync_to_thread

from scenarist import schemas
from scenarist.api.middleware.auth import auth_of
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import OPEN, AnyRequest, services_of
from scenarist.domain.errors import ScenaristError, UnavailableError


@get(
    "/healthz",
    opt=OPEN,
    summary="Check liveness",
    tags=["health"],
    sync_to_thread=False,
    responses=describe_responses(200, schemas.Message, "The server responds."),
)
def get_health() -> schemas.Message:
    return schemas.Message(message="alive")


@get(
    "/readyz",
    opt=OPEN,
    summary="Check readiness",
    tags=["health"],
    responses=describe_responses(200, schemas.Message, "The server is ready."),
)
async def get_readiness(request: AnyRequest) -> schemas.Message:
    """Check whether the server can serve requests and run jobs; 503 if not.

    A server that leaves jobs to others need not be able to run them. With authorization on, only
    authenticated callers get the reason.
    """
    try:
        message = await sync_to_thread(services_of(request).health.check_readiness)
    except UnavailableError:
        with suppress(ScenaristError):
            request.scope["actor"] = await auth_of(request).make_find_actor(request)()  # type: ignore[typeddict-unknown-key]
        raise
    return schemas.Message(message=message)


HANDLERS = [get_health, get_readiness]

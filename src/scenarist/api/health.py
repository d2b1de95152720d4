"""Whether the server lives, and whether it can work: for machines that watch it."""

from litestar import get

from scenarist import schemas
from scenarist.api.descriptions import responses
from scenarist.api.requests import OPEN, AnyRequest, services_of


@get(
    "/healthz",
    opt=OPEN,
    summary="Is the server alive?",
    tags=["health"],
    sync_to_thread=False,
    responses=responses(200, schemas.Message, "It is."),
)
def get_health() -> schemas.Message:
    return schemas.Message(message="alive")


@get(
    "/readyz",
    opt=OPEN,
    summary="Can the server do its work?",
    tags=["health"],
    sync_to_thread=True,
    responses=responses(200, schemas.Message, "Database and orchestrator are up."),
)
def get_readiness(request: AnyRequest) -> schemas.Message:
    return schemas.Message(message=services_of(request).health.check_readiness())


HANDLERS = [get_health, get_readiness]

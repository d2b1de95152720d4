"""Routes of the orchestration: whether jobs are started at all."""

from litestar import get, post

from scenarist import schemas
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import OPERATE, READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities

PATH = "/api/v1/orchestration"


def to_schema(
    request: AnyRequest, orchestration: entities.OrchestrationState
) -> schemas.Orchestration:
    version, others = services_of(request).orchestration.get_versions(actor_of(request))
    return schemas.Orchestration(
        paused_at=orchestration.paused_at,
        paused_by=orchestration.paused_by,
        version=version,
        other_versions=list(others),
        changed_files=list(
            services_of(request).orchestration.list_changed_files(actor_of(request))
        ),
    )


@get(
    PATH,
    opt=READ,
    summary="Get the state of the orchestration",
    tags=["orchestration"],
    responses=describe_responses(200, schemas.OneOrchestration, "The state of the orchestration."),
)
@run_on_loop_if_short
def get_orchestration(request: AnyRequest) -> JsonResponse:
    """Get whether jobs are started, and the versions of the application that are connected.

    `paused_at` is null, or the time since which no jobs are started.
    """
    found = services_of(request).orchestration.get(actor_of(request))
    return respond(schemas.OneOrchestration(orchestration=to_schema(request, found)))


@post(
    PATH + "/pause",
    status_code=200,
    opt=OPERATE,
    summary="Pause the orchestration",
    tags=["orchestration"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.OrchestrationAnswer, "No more jobs are started."),
)
def pause_orchestration(request: AnyRequest) -> JsonResponse:
    """Start no more jobs; running jobs continue.

    New submissions are accepted and wait, even after a restart of the server.
    """
    paused = services_of(request).orchestration.pause(actor_of(request))
    return _respond(request, "No jobs are started until the orchestration is resumed.", paused)


@post(
    PATH + "/resume",
    status_code=200,
    opt=OPERATE,
    summary="Resume the orchestration",
    tags=["orchestration"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.OrchestrationAnswer, "Jobs are started again."),
)
def resume_orchestration(request: AnyRequest) -> JsonResponse:
    """Start jobs again; submissions that were paused themselves stay paused."""
    resumed = services_of(request).orchestration.resume(actor_of(request))
    return _respond(request, "Jobs are started again.", resumed)


def _respond(
    request: AnyRequest, message: str, orchestration: entities.OrchestrationState
) -> JsonResponse:
    return respond(
        schemas.OrchestrationAnswer(
            message=message, orchestration=to_schema(request, orchestration)
        )
    )


HANDLERS = [get_orchestration, pause_orchestration, resume_orchestration]

"""The paths of the orchestration: whether jobs are begun at all."""

from litestar import get, post

from scenarist import schemas
from scenarist.api.answers import Answer, answer
from scenarist.api.descriptions import responses
from scenarist.api.requests import OPERATE, READ, AnyRequest, actor_of, services_of
from scenarist.domain import entities

PATH = "/api/v1/orchestration"


def shown(orchestration: entities.Orchestration) -> schemas.Orchestration:
    return schemas.Orchestration(
        paused_at=orchestration.paused_at, paused_by=orchestration.paused_by
    )


@get(
    PATH,
    opt=READ,
    summary="Are jobs begun?",
    tags=["orchestration"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneOrchestration, "Whether they are."),
)
def get_orchestration(request: AnyRequest) -> Answer:
    found = services_of(request).orchestration.get(actor_of(request))
    return answer(schemas.OneOrchestration(orchestration=shown(found)))


@post(
    PATH + "/pause",
    status_code=200,
    opt=OPERATE,
    summary="Begin no more jobs",
    tags=["orchestration"],
    sync_to_thread=True,
    responses=responses(200, schemas.OrchestrationAnswer, "No job is begun any more."),
)
def pause_orchestration(request: AnyRequest) -> Answer:
    """Jobs that run go on; what is submitted waits, also over a new start of the server."""
    paused = services_of(request).orchestration.pause(actor_of(request))
    return _answered("No job is begun until the orchestration is resumed.", paused)


@post(
    PATH + "/resume",
    status_code=200,
    opt=OPERATE,
    summary="Begin jobs again",
    tags=["orchestration"],
    sync_to_thread=True,
    responses=responses(200, schemas.OrchestrationAnswer, "Jobs are begun."),
)
def resume_orchestration(request: AnyRequest) -> Answer:
    """Submissions that are paused themselves stay so."""
    resumed = services_of(request).orchestration.resume(actor_of(request))
    return _answered("Jobs are begun.", resumed)


def _answered(message: str, orchestration: entities.Orchestration) -> Answer:
    return answer(schemas.OrchestrationAnswer(message=message, orchestration=shown(orchestration)))


HANDLERS = [get_orchestration, pause_orchestration, resume_orchestration]

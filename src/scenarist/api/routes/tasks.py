"""Routes of tasks."""

from dataclasses import dataclass
from functools import partial

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import DatedListParams
from scenarist.api.requests import (
    EDIT,
    EXECUTE,
    READ,
    AnyRequest,
    IdFilter,
    RepeatedFilter,
    VersionFilter,
    actor_of,
    provide_params,
    services_of,
    unique_values,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_list,
)
from scenarist.api.routes.submissions import NO_OPTIONS, submit_and_respond, submit_request_of
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities
from scenarist.domain.listings import TaskFilter
from scenarist.domain.secrets import mask_properties
from scenarist.domain.vocabulary import EntityType

PATH = "/api/v1/tasks"


def to_schema(task: entities.Task) -> schemas.Task:
    module, _, name = task.function.partition(":")
    return schemas.Task(
        id=task.id,
        config_id=task.config_id,
        owner_id=task.owner_id,
        parent_ids=list(task.parent_ids),
        input_ids=list(task.input_ids),
        output_ids=list(task.output_ids),
        function_module=module,
        function_name=name,
        skippable=task.skippable,
        timeout_seconds=None if task.timeout is None else task.timeout.total_seconds(),
        retries=task.retries,
        retry_delay_seconds=task.retry_delay.total_seconds(),
        retry_on=list(task.retry_on),
        retries_after_loss=task.retries_after_loss,
        fresh=task.fresh,
        properties=mask_properties(task.properties),
        creation_date=task.created_at,
        version=task.version,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskListParams(DatedListParams):
    id: IdFilter = None
    scenario_id: RepeatedFilter = None
    sequence_id: RepeatedFilter = None
    config_id: RepeatedFilter = None
    version: VersionFilter = None


@get(
    PATH,
    opt=READ,
    summary="List tasks",
    tags=["tasks"],
    dependencies=provide_params(TaskListParams),
    responses=describe_responses(200, schemas.Results[schemas.Task], "The tasks.", 400),
)
@run_on_loop_if_short
def list_tasks(request: AnyRequest, params: NamedDependency[TaskListParams]) -> ASGIApp:
    """List tasks in order of creation."""
    service, actor = services_of(request).tasks, actor_of(request)
    wanted = TaskFilter(
        id=unique_values(params.id),
        scenario_id=unique_values(params.scenario_id),
        sequence_id=unique_values(params.sequence_id),
        config_id=unique_values(params.config_id),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@get(
    PATH + "/{task_id:str}",
    opt=READ,
    summary="Get a task",
    tags=["tasks"],
    responses=describe_responses(200, schemas.OneTask, "The task.", 404),
)
@run_on_loop_if_short
def get_task(request: AnyRequest, task_id: FromPath[str]) -> JsonResponse:
    task = services_of(request).tasks.get(actor_of(request), task_id)
    return respond_if_modified(request, _to_body(task))


@post(
    PATH + "/submit/{task_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Submit a task",
    tags=["tasks"],
    dto=body_of(schemas.Submit),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(204, None, "The job was accepted.", 400, 404, 409)
    | describe_responses(
        200, schemas.TaskSubmitted, "The same, with `Prefer: return=representation`."
    ),
)
async def submit_task(
    request: AnyRequest, task_id: FromPath[str], data: JSONBody[schemas.Submit] = NO_OPTIONS
) -> JsonResponse:
    """Create a job for one task; headers work as for a sequence."""
    services, actor = services_of(request), actor_of(request)
    return await submit_and_respond(
        request,
        submit_request_of(request, data, EntityType.TASK, task_id),
        lambda submission: schemas.TaskSubmitted(
            message=f"Task {task_id} was submitted.",
            task=to_schema(services.tasks.get(actor, task_id)),
            submission=submission,
        ),
        status=204,
    )


@post(
    PATH,
    status_code=200,
    opt=EDIT,
    summary="Create a task",
    tags=["tasks"],
    sync_to_thread=True,
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(201, schemas.TaskCreated, "The task was created.", 400, 404)
    | describe_responses(200, schemas.TaskCreated, "The task already exists."),
)
def create_task(request: AnyRequest, config_id: FromQuery[str]) -> JsonResponse:
    """Create the task of a config that no scenario owns, with its data nodes.

    If the task already exists with the inputs and outputs that the config declares now, the
    response is a 200 with the existing one.
    """
    task, is_new = services_of(request).tasks.create(actor_of(request), config_id)
    outcome = "was created" if is_new else "already exists"
    return respond(
        schemas.TaskCreated(message=f"Task {task.id} {outcome}.", task=to_schema(task)),
        status=201 if is_new else 200,
        headers={"Location": f"{PATH}/{task.id}"},
    )


@delete(
    PATH + "/{task_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a task",
    tags=["tasks"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The task was deleted.", 404, 409, 412),
)
def delete_task(request: AnyRequest, task_id: FromPath[str]) -> JsonResponse:
    """Delete a task with its jobs; its data nodes stay.

    Returns 409 while a scenario or a sequence contains it, or a submission of it is in progress.
    """
    expect = make_if_match_check(request, _to_body)
    services_of(request).tasks.delete(actor_of(request), task_id, expect=expect)
    return respond(schemas.Message(message=f"Task {task_id} was deleted."))


def _to_body(task: entities.Task) -> schemas.OneTask:
    return schemas.OneTask(task=to_schema(task))


HANDLERS = [list_tasks, create_task, get_task, delete_task, submit_task]

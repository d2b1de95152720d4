"""Plans: what a submit of a scenario, a sequence or a task would run."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from litestar import post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, JSONBody

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.bulkheads import BulkheadKind, run_apart
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.api.routes import scenarios, sequences, tasks
from scenarist.domain.vocabulary import EntityType, PlannedAction
from scenarist.services.plans import TaskPlan

_NO_OPTIONS = schemas.PlanOptions()
_NO_OPTIONS_OR_INPUTS = schemas.PlanWithInputs()
_RESPONSES = describe_responses(200, schemas.OnePlan, "The plan.", 400, 404, 409)


@post(
    scenarios.PATH + "/{scenario_id:str}/plan",
    status_code=200,
    opt=READ,
    summary="Plan a submit of a scenario",
    tags=["scenarios"],
    dto=body_of(schemas.PlanWithInputs),
    responses=_RESPONSES,
)
async def plan_scenario(
    request: AnyRequest,
    scenario_id: FromPath[str],
    data: JSONBody[schemas.PlanWithInputs] = _NO_OPTIONS_OR_INPUTS,
) -> JsonResponse:
    """Return what a submit of the scenario would run now, and why; nothing is changed.

    Responds like the submit if that would be refused, also because of its `inputs`, which are not
    written. What jobs under way will write is not known yet, so tasks that depend on it are planned
    as running.
    """
    return await _plan_with_inputs(request, EntityType.SCENARIO, scenario_id, data)


@post(
    sequences.PATH + "/{sequence_id:str}/plan",
    status_code=200,
    opt=READ,
    summary="Plan a submit of a sequence",
    tags=["sequences"],
    dto=body_of(schemas.PlanWithInputs),
    responses=_RESPONSES,
)
async def plan_sequence(
    request: AnyRequest,
    sequence_id: FromPath[str],
    data: JSONBody[schemas.PlanWithInputs] = _NO_OPTIONS_OR_INPUTS,
) -> JsonResponse:
    """Return what a submit of the sequence would run now, and why, as for a scenario."""
    return await _plan_with_inputs(request, EntityType.SEQUENCE, sequence_id, data)


@post(
    tasks.PATH + "/{task_id:str}/plan",
    status_code=200,
    opt=READ,
    summary="Plan a submit of a task",
    tags=["tasks"],
    sync_to_thread=True,
    dto=body_of(schemas.PlanOptions),
    responses=_RESPONSES,
)
def plan_task(
    request: AnyRequest,
    task_id: FromPath[str],
    data: JSONBody[schemas.PlanOptions] = _NO_OPTIONS,
) -> JsonResponse:
    """Return whether a submit of the task would run it now, and why, as for a scenario."""
    planned = services_of(request).plans.plan(
        actor_of(request), EntityType.TASK, task_id, force=data.force
    )
    return _respond_with_plan(EntityType.TASK, task_id, planned)


async def _plan_with_inputs(
    request: AnyRequest, entity_type: EntityType, entity_id: str, options: schemas.PlanWithInputs
) -> JsonResponse:
    services = services_of(request)
    target = (actor_of(request), entity_type, entity_id)
    if options.inputs:
        plan = partial(services.inputs.plan, *target, options.inputs, force=options.force)
        planned = await run_apart(request, BulkheadKind.VALUES, plan)
    else:
        planned = await sync_to_thread(partial(services.plans.plan, *target, force=options.force))
    return _respond_with_plan(entity_type, entity_id, planned)


def _respond_with_plan(
    entity_type: EntityType, entity_id: str, planned: Sequence[TaskPlan]
) -> JsonResponse:
    running = [task.duration for task in planned if task.action is PlannedAction.RUN]
    known = [duration.total_seconds() for duration in running if duration is not None]
    plan = schemas.SubmitPlan(
        entity_id=entity_id,
        entity_type=entity_type,
        tasks=[_to_schema(task) for task in planned],
        counts=dict(Counter(task.action for task in planned)),
        seconds=sum(known) if len(known) == len(running) else None,
    )
    return respond(schemas.OnePlan(plan=plan))


def _to_schema(task: TaskPlan) -> schemas.PlannedTask:
    return schemas.PlannedTask(
        task_id=task.id,
        task_config_id=task.config_id,
        action=task.action,
        reason=task.reason,
        because=task.because,
        seconds=None if task.duration is None else task.duration.total_seconds(),
    )


HANDLERS = [plan_scenario, plan_sequence, plan_task]

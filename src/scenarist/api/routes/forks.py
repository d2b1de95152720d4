"""Route that forks scenarios."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from litestar import post
from litestar.concurrency import sync_to_thread
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.bulkheads import BulkheadKind, run_apart
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.requests import EDIT, AnyRequest, actor_of, services_of, timestamp_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.api.routes import scenarios
from scenarist.services.forks import ChangedInput, NewFork

_EMPTY_BODY = schemas.ForkScenario()


@post(
    scenarios.PATH + "/{scenario_id:str}/fork",
    opt=EDIT,
    summary="Fork a scenario",
    tags=["scenarios"],
    dto=body_of(schemas.ForkScenario),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        201, schemas.ScenarioForked, "The fork was created.", 400, 404, 409
    ),
)
async def fork_scenario(
    request: AnyRequest,
    scenario_id: FromPath[str],
    data: JSONBody[schemas.ForkScenario] = _EMPTY_BODY,
) -> JsonResponse:
    """Create a scenario that starts from the present values of another one.

    It has the same tasks, data nodes and sequences. Values that the server stores are shared: no
    byte is copied, and what was up to date still is. `inputs` are written in the same transaction.
    Returns 409 if one of them is shared with other scenarios and cannot be written now, or if the
    fork is for another cycle whose shared data nodes or tasks are no longer declared as they were.
    """
    new = NewFork(
        name=data.name,
        tags=data.tags,
        properties=data.properties,
        created_at=timestamp_of(request, data.creation_date, "creation_date"),
    )
    fork = partial(_fork_and_respond, request, scenario_id, new, data.inputs)
    if data.inputs:
        return await run_apart(request, BulkheadKind.VALUES, fork)
    return await sync_to_thread(fork)


def _fork_and_respond(
    request: AnyRequest, scenario_id: str, new: NewFork, inputs: Mapping[str, Any]
) -> JsonResponse:
    services, actor = services_of(request), actor_of(request)
    made = (
        services.inputs.fork_scenario(actor, scenario_id, new, inputs)
        if inputs
        else services.forks.fork(actor, scenario_id, new)
    )
    fork_id = made.eligibility.scenario.id
    return respond(
        schemas.ScenarioForked(
            message=f"Scenario {scenario_id} was forked as {fork_id}.",
            scenario=scenarios.to_full_schema(request, made.eligibility),
            diff=[_to_schema(item) for item in made.diff],
            not_shared=[
                schemas.UnsharedDataNode(
                    data_node_id=item.data_node_id,
                    config_id=item.config_id,
                    because=item.because,
                )
                for item in made.not_shared
            ],
        ),
        status=201,
        headers={"Location": f"{scenarios.PATH}/{fork_id}"},
    )


def _to_schema(item: ChangedInput) -> schemas.InputDifference:
    return schemas.InputDifference(
        name=item.name,
        old=UNSET if item.old is None else msgspec.Raw(item.old.encode()),
        new=UNSET if item.new is None else msgspec.Raw(item.new.encode()),
    )


HANDLERS = [fork_scenario]

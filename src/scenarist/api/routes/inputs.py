"""Routes of the inputs of a scenario: all of them in one request."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.bulkheads import BulkheadKind, run_in_bulkhead
from scenarist.api.edit_params import EditParams
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import (
    EDIT,
    READ,
    AnyRequest,
    actor_of,
    provide_params,
    services_of,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond_if_modified,
    respond_with_etag,
)
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities

PATH = "/api/v1/scenarios/{scenario_id:str}/inputs"


@get(
    PATH,
    opt=READ,
    summary="Get the inputs of a scenario",
    tags=["scenarios"],
    responses=describe_responses(200, schemas.ScenarioInputs, "The inputs, with values.", 404),
)
@run_on_loop_if_short
def get_scenario_inputs(request: AnyRequest, scenario_id: FromPath[str]) -> JsonResponse:
    """Get the inputs of a scenario by name: the data nodes that none of its tasks writes."""
    found = services_of(request).inputs.list_inputs(actor_of(request), scenario_id)
    return respond_if_modified(request, _to_body(found))


@patch(
    PATH,
    opt=EDIT,
    summary="Change inputs of a scenario",
    tags=["scenarios"],
    dto=body_of(dict[str, Any]),
    dependencies=provide_params(EditParams),
    responses=describe_responses(
        200, schemas.ScenarioInputs, "All inputs after the change.", 400, 404, 409, 412
    ),
)
@run_in_bulkhead(BulkheadKind.VALUES)
def change_scenario_inputs(
    request: AnyRequest,
    scenario_id: FromPath[str],
    data: JSONBody[dict[str, Any]],
    params: NamedDependency[EditParams],
) -> JsonResponse:
    """Write the inputs that the body names, all or none; others stay as they are.

    The body is an object with values by name. Each of them is written as by a write of its data
    node. Returns 400 with every fault, and 409 while an unfinished job uses one of the data nodes,
    or another editor has locked it.
    """
    changed = services_of(request).inputs.change(
        actor_of(request),
        scenario_id,
        data,
        params.to_options(),
        expect=make_if_match_check(request, _to_body),
    )
    return respond_with_etag(_to_body(changed))


def _to_body(found: Sequence[entities.ScenarioInput]) -> schemas.ScenarioInputs:
    return schemas.ScenarioInputs(
        inputs={
            item.name: schemas.ScenarioInput(
                data_node_id=item.data_node_id,
                scope=item.scope,
                edit_id=item.edit_id,
                edited_at=item.edited_at,
                value=UNSET if item.value is None else msgspec.Raw(item.value.encode()),
            )
            for item in found
        }
    )


HANDLERS = [get_scenario_inputs, change_scenario_inputs]

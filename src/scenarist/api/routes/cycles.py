"""Routes of cycles."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.deletions import DryRun, respond_to_delete
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import ListParams, Sort
from scenarist.api.requests import (
    EDIT,
    READ,
    AnyRequest,
    IdFilter,
    actor_of,
    filter_by,
    member_of,
    members_of,
    provide_params,
    services_of,
    timestamp_of,
    unique_values,
)
from scenarist.api.responses import (
    JsonResponse,
    make_if_match_check,
    respond,
    respond_if_modified,
    respond_with_list,
)
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities
from scenarist.domain.listings import CREATION_DATE, CycleFilter
from scenarist.domain.vocabulary import Frequency
from scenarist.services.cycles import LAST_MICROSECOND, NewCycle

PATH = "/api/v1/cycles"


def to_schema(cycle: entities.Cycle) -> schemas.Cycle:
    return schemas.Cycle(
        id=cycle.id,
        name=cycle.name,
        frequency=cycle.frequency,
        properties=dict(cycle.properties),
        creation_date=cycle.created_at,
        start_date=cycle.start_at,
        end_date=cycle.end_at - LAST_MICROSECOND,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CycleListParams(ListParams):
    sort: Sort = CREATION_DATE
    id: IdFilter = None
    frequency: Annotated[list[str] | None, filter_by(Frequency)] = None


@get(
    PATH,
    opt=READ,
    summary="List cycles",
    tags=["cycles"],
    dependencies=provide_params(CycleListParams),
    responses=describe_responses(200, schemas.Results[schemas.Cycle], "The cycles.", 400),
)
@run_on_loop_if_short
def list_cycles(request: AnyRequest, params: NamedDependency[CycleListParams]) -> ASGIApp:
    """List cycles in order of creation date."""
    service, actor = services_of(request).cycles, actor_of(request)
    wanted = CycleFilter(
        id=unique_values(params.id), frequency=members_of(Frequency, params.frequency, "frequency")
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@post(
    PATH,
    status_code=200,
    opt=EDIT,
    summary="Create a cycle",
    tags=["cycles"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateCycle),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(201, schemas.CycleCreated, "The cycle was created.", 400)
    | describe_responses(200, schemas.CycleCreated, "The period already has a cycle.", 400),
)
def create_cycle(request: AnyRequest, data: JSONBody[schemas.CreateCycle]) -> JsonResponse:
    """Create the cycle of a period before its first scenario.

    `creation_date` determines the period. `start_date` and `end_date` are not needed; if given,
    they must lie within the period. Dates without a time zone are in the server's time zone. Each
    period has one cycle: if it already exists, the response is a 200 with the existing one,
    unchanged.
    """
    cycle, is_new = services_of(request).cycles.create(
        actor_of(request),
        NewCycle(
            frequency=member_of(Frequency, data.frequency, "frequency"),
            name=data.name,
            properties=data.properties,
            created_at=timestamp_of(request, data.creation_date, "creation_date"),
            start_at=timestamp_of(request, data.start_date, "start_date"),
            last_at=timestamp_of(request, data.end_date, "end_date"),
        ),
    )
    outcome = "was created" if is_new else "is already the cycle of that period"
    return respond(
        schemas.CycleCreated(message=f"Cycle {cycle.id} {outcome}.", cycle=to_schema(cycle)),
        status=201 if is_new else 200,
        headers={"Location": f"{PATH}/{cycle.id}"},
    )


@get(
    PATH + "/{cycle_id:str}",
    opt=READ,
    summary="Get a cycle",
    tags=["cycles"],
    responses=describe_responses(200, schemas.OneCycle, "The cycle.", 404),
)
@run_on_loop_if_short
def get_cycle(request: AnyRequest, cycle_id: FromPath[str]) -> JsonResponse:
    return respond_if_modified(
        request, _to_body(services_of(request).cycles.get(actor_of(request), cycle_id))
    )


@delete(
    PATH + "/{cycle_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a cycle",
    tags=["cycles"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Deletion, "The deleted entities.", 404, 409, 412),
)
def delete_cycle(
    request: AnyRequest, cycle_id: FromPath[str], dry_run: DryRun = False
) -> JsonResponse:
    """Delete a cycle with its scenarios, the tasks and data nodes that they own, and submissions.

    Returns 409 while a submission of any of these is in progress.
    """
    cascade = services_of(request).cycles.delete(
        actor_of(request), cycle_id, dry_run=dry_run, expect=make_if_match_check(request, _to_body)
    )
    return respond_to_delete(f"Cycle {cycle_id}", cascade, dry_run=dry_run)


def _to_body(cycle: entities.Cycle) -> schemas.OneCycle:
    return schemas.OneCycle(cycle=to_schema(cycle))


HANDLERS = [list_cycles, create_cycle, get_cycle, delete_cycle]

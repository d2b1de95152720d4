"""Routes of cycles."""

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.deletions import DryRun, deleted
from scenarist.api.openapi.responses import LOCATION, responses
from scenarist.api.paging import Count, Cursor, Limit, Sort, paging_of
from scenarist.api.requests import (
    EDIT,
    READ,
    AnyRequest,
    Ids,
    Several,
    actor_of,
    member_of,
    members_of,
    moment_of,
    services_of,
    several,
)
from scenarist.api.responses import Answer, answer, expectation, listed, tagged
from scenarist.domain import entities
from scenarist.domain.listings import CREATION_DATE, CycleFilter
from scenarist.domain.vocabulary import Frequency
from scenarist.services.cycles import LAST_MOMENT, NewCycle

PATH = "/api/v1/cycles"


def shown(cycle: entities.Cycle) -> schemas.Cycle:
    return schemas.Cycle(
        id=cycle.id,
        name=cycle.name,
        frequency=cycle.frequency,
        properties=dict(cycle.properties),
        creation_date=cycle.created_at,
        start_date=cycle.start_at,
        end_date=cycle.end_at - LAST_MOMENT,
    )


@get(
    PATH,
    opt=READ,
    summary="List cycles",
    tags=["cycles"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.Cycle], "The cycles.", 400),
)
def list_cycles(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    id_: Ids = None,
    frequency: Several = None,
    sort: Sort = None,
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """List cycles in order of creation date."""
    service, actor = services_of(request).cycles, actor_of(request)
    wanted = CycleFilter(id=several(id_), frequency=members_of(Frequency, frequency, "frequency"))
    paging = paging_of(limit=limit, cursor=cursor, count=count, sort=sort or CREATION_DATE)
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@post(
    PATH,
    status_code=200,
    opt=EDIT,
    summary="Create a cycle",
    tags=["cycles"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateCycle),
    response_headers=[LOCATION],
    responses=responses(201, schemas.CycleCreated, "The cycle was created.", 400)
    | responses(200, schemas.CycleCreated, "The period already has a cycle.", 400),
)
def create_cycle(request: AnyRequest, data: JSONBody[schemas.CreateCycle]) -> Answer:
    """Create the cycle of a period before its first scenario.

    `creation_date` determines the period. `start_date` and `end_date` are not needed; if given,
    they must match the period. Dates without a time zone are in the server's time zone. Each period
    has one cycle: if it already exists, the response is a 200 with the existing one, unchanged.
    """
    cycle, is_new = services_of(request).cycles.create(
        actor_of(request),
        NewCycle(
            frequency=member_of(Frequency, data.frequency, "frequency"),
            name=data.name,
            properties=data.properties,
            created_at=moment_of(request, data.creation_date, "creation_date"),
            start_at=moment_of(request, data.start_date, "start_date"),
            last_at=moment_of(request, data.end_date, "end_date"),
        ),
    )
    said = "was created" if is_new else "is already the cycle of that period"
    return answer(
        schemas.CycleCreated(message=f"Cycle {cycle.id} {said}.", cycle=shown(cycle)),
        status=201 if is_new else 200,
        headers={"Location": f"{PATH}/{cycle.id}"},
    )


@get(
    PATH + "/{cycle_id:str}",
    opt=READ,
    summary="Get a cycle",
    tags=["cycles"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneCycle, "The cycle.", 404),
)
def get_cycle(request: AnyRequest, cycle_id: FromPath[str]) -> Answer:
    return tagged(request, _one(services_of(request).cycles.get(actor_of(request), cycle_id)))


@delete(
    PATH + "/{cycle_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a cycle",
    tags=["cycles"],
    sync_to_thread=True,
    responses=responses(200, schemas.Deletion, "The deleted entities.", 404, 409, 412),
)
def delete_cycle(request: AnyRequest, cycle_id: FromPath[str], dry_run: DryRun = False) -> Answer:
    """Delete a cycle with its scenarios, the tasks and data nodes that they own, and submissions.

    Returns 409 while a submission of any of these is in progress.
    """
    cascade = services_of(request).cycles.delete(
        actor_of(request), cycle_id, dry_run=dry_run, expect=expectation(request, _one)
    )
    return deleted(f"Cycle {cycle_id}", cascade, dry_run=dry_run)


def _one(cycle: entities.Cycle) -> schemas.OneCycle:
    return schemas.OneCycle(cycle=shown(cycle))


HANDLERS = [list_cycles, create_cycle, get_cycle, delete_cycle]

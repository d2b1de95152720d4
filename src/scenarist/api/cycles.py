"""The paths of cycles."""

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, answer, expectation, listed, tagged
from scenarist.api.bodies import body_of
from scenarist.api.deletions import DryRun, deleted
from scenarist.api.descriptions import LOCATION, responses
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
    """Cycles in the order of their creation dates."""
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
    responses=responses(201, schemas.CycleCreated, "It is stored.", 400)
    | responses(200, schemas.CycleCreated, "The period has one already.", 400),
)
def create_cycle(request: AnyRequest, data: JSONBody[schemas.CreateCycle]) -> Answer:
    """Makes the cycle of a period, so that it is there before its first scenario.

    The creation date decides the period. A start and an end are not needed; when they are given,
    they must be those of the period. Dates without a time zone are in the server's. A period has
    one cycle: a repeat answers 200 with the one that is there, unchanged.
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
    said = "was created" if is_new else "is the cycle of that period already"
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
    responses=responses(200, schemas.Deletion, "What was deleted.", 404, 409, 412),
)
def delete_cycle(request: AnyRequest, cycle_id: FromPath[str], dry_run: DryRun = False) -> Answer:
    """Deletes it with all its scenarios, what it and they own, and what was submitted.

    409 while a submission of any of this is under way.
    """
    cascade = services_of(request).cycles.delete(
        actor_of(request), cycle_id, dry_run=dry_run, expect=expectation(request, _one)
    )
    return deleted(f"Cycle {cycle_id}", cascade, dry_run=dry_run)


def _one(cycle: entities.Cycle) -> schemas.OneCycle:
    return schemas.OneCycle(cycle=shown(cycle))


HANDLERS = [list_cycles, create_cycle, get_cycle, delete_cycle]

"""The paths of scenarios."""

from datetime import UTC

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ASGIApp

from scenarist import schemas
from scenarist.api.answers import Answer, answer, listed, tagged
from scenarist.api.bodies import body_of
from scenarist.api.descriptions import LOCATION, responses
from scenarist.api.paging import (
    Count,
    CreatedAfter,
    CreatedBefore,
    Cursor,
    Limit,
    Sort,
    paging_of,
    window_of,
)
from scenarist.api.requests import (
    EDIT,
    EXECUTE,
    READ,
    AnyRequest,
    actor_of,
    services_of,
)
from scenarist.api.submissions import NO_OPTIONS, submitted
from scenarist.domain import entities
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import CREATION_DATE, NAME, ScenarioFilter
from scenarist.domain.vocabulary import EntityType
from scenarist.services.scenarios import NewScenario

PATH = "/api/v1/scenarios"

_NOTHING_SAID = schemas.CreateScenario()


def shown(scenario: entities.Scenario) -> schemas.Scenario:
    return schemas.Scenario(
        id=scenario.id,
        config_id=scenario.config_id,
        name=scenario.name,
        cycle=scenario.cycle_id,
        primary_scenario=scenario.is_primary,
        tags=list(scenario.tags),
        authorized_tags=None,
        properties=dict(scenario.properties),
        tasks=list(scenario.task_ids),
        data_nodes=list(scenario.data_node_ids),
        additional_data_nodes=list(scenario.additional_data_node_ids),
        sequences={
            sequence.name: schemas.SequenceOfScenario(
                id=sequence.id,
                tasks=list(sequence.task_ids),
                properties=dict(sequence.properties),
                subscribers=[],
            )
            for sequence in scenario.sequences
        },
        subscribers=[],
        creation_date=scenario.created_at,
        version=scenario.version,
    )


@get(
    PATH,
    opt=READ,
    summary="List scenarios",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=responses(200, schemas.Results[schemas.Scenario], "The scenarios.", 400),
)
def list_scenarios(  # noqa: PLR0913 - query parameters
    request: AnyRequest,
    config_id: FromQuery[str | None] = None,
    cycle_id: FromQuery[str | None] = None,
    tag: FromQuery[str | None] = None,
    primary: FromQuery[bool | None] = None,
    name: FromQuery[str | None] = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    sort: Sort = None,
    limit: Limit = None,
    cursor: Cursor = None,
    count: Count = False,
) -> ASGIApp:
    """Scenarios in the order of their creation dates."""
    service, actor = services_of(request).scenarios, actor_of(request)
    created = window_of(created_after, created_before)
    wanted = ScenarioFilter(
        config_id=config_id,
        cycle_id=cycle_id,
        tag=tag,
        is_primary=primary,
        name=name,
        created=created,
    )
    paging = paging_of(
        limit=limit,
        cursor=cursor,
        count=count,
        sort=sort,
        created=created,
        sorts=(CREATION_DATE, NAME),
    )
    return listed(request, lambda page: service.list_page(actor, wanted, page), shown, paging)


@post(
    PATH,
    opt=EDIT,
    summary="Create a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateScenario),
    response_headers=[LOCATION],
    responses=responses(201, schemas.ScenarioCreated, "It is stored.", 400, 404),
)
def create_scenario(
    request: AnyRequest,
    data: JSONBody[schemas.CreateScenario] = _NOTHING_SAID,
    config_id: FromQuery[str | None] = None,
) -> Answer:
    """Makes a scenario from a config, with its data nodes, tasks and sequences.

    The config is named in the query or in the body.
    """
    named = [name for name in (config_id, data.config_id) if name is not None]
    if not named or len(set(named)) > 1:
        fault = "missing" if not named else "differs between query and body"
        raise InvalidError(
            f"config_id {fault}; name one scenario config, in the query or in the body",
            errors=[{"field": "config_id", "message": fault}],
        )
    created_at = data.creation_date
    scenario = services_of(request).scenarios.create(
        actor_of(request),
        NewScenario(
            config_id=named[0],
            name=data.name,
            properties=data.properties,
            created_at=None if created_at is None else created_at.astimezone(UTC),
        ),
    )
    return answer(
        schemas.ScenarioCreated(
            message=f"Scenario {scenario.id} was created.", scenario=shown(scenario)
        ),
        status=201,
        headers={"Location": f"{PATH}/{scenario.id}"},
    )


@get(
    PATH + "/{scenario_id:str}",
    opt=READ,
    summary="Get a scenario",
    tags=["scenarios"],
    sync_to_thread=False,
    responses=responses(200, schemas.OneScenario, "The scenario.", 404),
)
def get_scenario(request: AnyRequest, scenario_id: FromPath[str]) -> Answer:
    scenario = services_of(request).scenarios.get(actor_of(request), scenario_id)
    return tagged(request, schemas.OneScenario(scenario=shown(scenario)))


@post(
    PATH + "/submit/{scenario_id:str}",
    status_code=202,
    opt=EXECUTE,
    summary="Submit a scenario",
    tags=["scenarios"],
    dto=body_of(schemas.Submit),
    response_headers=[LOCATION],
    responses=responses(202, schemas.ScenarioSubmitted, "The jobs are accepted.", 400, 404, 409),
)
async def submit_scenario(
    request: AnyRequest, scenario_id: FromPath[str], data: JSONBody[schemas.Submit] = NO_OPTIONS
) -> Answer:
    """Makes a job for each task of the scenario; headers as for a sequence."""
    services, actor = services_of(request), actor_of(request)
    return await submitted(
        request,
        data,
        EntityType.SCENARIO,
        scenario_id,
        lambda submission: schemas.ScenarioSubmitted(
            message=f"Scenario {scenario_id} was submitted.",
            scenario=shown(services.scenarios.get(actor, scenario_id)),
            submission=submission,
        ),
        status=202,
    )


HANDLERS = [list_scenarios, create_scenario, get_scenario, submit_scenario]

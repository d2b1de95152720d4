"""Route of the configs that the application declares."""

from litestar import get

from scenarist import schemas
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, respond
from scenarist.services.configs import DeclaredScenario

PATH = "/api/v1/configs"


def to_schema(config: DeclaredScenario) -> schemas.ScenarioConfig:
    return schemas.ScenarioConfig(
        id=config.id,
        frequency=config.frequency,
        tasks=list(config.tasks),
        data_nodes=list(config.data_nodes),
        sequences={name: list(tasks) for name, tasks in config.sequences.items()},
        comparators={node: list(names) for node, names in config.comparators.items()},
        authorized_tags=None if config.authorized_tags is None else list(config.authorized_tags),
    )


@get(
    PATH + "/scenarios",
    opt=READ,
    summary="List scenario configs",
    tags=["configs"],
    sync_to_thread=False,
    responses=describe_responses(
        200, schemas.Results[schemas.ScenarioConfig], "The configs that scenarios are created from."
    ),
)
def list_scenario_configs(request: AnyRequest) -> JsonResponse:
    """List scenario configs in the order in which they are declared."""
    found = services_of(request).configs.list_scenarios(actor_of(request))
    return respond(schemas.Results(results=[to_schema(config) for config in found]))


HANDLERS = [list_scenario_configs]

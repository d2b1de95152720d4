"""Routes of the configs that the application declares."""

from litestar import get
from litestar.params import FromPath
from msgspec import UNSET, Raw, structs

from scenarist import schemas
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, respond, respond_if_modified
from scenarist.domain.redaction import redact
from scenarist.services.configs import DeclaredInput, DeclaredScenario

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


@get(
    PATH + "/scenarios/{config_id:str}",
    opt=READ,
    summary="Get a scenario config",
    tags=["configs"],
    sync_to_thread=True,
    responses=describe_responses(
        200, schemas.OneScenarioConfig, "The scenario config with its inputs and outcomes.", 404
    ),
)
def get_scenario_config(request: AnyRequest, config_id: FromPath[str]) -> JsonResponse:
    """Get a scenario config, with the inputs and outcomes of its scenarios, and their meaning."""
    config, inputs = services_of(request).configs.get_scenario(actor_of(request), config_id)
    found = schemas.ScenarioConfigWithInputs(
        **structs.asdict(to_schema(config)),
        inputs=[_to_input_schema(item) for item in inputs],
        outcomes={
            name: schemas.OutcomeConfig(
                data_node=item.data_node,
                pointer=item.pointer,
                unit=item.unit,
                direction=item.direction,
                title=item.title,
            )
            for name, item in config.outcomes.items()
        },
    )
    return respond_if_modified(request, schemas.OneScenarioConfig(config=found))


@get(
    PATH + "/drift",
    opt=READ,
    summary="Get the drift",
    tags=["configs"],
    sync_to_thread=True,
    responses=describe_responses(
        200, schemas.DriftReport, "How existing entities differ from the configs."
    ),
)
def get_drift(request: AnyRequest) -> JsonResponse:
    """Return how existing entities differ from the configs, what that means, and what to do."""
    checked_at, differences = services_of(request).drift.list_differences(actor_of(request))
    return respond(
        schemas.DriftReport(
            checked_at=checked_at,
            differences=[
                schemas.DriftDifference(
                    entity_type=difference.kind,
                    config_id=difference.config_id,
                    message=redact(difference.message),
                    scenario_config_ids=list(difference.scenario_config_ids),
                )
                for difference in differences
            ],
        )
    )


def _to_input_schema(item: DeclaredInput) -> schemas.InputConfig:
    return schemas.InputConfig(
        name=item.name,
        scope=item.scope,
        storage_type=item.storage_type,
        is_read_only=item.is_read_only,
        schema=None if item.schema is None else dict(item.schema),
        default=UNSET if item.default is None else Raw(item.default.encode()),
        title=item.title,
        description=item.description,
        unit=item.unit,
        group=item.group,
        order=item.order,
    )


HANDLERS = [list_scenario_configs, get_scenario_config, get_drift]

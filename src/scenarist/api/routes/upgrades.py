"""Upgrades of scenarios to the structure that their configs declare now."""

from functools import partial

from litestar import post
from litestar.params import FromPath, JSONBody

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import describe_responses
from scenarist.api.requests import EDIT, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, make_if_match_check, respond
from scenarist.api.routes import scenarios
from scenarist.domain.upgrades import ScenarioUpgrade
from scenarist.domain.vocabulary import EntityKind

_NO_OPTIONS = schemas.UpgradeOptions()
_KEPT_NAMES = {
    EntityKind.TASK: "tasks",
    EntityKind.DATA_NODE: "data_nodes",
    EntityKind.SEQUENCE: "sequences",
}


@post(
    scenarios.PATH + "/{scenario_id:str}/upgrade",
    status_code=200,
    opt=EDIT,
    summary="Upgrade a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    dto=body_of(schemas.UpgradeOptions),
    responses=describe_responses(
        200, schemas.ScenarioUpgraded, "The scenario is as its config declares it.", 404, 409, 412
    ),
)
def upgrade_scenario(
    request: AnyRequest,
    scenario_id: FromPath[str],
    data: JSONBody[schemas.UpgradeOptions] = _NO_OPTIONS,
) -> JsonResponse:
    """Bring a scenario to the structure that its config declares now: all of it, or nothing.

    Values stay. What is no longer declared is detached: it can still be read by its identifier, and
    is deleted with the scenario. Returns 409 while a submission is in progress, and if the
    application no longer declares the config. With nothing to upgrade, nothing changes.
    """
    eligibility, upgrade = services_of(request).upgrades.upgrade(
        actor_of(request),
        scenario_id,
        dry_run=data.dry_run,
        expect=make_if_match_check(request, partial(scenarios.to_body, request)),
    )
    return respond(
        schemas.ScenarioUpgraded(
            message=_describe(scenario_id, upgrade, dry_run=data.dry_run),
            scenario=scenarios.to_full_schema(request, eligibility),
            upgrade=_to_schema(upgrade),
        )
    )


def _describe(scenario_id: str, upgrade: ScenarioUpgrade, *, dry_run: bool) -> str:
    if not upgrade.changes:
        return f"Scenario {scenario_id} is as its config declares it; there is nothing to upgrade."
    verb = "would be" if dry_run else "was"
    return f"Scenario {scenario_id} {verb} upgraded: {upgrade.describe()}."


def _to_schema(upgrade: ScenarioUpgrade) -> schemas.Upgrade:
    return schemas.Upgrade(
        changes=[
            schemas.UpgradeChange(
                action=change.action,
                entity_type=change.kind,
                name=change.name,
                id=change.id,
                former_id=change.former_id,
                because=change.because,
            )
            for change in upgrade.changes
        ],
        kept={name: list(upgrade.kept.get(kind, ())) for kind, name in _KEPT_NAMES.items()},
        notes=list(upgrade.notes),
    )


HANDLERS = [upgrade_scenario]

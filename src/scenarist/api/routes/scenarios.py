"""Routes of scenarios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.concurrency import sync_to_thread
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ASGIApp
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.bulkheads import BulkheadKind, run_apart, run_in_bulkhead
from scenarist.api.deletions import DryRun, respond_to_delete
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.outcomes import OUTCOME_BOUNDS, read_outcome_ranges, to_outcome_schemas
from scenarist.api.paging import Sort
from scenarist.api.requests import (
    EDIT,
    EXECUTE,
    READ,
    AnyRequest,
    IdFilter,
    RepeatedFilter,
    VersionFilter,
    actor_of,
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
    respond_with_etag,
    respond_with_list,
)
from scenarist.api.routes import subscribers
from scenarist.api.routes.submissions import (
    NO_OPTIONS_OR_INPUTS,
    EntitySubmissionListParams,
    respond_with_submissions,
    submit_and_respond,
    submit_request_of,
)
from scenarist.api.scenario_columns import ColumnParams, add_columns
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities
from scenarist.domain.errors import InvalidError
from scenarist.domain.listings import CREATION_DATE, NAME, OUTCOMES, ScenarioFilter
from scenarist.domain.redaction import redact
from scenarist.domain.vocabulary import EntityType
from scenarist.services.eligibility import Eligibility
from scenarist.services.scenarios import NewScenario, ScenarioChange

PATH = "/api/v1/scenarios"

_EMPTY_BODY = schemas.CreateScenario()


def to_schema(
    scenario: entities.Scenario, authorized_tags: Sequence[str] | None
) -> schemas.Scenario:
    return schemas.Scenario(
        id=scenario.id,
        config_id=scenario.config_id,
        name=scenario.name,
        cycle=scenario.cycle_id,
        primary_scenario=scenario.is_primary,
        tags=list(scenario.tags),
        authorized_tags=None if authorized_tags is None else list(authorized_tags),
        properties=dict(scenario.properties),
        tasks=list(scenario.task_ids),
        data_nodes=list(scenario.data_node_ids),
        additional_data_nodes=list(scenario.additional_data_node_ids),
        sequences={
            sequence.name: schemas.SequenceOfScenario(
                id=sequence.id,
                tasks=list(sequence.task_ids),
                properties=dict(sequence.properties),
                subscribers=[subscribers.to_schema(item) for item in sequence.subscribers],
            )
            for sequence in scenario.sequences
        },
        subscribers=[subscribers.to_schema(item) for item in scenario.subscribers],
        creation_date=scenario.created_at,
        version=scenario.version,
        forked_from=scenario.forked_from,
        outcomes=to_outcome_schemas(scenario.outcomes),
    )


def to_full_schema(request: AnyRequest, eligibility: Eligibility) -> schemas.Scenario:
    """Return the schema of a scenario, with what can be done with it now."""
    scenario = eligibility.scenario
    allowed = services_of(request).scenarios.authorized_tags(scenario.config_id)
    return msgspec.structs.replace(
        to_schema(scenario, allowed),
        is_submittable=not eligibility.submit,
        is_deletable=not eligibility.delete,
        is_promotable=not eligibility.promote,
        reasons=eligibility.reasons,
        stale=[
            schemas.StaleDataNode(
                data_node_id=data_node_id, config_id=node.config_id, because=node.because
            )
            for data_node_id, node in eligibility.staleness.stale.items()
        ],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioListParams(ColumnParams):
    sorts = (CREATION_DATE, NAME, f"{OUTCOMES}NAME")

    sort: Sort = CREATION_DATE
    id: IdFilter = None
    config_id: RepeatedFilter = None
    cycle_id: RepeatedFilter = None
    tag: RepeatedFilter = None
    primary: FromQuery[bool | None] = None
    name: RepeatedFilter = None
    version: VersionFilter = None
    forked_from: RepeatedFilter = None

    def _can_sort_by(self, name: str) -> bool:
        return name in self.sorts or name.startswith(OUTCOMES)


@get(
    PATH,
    opt={**READ, **OUTCOME_BOUNDS},
    summary="List scenarios",
    tags=["scenarios"],
    dependencies=provide_params(ScenarioListParams),
    responses=describe_responses(200, schemas.Results[schemas.Scenario], "The scenarios.", 400),
)
@run_on_loop_if_short
def list_scenarios(request: AnyRequest, params: NamedDependency[ScenarioListParams]) -> ASGIApp:
    """List scenarios in order of creation date.

    `sort=outcomes.NAME` lists those that have the outcome, with or without a value, in the order
    of its values; those without come last. `outcomes.NAME_min` and `outcomes.NAME_max` list only
    those with a value that is at least, or at most, the given number.
    """
    services, actor = services_of(request), actor_of(request)
    columns = params.read_columns()
    wanted = ScenarioFilter(
        id=unique_values(params.id),
        config_id=unique_values(params.config_id),
        cycle_id=unique_values(params.cycle_id),
        tag=unique_values(params.tag),
        is_primary=params.primary,
        name=unique_values(params.name),
        version=unique_values(params.version),
        forked_from=unique_values(params.forked_from),
        search=params.read_search(),
        created=params.read_created_range(request),
        outcomes=read_outcome_ranges(request),
    )
    return respond_with_list(
        request,
        partial(services.scenario_lists.list_page, actor, wanted, columns),
        add_columns(to_schema, services.scenarios.authorized_tags, columns),
        params.make_paging(),
    )


@post(
    PATH,
    opt=EDIT,
    summary="Create a scenario",
    tags=["scenarios"],
    dto=body_of(schemas.CreateScenario),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        201, schemas.ScenarioCreated, "The scenario was created.", 400, 404, 409
    ),
)
async def create_scenario(
    request: AnyRequest,
    data: JSONBody[schemas.CreateScenario] = _EMPTY_BODY,
    config_id: FromQuery[str | None] = None,
) -> JsonResponse:
    """Create a scenario from a config, with its cycle, data nodes, tasks and sequences.

    `config_id` may be given in the query or in the body. `inputs` are written in the same
    transaction; returns 409 if one is shared with other scenarios and cannot be written now.
    """
    named = [name for name in (config_id, data.config_id) if name is not None]
    if not named or len(set(named)) > 1:
        fault = "missing" if not named else "differs between query and body"
        raise InvalidError(
            f"config_id: {fault}; give one scenario config, in the query or in the body",
            errors=[{"field": "config_id", "message": fault}],
        )
    new = NewScenario(
        config_id=named[0],
        name=data.name,
        tags=data.tags,
        properties=data.properties,
        created_at=timestamp_of(request, data.creation_date, "creation_date"),
    )
    create = partial(_create_and_respond, request, new, data.inputs)
    if data.inputs:
        return await run_apart(request, BulkheadKind.VALUES, create)
    return await sync_to_thread(create)


def _create_and_respond(
    request: AnyRequest, new: NewScenario, inputs: Mapping[str, Any]
) -> JsonResponse:
    services, actor = services_of(request), actor_of(request)
    eligibility = (
        services.inputs.create_scenario(actor, new, inputs)
        if inputs
        else services.scenarios.create_with_eligibility(actor, new)
    )
    return respond(
        schemas.ScenarioCreated(
            message=f"Scenario {eligibility.scenario.id} was created.",
            scenario=to_full_schema(request, eligibility),
        ),
        status=201,
        headers={"Location": f"{PATH}/{eligibility.scenario.id}"},
    )


@get(
    PATH + "/{scenario_id:str}",
    opt=READ,
    summary="Get a scenario",
    tags=["scenarios"],
    responses=describe_responses(200, schemas.OneScenario, "The scenario.", 404),
)
@run_on_loop_if_short
def get_scenario(request: AnyRequest, scenario_id: FromPath[str]) -> JsonResponse:
    """Get a scenario, and whether it can be submitted, deleted and promoted now, or why not."""
    eligibility = services_of(request).scenarios.get(actor_of(request), scenario_id)
    return respond_if_modified(request, to_body(request, eligibility))


@patch(
    PATH + "/{scenario_id:str}",
    opt=EDIT,
    summary="Change a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    dto=body_of(schemas.ChangeScenario),
    responses=describe_responses(200, schemas.OneScenario, "The changed scenario.", 400, 404, 412),
)
def change_scenario(
    request: AnyRequest, scenario_id: FromPath[str], data: JSONBody[schemas.ChangeScenario]
) -> JsonResponse:
    """Change the name, tags or properties of a scenario; omitted fields stay as they are."""
    eligibility = services_of(request).scenarios.change(
        actor_of(request),
        scenario_id,
        ScenarioChange(name=data.name, tags=data.tags, properties=data.properties),
        expect=make_if_match_check(request, partial(to_body, request)),
    )
    return respond_with_etag(to_body(request, eligibility))


@delete(
    PATH + "/{scenario_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Deletion, "The deleted entities.", 404, 409, 412),
)
def delete_scenario(
    request: AnyRequest, scenario_id: FromPath[str], dry_run: DryRun = False
) -> JsonResponse:
    """Delete a scenario with its sequences, tasks, data nodes and submissions.

    If it is the only scenario of its cycle, the cycle is deleted too; anything shared with other
    scenarios stays. Returns 409 while a submission is in progress, and for the primary scenario of
    a cycle that has others.
    """
    cascade = services_of(request).scenarios.delete(
        actor_of(request),
        scenario_id,
        dry_run=dry_run,
        expect=make_if_match_check(request, partial(to_body, request)),
    )
    return respond_to_delete(f"Scenario {scenario_id}", cascade, dry_run=dry_run)


@post(
    PATH + "/promote/{scenario_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Promote a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.ScenarioAnswer, "The scenario is primary.", 404, 409),
)
def promote_scenario(request: AnyRequest, scenario_id: FromPath[str]) -> JsonResponse:
    """Make a scenario the primary one of its cycle, replacing the previous one.

    If it is already primary, nothing changes. Returns 409 for a scenario without a cycle.
    """
    eligibility = services_of(request).scenarios.promote(actor_of(request), scenario_id)
    return respond(
        schemas.ScenarioAnswer(
            message=f"Scenario {scenario_id} is the primary scenario of its cycle.",
            scenario=to_full_schema(request, eligibility),
        )
    )


@post(
    PATH + "/compare",
    status_code=200,
    opt=EXECUTE,
    summary="Compare scenarios",
    tags=["scenarios"],
    dto=body_of(schemas.CompareScenarios),
    responses=describe_responses(
        200, schemas.Comparison, "Results of the comparators.", 400, 404, 409
    ),
)
@run_in_bulkhead(BulkheadKind.COMPARISONS)
def compare_scenarios(
    request: AnyRequest, data: JSONBody[schemas.CompareScenarios]
) -> JsonResponse:
    """Run the comparators of the scenarios' config over their values, in a worker.

    Each comparator gets the newest values of one data node, in the order of the scenarios. Nothing
    is changed, but code of the application runs, so the role for submitting is required. If a
    comparator fails or lacks values, the results of the others are still returned, and `errors`
    gives the reason. Returns 409 if no comparator has a result.
    """
    wanted = data.data_node_config_ids
    compared = services_of(request).comparisons.compare(
        actor_of(request), data.scenario_ids, None if wanted is UNSET else wanted
    )
    return respond(
        schemas.Comparison(
            comparisons={
                config_id: {name: msgspec.Raw(text.encode()) for name, text in results.items()}
                for config_id, results in compared.results.items()
            },
            errors=[
                schemas.ComparisonProblem(
                    data_node_config_id=fault.data_node_config_id,
                    comparator=fault.comparator,
                    code=fault.error.reason,
                    message=redact(fault.error.message),
                )
                for fault in compared.faults
            ],
        )
    )


@get(
    PATH + "/{scenario_id:str}/submissions",
    opt=READ,
    summary="List the submissions of a scenario",
    tags=["scenarios"],
    dependencies=provide_params(EntitySubmissionListParams),
    responses=describe_responses(
        200, schemas.Results[schemas.Submission], "The submissions.", 400, 404
    ),
)
@run_on_loop_if_short
def list_scenario_submissions(
    request: AnyRequest,
    scenario_id: FromPath[str],
    params: NamedDependency[EntitySubmissionListParams],
) -> ASGIApp:
    """List submissions of the scenario as a whole, in the order in which they were accepted."""
    services_of(request).scenarios.get(actor_of(request), scenario_id)
    return respond_with_submissions(request, scenario_id, params)


@post(
    PATH + "/submit/{scenario_id:str}",
    status_code=202,
    opt=EXECUTE,
    summary="Submit a scenario",
    tags=["scenarios"],
    dto=body_of(schemas.SubmitWithInputs),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        202, schemas.ScenarioSubmitted, "The jobs were accepted.", 400, 404, 409
    ),
)
async def submit_scenario(
    request: AnyRequest,
    scenario_id: FromPath[str],
    data: JSONBody[schemas.SubmitWithInputs] = NO_OPTIONS_OR_INPUTS,
) -> JsonResponse:
    """Create a job for each task of the scenario; inputs and headers work as for a sequence."""
    services, actor = services_of(request), actor_of(request)
    return await submit_and_respond(
        request,
        submit_request_of(request, data, EntityType.SCENARIO, scenario_id),
        lambda submission: schemas.ScenarioSubmitted(
            message=f"Scenario {scenario_id} was submitted.",
            scenario=to_full_schema(request, services.scenarios.get(actor, scenario_id)),
            submission=submission,
        ),
        status=202,
    )


def to_body(request: AnyRequest, eligibility: Eligibility) -> schemas.OneScenario:
    return schemas.OneScenario(scenario=to_full_schema(request, eligibility))


HANDLERS = [
    list_scenarios,
    create_scenario,
    get_scenario,
    change_scenario,
    delete_scenario,
    promote_scenario,
    compare_scenarios,
    list_scenario_submissions,
    submit_scenario,
]

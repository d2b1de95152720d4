"""Routes of sequences, as documented for Taipy's REST API."""

from dataclasses import dataclass
from functools import partial

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp
from msgspec import UNSET, UnsetType

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.paging import DatedListParams
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
from scenarist.api.short_reads import run_on_loop_if_short
from scenarist.domain import entities
from scenarist.domain.errors import InvalidError, NotFoundError
from scenarist.domain.listings import CREATION_DATE, NAME, SequenceFilter
from scenarist.domain.vocabulary import EntityType
from scenarist.services.sequences import SequenceChange

PATH = "/api/v1/sequences"


def to_schema(sequence: entities.Sequence) -> schemas.Sequence:
    return schemas.Sequence(
        id=sequence.id,
        name=sequence.name,
        owner_id=sequence.scenario_id,
        parent_ids=[sequence.scenario_id],
        tasks=list(sequence.task_ids),
        properties={**sequence.properties, "name": sequence.name},
        subscribers=[subscribers.to_schema(item) for item in sequence.subscribers],
        creation_date=sequence.created_at,
        version=sequence.version,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceListParams(DatedListParams):
    sorts = (CREATION_DATE, NAME)

    id: IdFilter = None
    scenario_id: RepeatedFilter = None
    name: RepeatedFilter = None
    version: VersionFilter = None


@get(
    PATH,
    opt=READ,
    summary="List sequences",
    tags=["sequences"],
    dependencies=provide_params(SequenceListParams),
    responses=describe_responses(200, schemas.Results[schemas.Sequence], "The sequences.", 400),
)
@run_on_loop_if_short
def list_sequences(request: AnyRequest, params: NamedDependency[SequenceListParams]) -> ASGIApp:
    """List sequences in order of creation."""
    service, actor = services_of(request).sequences, actor_of(request)
    wanted = SequenceFilter(
        id=unique_values(params.id),
        scenario_id=unique_values(params.scenario_id),
        name=unique_values(params.name),
        version=unique_values(params.version),
        created=params.read_created_range(request),
    )
    return respond_with_list(
        request, partial(service.list_page, actor, wanted), to_schema, params.make_paging()
    )


@post(
    PATH,
    opt=EDIT,
    summary="Create a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateSequence),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        201, schemas.SequenceCreated, "The sequence was created.", 400, 404, 409
    ),
)
def create_sequence(request: AnyRequest, data: JSONBody[schemas.CreateSequence]) -> JsonResponse:
    """Group tasks of one scenario under a name.

    Returns 404 for an unknown scenario or a missing name, and 409 if the scenario already has a
    sequence of that name.
    """
    sequence = services_of(request).sequences.create(
        actor_of(request),
        data.scenario_id,
        _name_of(data),
        _tasks_of(data),
        properties=data.properties,
    )
    return respond(
        schemas.SequenceCreated(
            message=f"Sequence {sequence.id} was created.", sequence=to_schema(sequence)
        ),
        status=201,
        headers={"Location": f"{PATH}/{sequence.id}"},
    )


@get(
    PATH + "/{sequence_id:str}",
    opt=READ,
    summary="Get a sequence",
    tags=["sequences"],
    responses=describe_responses(200, schemas.OneSequence, "The sequence.", 404),
)
@run_on_loop_if_short
def get_sequence(request: AnyRequest, sequence_id: FromPath[str]) -> JsonResponse:
    sequence = services_of(request).sequences.get(actor_of(request), sequence_id)
    return respond_if_modified(request, _to_body(sequence))


@patch(
    PATH + "/{sequence_id:str}",
    opt=EDIT,
    summary="Change a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    dto=body_of(schemas.ChangeSequence),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(
        200, schemas.OneSequence, "The changed sequence.", 400, 404, 409, 412
    ),
)
def change_sequence(
    request: AnyRequest, sequence_id: FromPath[str], data: JSONBody[schemas.ChangeSequence]
) -> JsonResponse:
    """Change the name, tasks or properties of a sequence; omitted fields stay as they are.

    A new name results in a new identifier, whose path is in `Location`; submissions, jobs and
    subscribers are carried over to it. Returns 409 if the scenario already has a sequence of that
    name, and for a new name or other tasks while a submission is in progress.
    """
    sequence = services_of(request).sequences.change(
        actor_of(request),
        sequence_id,
        SequenceChange(
            name=data.name,
            task_ids=_merge_task_ids(data.tasks, data.task_ids),
            properties=data.properties,
        ),
        expect=make_if_match_check(request, _to_body),
    )
    return respond_with_etag(_to_body(sequence), headers={"Location": f"{PATH}/{sequence.id}"})


@delete(
    PATH + "/{sequence_id:str}",
    status_code=200,
    opt=EDIT,
    summary="Delete a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    responses=describe_responses(200, schemas.Message, "The sequence was deleted.", 404, 409, 412),
)
def delete_sequence(request: AnyRequest, sequence_id: FromPath[str]) -> JsonResponse:
    """Delete a sequence; its jobs and their results stay.

    Returns 409 while a submission of it is in progress.
    """
    expect = make_if_match_check(request, _to_body)
    services_of(request).sequences.delete(actor_of(request), sequence_id, expect=expect)
    return respond(schemas.Message(message=f"Sequence {sequence_id} was deleted."))


@get(
    PATH + "/{sequence_id:str}/submissions",
    opt=READ,
    summary="List the submissions of a sequence",
    tags=["sequences"],
    dependencies=provide_params(EntitySubmissionListParams),
    responses=describe_responses(
        200, schemas.Results[schemas.Submission], "The submissions.", 400, 404
    ),
)
@run_on_loop_if_short
def list_sequence_submissions(
    request: AnyRequest,
    sequence_id: FromPath[str],
    params: NamedDependency[EntitySubmissionListParams],
) -> ASGIApp:
    """List submissions of the sequence in the order in which they were accepted."""
    services_of(request).sequences.get(actor_of(request), sequence_id)
    return respond_with_submissions(request, sequence_id, params)


@post(
    PATH + "/submit/{sequence_id:str}",
    status_code=200,
    opt=EXECUTE,
    summary="Submit a sequence",
    tags=["sequences"],
    dto=body_of(schemas.SubmitWithInputs),
    response_headers=[LOCATION_HEADER],
    responses=describe_responses(204, None, "The jobs were accepted.", 400, 404, 409)
    | describe_responses(
        200, schemas.SequenceSubmitted, "The same, with `Prefer: return=representation`."
    ),
)
async def submit_sequence(
    request: AnyRequest,
    sequence_id: FromPath[str],
    data: JSONBody[schemas.SubmitWithInputs] = NO_OPTIONS_OR_INPUTS,
) -> JsonResponse:
    """Create a job for each task of the sequence; which values each job reads is decided now.

    `Location` has the path of the submission. `Prefer: return=representation` requests a response
    with a body, `Prefer: wait=30` a response when the submission has ended or after this many
    seconds. With `Idempotency-Key`, a repeat returns the first submission.

    `inputs` are written first, in the same transaction, which requires the role for writes as well.
    """
    services, actor = services_of(request), actor_of(request)
    return await submit_and_respond(
        request,
        submit_request_of(request, data, EntityType.SEQUENCE, sequence_id),
        lambda submission: schemas.SequenceSubmitted(
            message=f"Sequence {sequence_id} was submitted.",
            sequence=to_schema(services.sequences.get(actor, sequence_id)),
            submission=submission,
        ),
        status=204,
    )


def _name_of(data: schemas.CreateSequence) -> str:
    if data.sequence_name is UNSET:
        # 404 as documented for Taipy's REST API; any other error in the body is a 400.
        raise NotFoundError(
            "sequence_name is missing; give the sequence a name",
            code="sequence_name_missing",
            errors=[{"field": "sequence_name", "message": "missing"}],
        )
    return data.sequence_name


def _tasks_of(data: schemas.CreateSequence) -> list[str]:
    tasks = _merge_task_ids(data.tasks, data.task_ids)
    if tasks is UNSET:
        raise InvalidError(
            "tasks is missing; give a list of task identifiers, or [] for none",
            errors=[{"field": "tasks", "message": "missing"}],
        )
    return tasks


def _merge_task_ids(
    tasks: list[str] | UnsetType, task_ids: list[str] | UnsetType
) -> list[str] | UnsetType:
    if tasks is UNSET:
        return task_ids
    if task_ids is not UNSET and task_ids != tasks:
        raise InvalidError(
            "tasks and task_ids are synonyms but differ; give one of them",
            errors=[{"field": "task_ids", "message": "differs from tasks"}],
        )
    return tasks


def _to_body(sequence: entities.Sequence) -> schemas.OneSequence:
    return schemas.OneSequence(sequence=to_schema(sequence))


HANDLERS = [
    list_sequences,
    create_sequence,
    get_sequence,
    change_sequence,
    delete_sequence,
    list_sequence_submissions,
    submit_sequence,
]

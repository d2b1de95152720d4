"""Routes of subscribers: webhooks of scenarios and sequences."""

from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET

from scenarist import schemas
from scenarist.api.bodies import body_of
from scenarist.api.openapi.components import LOCATION_HEADER, describe_responses
from scenarist.api.requests import EDIT, READ, AnyRequest, actor_of, services_of
from scenarist.api.responses import JsonResponse, make_if_match_check, respond, respond_if_modified
from scenarist.domain import entities
from scenarist.domain.redaction import mask_secrets
from scenarist.domain.vocabulary import EntityType

_SCENARIO_PATH = "/api/v1/scenarios/{scenario_id:str}/subscribers"
_SEQUENCE_PATH = "/api/v1/sequences/{sequence_id:str}/subscribers"
_ID_PATH = "/{subscriber_id:str}"
_LISTED = describe_responses(200, schemas.Results[schemas.Subscriber], "The subscribers.", 404)
_CREATED = describe_responses(
    201, schemas.SubscriberCreated, "The subscriber was added.", 400, 404, 409
)
_GOT = describe_responses(200, schemas.OneSubscriber, "The subscriber.", 404)
_DELETED = describe_responses(200, schemas.Message, "The subscriber was deleted.", 404, 412)


def to_schema(subscriber: entities.Subscriber) -> schemas.Subscriber:
    """Return the schema of a subscriber, without its secret and those in its URL."""
    return schemas.Subscriber(
        id=subscriber.id,
        entity_id=subscriber.entity_id,
        url=mask_secrets(subscriber.url),
        is_active=subscriber.is_active,
        waiting=subscriber.waiting,
        fault=subscriber.fault,
        made_by=None if subscriber.made_by is None else subscriber.made_by.name,
        made_by_id=None if subscriber.made_by is None else subscriber.made_by.id,
        creation_date=subscriber.created_at,
    )


@get(
    _SCENARIO_PATH,
    opt=READ,
    summary="List the subscribers of a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=_LISTED,
)
def list_scenario_subscribers(request: AnyRequest, scenario_id: FromPath[str]) -> JsonResponse:
    return _list(request, EntityType.SCENARIO, scenario_id)


@post(
    _SCENARIO_PATH,
    opt=EDIT,
    summary="Subscribe to a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateSubscriber),
    response_headers=[LOCATION_HEADER],
    responses=_CREATED,
)
def create_scenario_subscriber(
    request: AnyRequest, scenario_id: FromPath[str], data: JSONBody[schemas.CreateSubscriber]
) -> JsonResponse:
    """Add an address that is notified of each status change of the scenario's jobs.

    These are the jobs of submissions of the scenario, of its sequences and of the tasks it owns.
    Messages are signed according to the Standard Webhooks specification. Only this response shows
    the secret.
    """
    return _create(request, EntityType.SCENARIO, scenario_id, data)


@get(
    _SCENARIO_PATH + _ID_PATH,
    opt=READ,
    summary="Get a subscriber of a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=_GOT,
)
def get_scenario_subscriber(
    request: AnyRequest, scenario_id: FromPath[str], subscriber_id: FromPath[str]
) -> JsonResponse:
    return _get(request, EntityType.SCENARIO, scenario_id, subscriber_id)


@delete(
    _SCENARIO_PATH + _ID_PATH,
    status_code=200,
    opt=EDIT,
    summary="Delete a subscriber of a scenario",
    tags=["scenarios"],
    sync_to_thread=True,
    responses=_DELETED,
)
def delete_scenario_subscriber(
    request: AnyRequest, scenario_id: FromPath[str], subscriber_id: FromPath[str]
) -> JsonResponse:
    """Delete a subscriber; messages that have not been delivered yet are dropped."""
    return _delete(request, EntityType.SCENARIO, scenario_id, subscriber_id)


@get(
    _SEQUENCE_PATH,
    opt=READ,
    summary="List the subscribers of a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    responses=_LISTED,
)
def list_sequence_subscribers(request: AnyRequest, sequence_id: FromPath[str]) -> JsonResponse:
    return _list(request, EntityType.SEQUENCE, sequence_id)


@post(
    _SEQUENCE_PATH,
    opt=EDIT,
    summary="Subscribe to a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    dto=body_of(schemas.CreateSubscriber),
    response_headers=[LOCATION_HEADER],
    responses=_CREATED,
)
def create_sequence_subscriber(
    request: AnyRequest, sequence_id: FromPath[str], data: JSONBody[schemas.CreateSubscriber]
) -> JsonResponse:
    """Add an address that is notified of each status change of the sequence's jobs.

    Messages are signed according to the Standard Webhooks specification. Only this response shows
    the secret.
    """
    return _create(request, EntityType.SEQUENCE, sequence_id, data)


@get(
    _SEQUENCE_PATH + _ID_PATH,
    opt=READ,
    summary="Get a subscriber of a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    responses=_GOT,
)
def get_sequence_subscriber(
    request: AnyRequest, sequence_id: FromPath[str], subscriber_id: FromPath[str]
) -> JsonResponse:
    return _get(request, EntityType.SEQUENCE, sequence_id, subscriber_id)


@delete(
    _SEQUENCE_PATH + _ID_PATH,
    status_code=200,
    opt=EDIT,
    summary="Delete a subscriber of a sequence",
    tags=["sequences"],
    sync_to_thread=True,
    responses=_DELETED,
)
def delete_sequence_subscriber(
    request: AnyRequest, sequence_id: FromPath[str], subscriber_id: FromPath[str]
) -> JsonResponse:
    """Delete a subscriber; messages that have not been delivered yet are dropped."""
    return _delete(request, EntityType.SEQUENCE, sequence_id, subscriber_id)


def _list(request: AnyRequest, entity_type: EntityType, entity_id: str) -> JsonResponse:
    found = services_of(request).subscribers.list_all(actor_of(request), entity_type, entity_id)
    return respond_if_modified(
        request, schemas.Results(results=[to_schema(item) for item in found])
    )


def _create(
    request: AnyRequest, entity_type: EntityType, entity_id: str, data: schemas.CreateSubscriber
) -> JsonResponse:
    made = services_of(request).subscribers.create(
        actor_of(request),
        entity_type,
        entity_id,
        url=data.url,
        secret=None if data.secret is UNSET else data.secret,
    )
    return respond(
        schemas.SubscriberCreated(
            message=f"Subscriber {made.id} is notified of the jobs of {entity_id}. "
            "Keep the secret: it is shown only here.",
            subscriber=to_schema(made),
            secret=made.secret,
        ),
        status=201,
        headers={
            "Location": f"/api/v1/{entity_type.lower()}s/{entity_id}/subscribers/{made.id}",
            "Cache-Control": "no-store",
        },
    )


def _get(
    request: AnyRequest, entity_type: EntityType, entity_id: str, subscriber_id: str
) -> JsonResponse:
    found = services_of(request).subscribers.get(
        actor_of(request), entity_type, entity_id, subscriber_id
    )
    return respond_if_modified(request, _to_body(found))


def _delete(
    request: AnyRequest, entity_type: EntityType, entity_id: str, subscriber_id: str
) -> JsonResponse:
    services_of(request).subscribers.delete(
        actor_of(request),
        entity_type,
        entity_id,
        subscriber_id,
        expect=make_if_match_check(request, _to_body),
    )
    return respond(schemas.Message(message=f"Subscriber {subscriber_id} was deleted."))


def _to_body(subscriber: entities.Subscriber) -> schemas.OneSubscriber:
    return schemas.OneSubscriber(subscriber=to_schema(subscriber))


HANDLERS = [
    list_scenario_subscribers,
    create_scenario_subscriber,
    get_scenario_subscriber,
    delete_scenario_subscriber,
    list_sequence_subscribers,
    create_sequence_subscriber,
    get_sequence_subscriber,
    delete_sequence_subscriber,
]

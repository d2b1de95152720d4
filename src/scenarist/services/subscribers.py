"""Subscribers, the webhooks of scenarios and sequences: create, read and delete them."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from secrets import token_bytes

from sqlalchemy import Connection

from scenarist.db import audit
from scenarist.db import event_log as event_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.engine import Database
from scenarist.domain.entities import Event, Subscriber
from scenarist.domain.errors import ConflictError, InvalidError, NotFoundError, require_found
from scenarist.domain.identifiers import SubscriberId, make_uuid
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import ChangeType, EntityKind, EntityType
from scenarist.domain.webhooks import SECRET_PREFIX, find_secret_fault, find_url_fault

SUBSCRIBERS_LIMIT = 20
"""Maximum number of subscribers of a scenario or sequence."""

_SECRET_BYTES = 32


class SubscriberService:
    """Creates, reads and deletes the subscribers of scenarios and sequences.

    Args:
        may_be_private: Whether URLs may have addresses that are not on the public Internet.
        encrypt: Encrypts a secret for the database.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        may_be_private: bool,
        encrypt: Callable[[str], str],
    ) -> None:
        self._encrypt = encrypt
        self._database = database
        self._now = now
        self._may_be_private = may_be_private

    def create(
        self,
        actor: Actor,
        entity_type: EntityType,
        entity_id: str,
        *,
        url: str,
        secret: str | None = None,
    ) -> Subscriber:
        """Subscribe a URL to the status changes of the entity's jobs, from now on.

        Raises:
            NotFoundError: There is no such scenario or sequence.
            InvalidError: The URL or the secret is invalid; the message says why, without either.
            ConflictError: The entity has the maximum number of subscribers.
        """
        actor.require(Permission.EDIT)
        _refuse("url", find_url_fault(url, may_be_private=self._may_be_private))
        if secret is not None:
            _refuse("secret", find_secret_fault(secret))
        now = self._now()
        subscriber = Subscriber(
            id=SubscriberId(f"SUBSCRIBER_{make_uuid(now)}"),
            entity_id=entity_id,
            url=url,
            secret=secret or _make_secret(),
            is_active=True,
            waiting=0,
            fault=None,
            created_at=now,
            made_by=actor.ref,
        )

        def work(connection: Connection) -> None:
            _check_entity(connection, entity_type, entity_id)
            if subscriber_rows.count_of(connection, entity_id) >= SUBSCRIBERS_LIMIT:
                raise ConflictError(
                    f"{entity_id} has the maximum of {SUBSCRIBERS_LIMIT} subscribers; delete one "
                    "first",
                    code="subscribers_limit",
                )
            stored = replace(subscriber, secret=self._encrypt(subscriber.secret))
            subscriber_rows.add(connection, stored)
            event_rows.add(connection, [_make_event(ChangeType.CREATED, subscriber.id, actor)], now)
            audit.record_allowed(connection, actor, subscriber.id, now)

        self._database.write(work)
        return subscriber

    def list_all(
        self, actor: Actor, entity_type: EntityType, entity_id: str
    ) -> Sequence[Subscriber]:
        """Return the subscribers of an entity, oldest first."""
        actor.require(Permission.READ)
        connection = self._database.reader
        _check_entity(connection, entity_type, entity_id)
        return subscriber_rows.of_entities(connection, [entity_id]).get(entity_id, ())

    def get(
        self, actor: Actor, entity_type: EntityType, entity_id: str, subscriber_id: str
    ) -> Subscriber:
        actor.require(Permission.READ)
        connection = self._database.reader
        _check_entity(connection, entity_type, entity_id)
        return _get(connection, entity_id, subscriber_id)

    def delete(
        self,
        actor: Actor,
        entity_type: EntityType,
        entity_id: str,
        subscriber_id: str,
        *,
        expect: Callable[[Subscriber], None] | None = None,
    ) -> None:
        """Delete a subscriber and its undelivered messages.

        Args:
            expect: Raises if the subscriber is not as the client knows it.
        """
        actor.require(Permission.EDIT)

        def work(connection: Connection) -> None:
            _check_entity(connection, entity_type, entity_id)
            found = _get(connection, entity_id, subscriber_id)
            if expect is not None:
                expect(found)
            subscriber_rows.delete_one(connection, found.id)
            now = self._now()
            event_rows.add(connection, [_make_event(ChangeType.DELETED, found.id, actor)], now)
            audit.record_allowed(connection, actor, found.id, now)

        self._database.write(work)


def _check_entity(connection: Connection, entity_type: EntityType, entity_id: str) -> None:
    if entity_type is EntityType.SCENARIO:
        is_there = scenario_rows.exists(connection, entity_id)
    else:
        is_there = sequence_rows.find(connection, entity_id) is not None
    require_found(is_there, entity_type.lower(), entity_id)


def _get(connection: Connection, entity_id: str, subscriber_id: str) -> Subscriber:
    found = subscriber_rows.find(connection, entity_id, subscriber_id)
    if found is None:
        raise NotFoundError(f"{entity_id} has no subscriber with the identifier {subscriber_id}")
    return found


def _refuse(field: str, fault: str | None) -> None:
    if fault is not None:
        raise InvalidError(f"{field}: {fault}", errors=[{"field": field, "message": fault}])


def _make_secret() -> str:
    return SECRET_PREFIX + b64encode(token_bytes(_SECRET_BYTES)).decode()


def _make_event(change: ChangeType, subscriber_id: str, actor: Actor) -> Event:
    return Event(kind=EntityKind.SUBSCRIBER, id=subscriber_id, change=change, actor=actor.ref)

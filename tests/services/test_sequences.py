"""The webhooks of a sequence follow its name and go with it."""

from sqlalchemy import Connection

from builders import NOON, Clock, Draft
from scenarist.db import subscribers
from scenarist.db.engine import Database
from scenarist.domain.entities import Subscriber
from scenarist.domain.identifiers import ScenarioId, SequenceId, SubscriberId
from scenarist.domain.permissions import ANYONE
from scenarist.services.sequences import SequenceChange, SequenceService


def a_subscribed_sequence(database: Database) -> SequenceId:
    def work(connection: Connection) -> SequenceId:
        draft = Draft(connection)
        draft.finish()
        sequence_id = draft.sequence("all", [])
        subscribers.add(connection, a_subscriber(sequence_id, draft.id))
        return sequence_id

    return database.write(work)


def a_subscriber(entity_id: str, scenario_id: ScenarioId) -> Subscriber:
    return Subscriber(
        id=SubscriberId(f"SUBSCRIBER_of_{scenario_id}"),
        entity_id=entity_id,
        url="https://example.com/",
        secret="whsec_x",
        is_active=True,
        waiting=0,
        fault=None,
        created_at=NOON,
    )


def test_the_subscribers_of_a_sequence_follow_its_new_name(
    database: Database, clock: Clock
) -> None:
    former = a_subscribed_sequence(database)

    renamed = SequenceService(database, now=clock, version="test").change(
        ANYONE, former, SequenceChange(name="new")
    )

    found = subscribers.of_entities(database.reader, [former, renamed.id])
    assert {entity_id: len(items) for entity_id, items in found.items()} == {renamed.id: 1}


def test_the_subscribers_of_a_sequence_go_with_it(database: Database, clock: Clock) -> None:
    sequence_id = a_subscribed_sequence(database)

    SequenceService(database, now=clock, version="test").delete(ANYONE, sequence_id)

    assert subscribers.of_entities(database.reader, [sequence_id]) == {}

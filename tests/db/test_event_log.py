"""The log of events as rows: what of it is kept."""

from sqlalchemy import Connection, update

from builders import NOON
from scenarist.db import event_log as event_rows
from scenarist.db.engine import Database
from scenarist.db.tables import events
from scenarist.domain.entities import Event
from scenarist.domain.vocabulary import ChangeType, EntityKind

CHANGE = Event(kind=EntityKind.JOB, id="JOB_x", change=ChangeType.UPDATED)


def test_what_is_older_than_what_is_kept_goes_once_in_a_while(database: Database) -> None:
    def work(connection: Connection) -> None:
        event_rows.add(connection, [CHANGE], NOON)
        # As if so many others had come after it.
        connection.execute(update(events).values(number=events.c.number - event_rows.MIN_KEPT))
        for _ in range(1000):
            event_rows.add(connection, [CHANGE], NOON)

    database.write(work)

    oldest, newest = event_rows.find_bounds(database.reader)
    assert (oldest > 0, newest - oldest) == (True, 999)


def test_a_transaction_without_changes_leaves_nothing(database: Database) -> None:
    database.write(lambda connection: event_rows.add(connection, [], NOON))

    assert event_rows.find_bounds(database.reader) == (0, 0)

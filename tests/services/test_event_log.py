"""The log of events as those read it who follow it, and the bell that wakes them."""

import asyncio
import threading

import pytest

from builders import NOON
from scenarist.db import event_log as event_rows
from scenarist.db.engine import Database
from scenarist.domain.entities import Event
from scenarist.domain.errors import DeniedError
from scenarist.domain.permissions import ANYONE, Actor
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.event_log import (
    ChangeNotifier,
    EventCursor,
    EventFilter,
    EventLogService,
    EventPage,
    EventRequest,
    StreamStart,
)
from statements import noted

ALL = EventFilter()
NOBODY = Actor("nobody")


def log(database: Database, *ids: str) -> None:
    changes = [Event(kind=EntityKind.TASK, id=item, change=ChangeType.CREATED) for item in ids]
    database.write(lambda connection: event_rows.add(connection, changes, NOON))


def ids_of(page: object) -> list[str]:
    assert isinstance(page, EventPage)
    return [change.event.id for change in page.events]


def test_following_starts_now_or_after_what_was_seen(database: Database) -> None:
    service = EventLogService(database)
    at_first = service.find_start(ANYONE, None)
    log(database, "a", "b")
    log(database, "c")

    assert at_first == StreamStart(cursor=EventCursor(1))
    assert service.find_start(ANYONE, None) == StreamStart(cursor=EventCursor(3))
    assert service.find_start(ANYONE, EventCursor(1, 0)) == StreamStart(cursor=EventCursor(1, 1))
    assert service.find_start(ANYONE, EventCursor(0, 5)) == StreamStart(
        cursor=EventCursor(1), oldest=EventCursor(1)
    )
    assert service.find_start(ANYONE, EventCursor(3, 0)) == StreamStart(
        cursor=EventCursor(1), oldest=EventCursor(1)
    )


@pytest.mark.parametrize(
    ("after", "ids", "following"),
    [
        (EventCursor(1), ["a", "b", "c"], EventCursor(3)),
        (EventCursor(1, 1), ["b", "c"], EventCursor(3)),
        (EventCursor(1, 9), ["c"], EventCursor(3)),
        (EventCursor(2), ["c"], EventCursor(3)),
        (EventCursor(3), [], EventCursor(3)),
    ],
)
def test_what_comes_after_a_mark_is_read(
    database: Database, after: EventCursor, ids: list[str], following: EventCursor
) -> None:
    log(database, "a", "b")
    log(database, "c")

    (page,) = EventLogService(database).read_many([EventRequest(ANYONE, after, ALL)])

    assert ids_of(page) == ids
    assert isinstance(page, EventPage)
    assert (page.next_cursor, page.is_last) == (following, True)


def test_a_long_log_is_read_in_parts(database: Database) -> None:
    for number in range(150):
        log(database, str(number))
    service = EventLogService(database)
    read: list[str] = []
    sizes: list[tuple[int, bool]] = []
    at = EventCursor(1)
    while not sizes or not sizes[-1][1]:
        (page,) = service.read_many([EventRequest(ANYONE, at, ALL)])
        assert isinstance(page, EventPage)
        read += ids_of(page)
        sizes.append((len(page.events), page.is_last))
        at = page.next_cursor

    assert sizes == [(64, False), (64, False), (22, True)]
    assert read == [str(number) for number in range(150)]


def test_wishes_for_the_same_part_share_one_look_and_each_gets_its_own(
    database: Database,
) -> None:
    log(database, "a", "b")
    wishes = [
        EventRequest(ANYONE, EventCursor(1), ALL),
        EventRequest(NOBODY, EventCursor(1), ALL),
        EventRequest(ANYONE, EventCursor(1, 1), ALL),
        EventRequest(ANYONE, EventCursor(1), EventFilter(entity_ids=frozenset({"a"}))),
    ]

    with noted(database) as statements:
        everything, refused, rest, chosen = EventLogService(database).read_many(wishes)

    assert len(statements.said) == 1
    assert isinstance(refused, DeniedError)
    assert [ids_of(page) for page in (everything, rest, chosen)] == [["a", "b"], ["b"], ["a"]]


def test_news_wakes_those_who_wait_from_any_thread() -> None:
    news = ChangeNotifier()

    async def wait() -> None:
        with news.listen() as reader:
            reader.reset()
            threading.Thread(target=news.notify).start()
            await reader.wait(3600)

    asyncio.run(wait())
    news.notify()  # to nobody, and on no loop that still runs
    asyncio.run(wait())


def test_news_that_came_before_the_wait_is_not_missed() -> None:
    news = ChangeNotifier()

    async def wait() -> None:
        with news.listen() as reader:
            reader.reset()
            for _ in range(3):
                news.notify()
            await reader.wait(3600)
            reader.reset()
            news.notify()
            await reader.wait(3600)

    asyncio.run(wait())


def test_the_end_of_news_wakes_all_who_wait_or_come_later() -> None:
    news = ChangeNotifier()

    async def wait() -> bool:
        with news.listen() as reader, news.listen() as other:
            asyncio.get_running_loop().call_soon(news.close)
            await reader.wait(3600)
            await other.wait(3600)
        with news.listen() as late:
            return late.is_closed

    assert asyncio.run(wait())

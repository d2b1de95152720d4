"""The event stream: what is told, in which order, and how a client goes on after a break."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.following import PATH, Listener, following
from builders import NOON
from scenarist.api.batching import Batcher
from scenarist.api.routes.events import EventStreamResponse
from scenarist.db import event_log as event_rows
from scenarist.db.engine import Database
from scenarist.domain.entities import Event
from scenarist.domain.errors import ScenaristError
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
from servers import StartedServer

HALF = [
    ("SUBMISSION", "CREATED", "SUBMITTED"),
    ("JOB", "CREATED", "PENDING"),
    ("JOB", "UPDATED", "RUNNING"),
    ("JOB", "UPDATED", "COMPLETED"),
    ("DATA_NODE", "UPDATED", None),
    ("SUBMISSION", "UPDATED", "COMPLETED"),
]


def half_of(chain: dict[str, Any]) -> str:
    sequence_id: str = chain["sequences"]["half"]["id"]
    return sequence_id


def test_what_happens_is_told_in_its_order(server: StartedServer, chain: dict[str, Any]) -> None:
    with following(server) as stream:
        submission = server.submit(half_of(chain))

        told = stream.until(submission["id"])

    assert [item.summary for item in told] == HALF
    (job_id,) = submission["job_ids"]
    started = told[2]
    assert started.type == "job"
    assert started.data == {
        "id": started.id,
        "timestamp": started.data["timestamp"],
        "entity_type": "JOB",
        "entity_id": job_id,
        "change": "UPDATED",
        "actor": None,
        "actor_id": None,
        "status": "RUNNING",
        "submission_id": submission["id"],
    }
    assert (told[0].data["actor"], told[0].data["actor_id"]) == ("anyone", "anyone")
    assert told[4].type == "data_node"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"entity_type": "SUBMISSION"}, [HALF[0], HALF[5]]),
        ({"entity_type": ["Kind.SUBMISSION", "data_node"]}, [HALF[0], HALF[4], HALF[5]]),
        ({"change": "CREATED", "entity_type": ["JOB", "SUBMISSION"]}, [HALF[0], HALF[1]]),
    ],
)
def test_only_what_is_asked_for_is_told(
    server: StartedServer,
    chain: dict[str, Any],
    query: dict[str, Any],
    wanted: list[tuple[str, str, str | None]],
) -> None:
    with following(server, **query) as stream:
        server.submit(half_of(chain))

        assert [told.summary for told in stream.take(len(wanted))] == wanted


def test_one_entity_can_be_followed_by_its_identifier(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    other = server.create("chain")
    nodes = [chain["node_of"]["middle"], chain["node_of"]["end"]]
    with following(server, entity_id=nodes) as stream:
        server.submit(half_of(other))
        server.submit(chain["sequences"]["all of it"]["id"])

        assert [told.data["entity_id"] for told in stream.take(2)] == nodes


def test_one_submission_can_be_followed_after_the_fact(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    with following(server) as stream:
        mine = server.submit(half_of(chain))
        start = stream.take(1)[0]
    server.submit(half_of(chain))

    with following(server, submission_id=mine["id"], after=start.id) as stream:
        told = stream.until(mine["id"])

    assert [item.summary for item in told] == [HALF[1], HALF[2], HALF[3], HALF[5]]


def test_a_client_that_comes_again_and_again_misses_nothing_and_hears_nothing_twice(
    server: StartedServer,
) -> None:
    chains = [server.create("chain") for _ in range(5)]
    with following(server) as stream:
        first = server.submit(half_of(chains[0]))
        before = stream.until(first["id"])[-1]
    paths = [f"/api/v1/sequences/submit/{half_of(chain)}" for chain in chains * 10]
    for path in paths[:-5]:
        server.http.post(path)
    for path in paths[-5:]:  # the last of each chain, so that all have ended before the next
        server.http.post(path, headers={"Prefer": "wait=30"})
    last = server.submit(half_of(chains[4]))

    pieces = [before]
    sizes = random.Random(1)
    while not pieces[-1].completes(last["id"]):
        with following(server, last=pieces[-1].id) as stream:
            pieces += stream.until(last["id"], most=sizes.randint(1, 40))
    with following(server, last=before.id) as stream:
        whole = stream.until(last["id"])

    assert pieces[1:] == whole
    assert len({told.id for told in whole}) == len(whole)
    assert sum(told.summary == HALF[5] for told in whole) == 51


def test_the_header_says_more_than_the_query(server: StartedServer, chain: dict[str, Any]) -> None:
    with following(server) as stream:
        submission = server.submit(half_of(chain))
        told = stream.until(submission["id"])

    with following(server, last=told[3].id, after=told[0].id) as stream:
        assert stream.take(2) == told[4:]


@pytest.mark.parametrize("last", ["0.0", "999999999999.0"])
def test_what_is_not_kept_is_told_to_be_missing(server: StartedServer, last: str) -> None:
    server.create("chain")

    with following(server, last=last) as stream:
        gap, oldest = stream.take(2)

    assert (gap.id, gap.type) == ("", "gap")
    assert gap.data == {"oldest": oldest.id} == {"oldest": "1.0"}


@pytest.mark.parametrize(
    ("query", "headers", "said"),
    [
        ("?after=now", {}, "after 'now' is not the id of an event"),
        ("?after=12", {}, "is not the id of an event"),
        ("", {"Last-Event-ID": ""}, "is not the id of an event"),
        ("", {"Last-Event-ID": "1.2.3"}, "Last-Event-ID '1.2.3' is not the id of an event"),
        ("", {"Last-Event-ID": "1" * 30 + ".0"}, "is not the id of an event"),
        ("?entity_type=PIPELINE", {}, "there is no entity_type 'PIPELINE'"),
        ("?change=GONE", {}, "there is no change 'GONE'"),
        ("?kind=JOB", {}, "has no query parameter 'kind'"),
    ],
)
def test_a_wish_that_cannot_be_is_400(
    server: StartedServer, query: str, headers: dict[str, str], said: str
) -> None:
    response = server.http.get(PATH + query, headers=headers)

    assert response.status_code == 400
    assert said in response.json()["message"]


def test_a_head_request_ends(server: StartedServer) -> None:
    response = server.http.head(PATH)

    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")


@pytest.mark.e2e
def test_fifty_clients_hear_the_same_and_all_streams_end_with_the_server(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        chain = server.create("chain")
        listeners = [Listener(server) for _ in range(50)]
        for _ in range(5):
            server.submit(half_of(chain))

        assert server.stop() == 0

        for listener in listeners:
            listener.join()
    assert [told.summary for told in listeners[0].told] == HALF * 5
    assert all(listener.told == listeners[0].told for listener in listeners)


@pytest.mark.e2e
def test_a_client_goes_on_with_the_next_server_where_it_was(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        chain = server.create("chain")
        with following(server) as stream:
            first = server.submit(half_of(chain))
            told = stream.until(first["id"])
            server.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                list(stream)
        server.start()
        second = server.submit(half_of(chain))

        with following(server, last=told[-1].id) as stream:
            more = stream.until(second["id"])

    assert [item.summary for item in more] == HALF


async def anyone() -> Actor:
    return ANYONE


class SlowClient:
    """Takes pieces only as it is let to; what it was given is kept."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.may_take = asyncio.Semaphore(0)
        self.has_taken = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.may_take.acquire()
            self.pieces.append(message["body"])
            self.has_taken.set()

    async def receive(self) -> Any:
        await asyncio.Event().wait()


class CountedReads:
    """The log, with how often it was read."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        self._service = EventLogService(database)

    def read_many(self, wishes: Sequence[EventRequest]) -> list[EventPage | ScenaristError]:
        self.count += 1
        return self._service.read_many(wishes)


def a_log_of(database: Database, transactions: int) -> None:
    event = Event(kind=EntityKind.TASK, id="TASK_1", change=ChangeType.CREATED)
    for _ in range(transactions):
        database.write(lambda connection: event_rows.add(connection, [event], NOON))


def test_the_log_is_read_only_as_fast_as_a_client_takes_it(database: Database) -> None:
    a_log_of(database, 200)
    reads = CountedReads(database)

    async def follow() -> list[int]:
        client = SlowClient()
        stream = EventStreamResponse(
            Batcher(reads.read_many),
            ChangeNotifier(),
            find_actor=anyone,
            start=StreamStart(cursor=EventCursor(1)),
            wanted=EventFilter(),
        )
        task = asyncio.create_task(stream({}, client.receive, client.send))  # type: ignore[arg-type]
        counts = []
        for _ in range(3):
            client.has_taken.clear()
            client.may_take.release()
            await client.has_taken.wait()
            counts.append(reads.count)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return counts

    counts = asyncio.run(follow())

    assert counts == [0, 1, 2]


def test_a_quiet_stream_shows_that_it_lives_and_reads_nothing(database: Database) -> None:
    reads = CountedReads(database)

    async def follow() -> list[bytes]:
        client = SlowClient()
        stream = EventStreamResponse(
            Batcher(reads.read_many),
            ChangeNotifier(),
            find_actor=anyone,
            start=StreamStart(cursor=EventCursor(1)),
            wanted=EventFilter(),
            keepalive_seconds=0.001,
        )
        task = asyncio.create_task(stream({}, client.receive, client.send))  # type: ignore[arg-type]
        while len(client.pieces) < 3:
            client.has_taken.clear()
            client.may_take.release()
            await client.has_taken.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return client.pieces

    pieces = asyncio.run(follow())

    opening = b"retry: 1000\nid: 0.999999999\n\n"
    assert pieces == [opening, b": still here\n\n", b": still here\n\n"]
    assert reads.count == 1


def test_the_header_with_which_a_client_continues_is_no_query_parameter(
    server: StartedServer,
) -> None:
    response = server.http.get("/api/v1/events?Last-Event-ID=1.0")

    assert (response.status_code, response.json()["code"]) == (400, "parameter_unknown")
    assert "it has after, change, entity_id, entity_type, submission_id" in response.text

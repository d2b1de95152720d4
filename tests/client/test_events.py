"""Following what changes: in order, filtered, and on after a lost connection."""

from pathlib import Path

import pytest

from client.unsteady_proxy import UnsteadyProxy
from scenarist import Client, schemas
from scenarist.client import EventStream, InvalidError, TransportError
from servers import StartedServer


def take(stream: EventStream, count: int) -> list[tuple[str, str | None]]:
    """Return what the next events say of jobs and submissions."""
    found: list[tuple[str, str | None]] = []
    while len(found) < count:
        event = next(stream)
        assert isinstance(event, schemas.Event)
        found.append((event.entity_type.value, event.status))
    return found


def test_what_happens_is_told(client: Client, scenario: schemas.Scenario) -> None:
    with client.events(entity_type=["JOB", "SUBMISSION"]) as stream:
        submitted = client.sequences.submit(scenario.sequences["half"].id)

        told = take(stream, 5)

    assert told == [
        ("SUBMISSION", "SUBMITTED"),
        ("JOB", "PENDING"),
        ("JOB", "RUNNING"),
        ("JOB", "COMPLETED"),
        ("SUBMISSION", "COMPLETED"),
    ]
    assert list(stream) == []
    after = client.events(submission_id=submitted.id, after=stream.last_event_id, change="DELETED")
    client.submissions.delete(submitted.id)
    with after:
        assert {event.entity_id for event in (next(after),) if isinstance(event, schemas.Event)}


def test_nothing_is_missed_when_the_connection_is_lost(
    proxy: UnsteadyProxy, through: Client, client: Client
) -> None:
    node = client.data_nodes.create("given").id
    with through.events(entity_id=node, patience=30) as stream:
        for number in range(5):
            proxy.cut()
            client.data_nodes.write(node, number)

            event = next(stream)

            assert isinstance(event, schemas.Event)
            assert (event.entity_id, event.change) == (node, "UPDATED")


def test_a_stream_that_breaks_off_before_its_first_word_is_opened_again(
    proxy: UnsteadyProxy, through: Client
) -> None:
    proxy.answer("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nContent-Length: 99\n\n")

    with through.events() as stream:
        assert stream.last_event_id is not None

    assert proxy.unused == 0


def test_a_stream_outlives_a_server_that_starts_again(tmp_path: Path) -> None:
    with (
        StartedServer(tmp_path) as server,
        UnsteadyProxy(server.address) as proxy,
        Client(proxy.address) as client,
        client.events(entity_type="SCENARIO") as stream,
    ):
        server.kill()
        server.start()
        proxy.lead_to(server.address)
        made = client.scenarios.create("chain")

        event = next(stream)

    assert isinstance(event, schemas.Event)
    assert event.entity_id == made.id


def test_a_connection_that_stays_lost_is_told(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server, Client(server.address, retries=0) as client:
        stream = client.events(patience=0.3)
        server.kill()

        with pytest.raises(TransportError, match="cannot be reached"):
            next(stream)


def test_a_gap_is_told(client: Client) -> None:
    with client.events(after="999999999.0") as stream:
        assert isinstance(next(stream), schemas.Gap)


def test_a_stream_that_cannot_be_is_refused_at_once(client: Client) -> None:
    with pytest.raises(InvalidError, match="there is no entity_type 'PLANET'"):
        client.events(entity_type="PLANET")

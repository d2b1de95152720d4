"""Subscribers over REST, up to a message that arrives although its server was killed."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from api.following import following
from servers import StartedServer
from webhooks.receiver import Receiver

URL = "https://example.com/hooks"
SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def path_of(chain: dict[str, Any], kind: str) -> str:
    """Return the path of the subscribers of a scenario, or of one of its sequences."""
    entity_id = chain["id"] if kind == "scenarios" else chain["sequences"]["half"]["id"]
    return f"/api/v1/{kind}/{entity_id}/subscribers"


@pytest.fixture(params=["scenarios", "sequences"])
def path(request: pytest.FixtureRequest, chain: dict[str, Any]) -> str:
    return path_of(chain, request.param)


def test_a_new_subscriber_is_found_where_its_location_says(
    server: StartedServer, path: str
) -> None:
    response = server.http.post(path, json={"url": URL})

    made = response.json()["subscriber"]
    assert response.status_code == 201
    assert response.headers["location"] == f"{path}/{made['id']}"
    assert made == {
        "id": made["id"],
        "entity_id": path.split("/")[-2],
        "url": URL,
        "is_active": True,
        "waiting": 0,
        "fault": None,
        "made_by": "anyone",
        "made_by_id": "anyone",
        "creation_date": made["creation_date"],
    }
    assert server.http.get(f"{path}/{made['id']}").json() == {"subscriber": made}
    assert server.http.get(path).json() == {"results": [made]}


def test_the_secret_is_shown_once(server: StartedServer, path: str) -> None:
    response = server.http.post(path, json={"url": URL})

    secret = response.json()["secret"]
    assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert response.headers["cache-control"] == "no-store"
    assert secret not in server.http.get(path).text
    assert secret not in server.http.get(response.headers["location"]).text


def test_a_secret_of_the_client_is_taken(server: StartedServer, path: str) -> None:
    response = server.http.post(path, json={"url": URL, "secret": SECRET})

    assert (response.status_code, response.json()["secret"]) == (201, SECRET)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "url"),
        ({"url": 5}, "url"),
        ({"url": "ftp://example.com/"}, "an address must start with https:// or http://"),
        (
            {"url": "https://somebody:pw@example.com/"},
            "an address must not contain a user or password",
        ),
        ({"url": "https:///"}, "it contains no host"),
        ({"url": "https://example.com/" + "x" * 2000}, "at most 2000 characters"),
        ({"url": "http://127.0.0.1:5000/"}, "127.0.0.1 is a private address"),
        ({"url": "http://[::1]/"}, "the setting webhook_private_addresses"),
        ({"url": URL, "secret": "password"}, "a secret must start with whsec_"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "24 to 64 bytes; this one encodes 5"),
        ({"url": URL, "events": ["JOB"]}, "events"),
    ],
)
def test_a_subscriber_that_cannot_be_is_400(
    server: StartedServer, path: str, body: dict[str, Any], said: str
) -> None:
    response = server.http.post(path, json=body)

    assert response.status_code == 400
    assert said in response.json()["message"]
    assert "pw@" not in response.text
    assert server.http.get(path).json() == {"results": []}


def test_an_entity_has_at_most_twenty(server: StartedServer, path: str) -> None:
    statuses = [server.http.post(path, json={"url": URL}).status_code for _ in range(20)]

    response = server.http.post(path, json={"url": URL})

    assert statuses == [201] * 20
    assert (response.status_code, response.json()["code"]) == (409, "subscribers_limit")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", ["scenarios", "sequences"])
def test_an_unknown_entity_is_404(server: StartedServer, method: str, kind: str) -> None:
    body = {"url": URL} if method == "POST" else None

    response = server.http.request(method, f"/api/v1/{kind}/nothing/subscribers", json=body)

    assert response.status_code == 404
    assert f"no {kind.removesuffix('s')} has the identifier nothing" in response.json()["message"]


def test_the_subscribers_of_one_are_not_found_under_another(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    made = server.http.post(path_of(chain, "sequences"), json={"url": URL}).json()["subscriber"]

    other = f"{path_of(chain, 'scenarios')}/{made['id']}"
    wrong_kind = path_of(chain, "sequences").replace("sequences", "scenarios")

    assert server.http.get(path_of(chain, "scenarios")).json() == {"results": []}
    assert [server.http.request(verb, other).status_code for verb in ("GET", "DELETE")] == [
        404,
        404,
    ]
    assert server.http.get(wrong_kind).status_code == 404


def test_a_deleted_subscriber_is_gone(server: StartedServer, path: str) -> None:
    where = server.http.post(path, json={"url": URL}).headers["location"]

    response = server.http.delete(where)

    assert response.status_code == 200
    assert "was deleted" in response.json()["message"]
    assert server.http.get(where).status_code == 404
    assert server.http.delete(where).status_code == 404
    assert server.http.get(path).json() == {"results": []}


def test_a_subscriber_is_deleted_only_as_the_client_knows_it(
    server: StartedServer, path: str
) -> None:
    where = server.http.post(path, json={"url": URL}).headers["location"]
    tag = server.http.get(where).headers["etag"]

    refused = server.http.delete(where, headers={"If-Match": '"other"'})
    deleted = server.http.delete(where, headers={"If-Match": tag})

    assert (refused.status_code, deleted.status_code) == (412, 200)


def test_the_events_tell_of_subscribers(server: StartedServer, path: str) -> None:
    with following(server, entity_type="SUBSCRIBER") as stream:
        where = server.http.post(path, json={"url": URL}).headers["location"]
        server.http.delete(where)

        created, deleted = stream.take(2)

    assert created.summary == ("SUBSCRIBER", "CREATED", None)
    assert deleted.summary == ("SUBSCRIBER", "DELETED", None)
    assert created.data["entity_id"] == deleted.data["entity_id"] == where.split("/")[-1]


def test_subscribers_go_with_their_sequence(server: StartedServer, chain: dict[str, Any]) -> None:
    path = path_of(chain, "sequences")
    server.http.post(path, json={"url": URL})

    assert server.http.delete(path.removesuffix("/subscribers")).status_code == 200
    server.http.post(
        "/api/v1/sequences",
        json={"scenario_id": chain["id"], "sequence_name": "half", "tasks": []},
    )

    assert server.http.get(path).json() == {"results": []}


@pytest.mark.e2e
def test_each_change_of_a_job_arrives_with_a_good_signature(tmp_path: Path) -> None:
    options = ["--webhook-private-addresses"]
    with Receiver() as receiver, StartedServer(tmp_path, options=options) as server:
        chain = server.create("chain")
        path = path_of(chain, "sequences")
        secret = server.http.post(path, json={"url": receiver.url}).json()["secret"]

        submission = server.submit(path.split("/")[-2])

        received = [receiver.next() for _ in range(3)]
    assert [got.json["data"]["status"] for got in received] == ["PENDING", "RUNNING", "COMPLETED"]
    assert {got.json["data"]["job_id"] for got in received} == set(submission["job_ids"])
    for got in received:
        got.verify(secret)


@pytest.mark.e2e
def test_a_message_whose_answer_was_lost_goes_again_after_a_kill(tmp_path: Path) -> None:
    options = ["--webhook-private-addresses"]
    with Receiver() as receiver, StartedServer(tmp_path, options=options) as server:
        chain = server.create("chain")
        path = path_of(chain, "sequences")
        server.http.post(path, json={"url": receiver.url})
        receiver.is_open.clear()
        server.submit(path.split("/")[-2])
        first = receiver.next()

        server.kill()
        receiver.is_open.set()
        server.start()

        again, *others = [receiver.next() for _ in range(3)]
    assert (again.id, again.body) == (first.id, first.body)
    assert [got.json["data"]["status"] for got in others] == ["RUNNING", "COMPLETED"]
    assert len({got.id for got in (again, *others)}) == 3

"""What the client sends again, and what it does not, when connections break."""

import pickle

import pytest

from client.unsteady_proxy import UnsteadyProxy
from scenarist import Client, schemas
from scenarist.client import (
    ClientError,
    ConflictError,
    InvalidError,
    NotFoundError,
    ProblemError,
    TransportError,
    UnavailableError,
)

PROBLEM = (
    '{"type": "about:blank", "title": "x", "status": 503, "detail": "busy", "code": "%s",'
    ' "message": "the database is busy"}'
)


def unavailable(code: str = "database_busy", seconds: int = 0) -> str:
    return (
        f"HTTP/1.1 503 Service Unavailable\nRetry-After: {seconds}\n"
        f"Content-Type: application/problem+json\nConnection: close\n\n{PROBLEM % code}"
    )


def test_reading_goes_on_after_lost_answers(
    proxy: UnsteadyProxy, through: Client, scenario: schemas.Scenario
) -> None:
    proxy.lose_answers(2)

    assert through.scenarios.get(scenario.id) == through.scenarios.get(scenario.id)


def test_an_answer_that_breaks_off_is_asked_for_again(
    proxy: UnsteadyProxy, through: Client, scenario: schemas.Scenario
) -> None:
    proxy.halve_answers(2)

    assert through.scenarios.get(scenario.id).id == scenario.id
    assert through.scenarios.submit(scenario.id).wait(timeout=30).status == "COMPLETED"


def test_a_submit_whose_answer_was_lost_is_accepted_once(
    proxy: UnsteadyProxy, through: Client, client: Client, scenario: schemas.Scenario
) -> None:
    proxy.lose_answers(2)

    submitted = through.scenarios.submit(scenario.id)

    assert [found.id for found in client.scenarios.submissions(scenario.id)] == [submitted.id]


def test_a_job_whose_answer_was_lost_is_made_once(
    proxy: UnsteadyProxy, through: Client, client: Client, scenario: schemas.Scenario
) -> None:
    proxy.lose_answers(1)

    job = through.jobs.create(scenario.tasks[0])

    assert [found.id for found in client.jobs.list(task_id=scenario.tasks[0])] == [job.id]


def test_a_create_whose_answer_was_lost_is_not_sent_again(
    proxy: UnsteadyProxy, through: Client, client: Client
) -> None:
    proxy.lose_answers(1)

    with pytest.raises(TransportError, match=f"the connection to {proxy.address} was lost"):
        through.scenarios.create("chain", name="made once")

    assert client.scenarios.list(name="made once").count() == 1


def test_an_append_whose_answer_was_lost_is_not_sent_again(
    proxy: UnsteadyProxy, through: Client, client: Client, scenario: schemas.Scenario
) -> None:
    (end,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")
    client.data_nodes.write(end.id, [1])
    proxy.lose_answers(1)

    with pytest.raises(TransportError):
        through.data_nodes.append(end.id, [2])

    assert client.data_nodes.read(end.id) == [1, 2]


def test_a_deletion_whose_answer_was_lost_is_done(
    proxy: UnsteadyProxy, through: Client, client: Client, scenario: schemas.Scenario
) -> None:
    proxy.lose_answers(1)
    through.sequences.delete(scenario.sequences["half"].id)
    proxy.lose_answers(1)

    deletion = through.scenarios.delete(scenario.id)

    assert deletion.message == "It is deleted; the response that said so was lost."
    with pytest.raises(NotFoundError):
        client.scenarios.get(scenario.id)


def test_a_guarded_change_whose_answer_was_lost_is_not_sent_again(
    proxy: UnsteadyProxy, through: Client, client: Client, scenario: schemas.Scenario
) -> None:
    (end,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")
    tag = client.data_nodes.get_tagged(end.id).tag
    proxy.lose_answers(1)

    with pytest.raises(TransportError):
        through.data_nodes.write(end.id, 4, if_match=tag)

    assert client.data_nodes.read(end.id) == 4


def test_everything_is_sent_again_while_the_server_is_busy(
    proxy: UnsteadyProxy, through: Client
) -> None:
    proxy.answer(unavailable(), unavailable())

    assert through.scenarios.create("chain").config_id == "chain"


def test_a_create_in_doubt_is_not_sent_again(proxy: UnsteadyProxy, through: Client) -> None:
    proxy.answer(unavailable("in_doubt"), unavailable())

    with pytest.raises(UnavailableError) as refusal:
        through.scenarios.create("chain")

    assert refusal.value.code == "in_doubt"
    assert proxy.unused == 1


def test_a_server_that_stays_busy_is_given_up(proxy: UnsteadyProxy) -> None:
    proxy.answer(*[unavailable()] * 4)

    with (
        Client(proxy.address, retries=2) as client,
        pytest.raises(UnavailableError, match="the database is busy"),
    ):
        client.scenarios.get("x")

    assert proxy.unused == 1


def test_a_proxy_that_has_lost_its_server_is_asked_again(
    proxy: UnsteadyProxy, through: Client, client: Client
) -> None:
    page = "HTTP/1.1 502 Bad Gateway\nContent-Length: 3\nConnection: close\n\n<p>"
    proxy.answer(page, page)
    assert through.check_health() == "alive"

    proxy.answer(page)
    with pytest.raises(TransportError, match="responded with 502 Bad Gateway"):
        through.scenarios.create("chain")


def test_nobody_waits_for_a_server_that_asks_for_an_hour(
    proxy: UnsteadyProxy, through: Client
) -> None:
    proxy.answer(unavailable(seconds=3600), unavailable())

    with pytest.raises(UnavailableError) as refusal:
        through.scenarios.get("x")

    assert refusal.value.retry_seconds == 3600
    assert proxy.unused == 1


def test_readiness_is_not_waited_for(proxy: UnsteadyProxy, through: Client) -> None:
    proxy.answer(unavailable(), unavailable())

    with pytest.raises(UnavailableError):
        through.check_readiness()

    assert proxy.unused == 1


def test_a_server_that_is_not_there_is_named() -> None:
    with (
        Client("http://127.0.0.1:1/", retries=1) as client,
        pytest.raises(TransportError, match=r"http://127\.0\.0\.1:1 cannot be reached"),
    ):
        client.check_health()


def test_what_is_no_scenarist_server_is_told_so(proxy: UnsteadyProxy, through: Client) -> None:
    proxy.answer("HTTP/1.1 301 Moved\nLocation: http://elsewhere/\nContent-Length: 0\n\n")
    with pytest.raises(TransportError, match="301 Moved, but not like a Scenarist server"):
        through.scenarios.create("chain")

    proxy.answer("HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 3\n\n<p>")
    with pytest.raises(TransportError, match="a response that cannot be decoded"):
        through.scenarios.get("x")


def test_a_refusal_carries_its_problem_and_can_be_pickled(client: Client) -> None:
    with pytest.raises(InvalidError) as caught:
        client.sequences.list(name="x", sort="size").count()

    refusal = caught.value
    again = pickle.loads(pickle.dumps(refusal))
    for error in (refusal, again):
        assert isinstance(error, ProblemError)
        assert (error.status, error.code) == (400, "invalid")
        assert str(error) == error.detail
        assert [fault.field for fault in error.errors] == ["sort"]


def test_a_conflict_and_what_is_not_found_are_classes_of_their_own(
    client: Client, scenario: schemas.Scenario
) -> None:
    with pytest.raises(NotFoundError, match="no sequence has the identifier SEQUENCE_nope"):
        client.sequences.get("SEQUENCE_nope")
    with pytest.raises(ConflictError) as conflict:
        client.sequences.create(scenario.id, "half", [])

    assert conflict.value.status == 409


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:5000",
        "ftp://localhost",
        "http://ines:secret@localhost",
        "http://\n",
        "http://[::1",
        "http://a:99999",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ClientError) as refusal:
        Client(url)

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("token", ["", "two\r\nlines: x", "é", " blank"])
def test_a_token_that_could_not_be_sent_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ClientError, match="the token must have printable ASCII characters only"):
        Client("http://localhost", token=token)

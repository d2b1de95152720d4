"""The Python client against a started server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarist import Client, administration
from scenarist.client import ProblemError
from servers import StartedServer
from signed_in import settings_in


@pytest.fixture
def client(server: StartedServer) -> Iterator[Client]:
    with Client(server.address) as opened:
        yield opened


def test_a_sequence_is_created_submitted_and_its_result_read(client: Client) -> None:
    scenario = client.scenarios.create("chain", name="base case", author="ines")
    sequence = client.sequences.create(scenario.id, "both", scenario.tasks)

    submission = client.sequences.submit(sequence.id, wait=30)

    assert scenario.properties == {"author": "ines"}
    assert submission.status == "COMPLETED"
    (end,) = client.data_nodes.list(scenario_id=scenario.id, config_id="end")
    assert client.data_nodes.read(end.id) == 3
    assert [job.status for job in client.jobs.list(submission_id=submission.id)] == [
        "COMPLETED",
        "COMPLETED",
    ]


def test_a_value_is_written_and_read_as_it_was(client: Client) -> None:
    scenario = client.scenarios.create("chain")
    (start,) = client.data_nodes.list(scenario_id=scenario.id, config_id="start")

    client.data_nodes.write(start.id, {"units": [1, 2.5, None]})

    assert client.data_nodes.read(start.id) == {"units": [1, 2.5, None]}


def test_a_list_is_gone_through_page_by_page(client: Client) -> None:
    scenario = client.scenarios.create("chain")
    made = [client.sequences.create(scenario.id, f"s{n}", []).id for n in range(3)]

    listed = [sequence.id for sequence in client.sequences.list(scenario_id=scenario.id)]

    assert listed[-3:] == made


def test_an_idempotency_key_makes_a_repeat_safe(client: Client) -> None:
    scenario = client.scenarios.create("chain")
    sequence = client.sequences.get(scenario.sequences["half"].id)

    first, again = (
        client.sequences.submit(sequence.id, idempotency_key=f"once {scenario.id}")
        for _ in range(2)
    )

    assert first.id == again.id
    assert client.submissions.get(first.id).entity_id == sequence.id


def test_a_refusal_is_raised_in_the_servers_words(client: Client) -> None:
    with pytest.raises(
        ProblemError, match="no sequence has the identifier SEQUENCE_nope"
    ) as caught:
        client.sequences.get("SEQUENCE_nope")

    assert caught.value.problem.status == 404
    assert caught.value.problem.code == "not_found"


def test_a_deleted_sequence_is_gone(client: Client) -> None:
    scenario = client.scenarios.create("chain")
    half = scenario.sequences["half"].id

    client.sequences.delete(half)

    with pytest.raises(ProblemError):
        client.sequences.get(half)


def test_importing_the_client_brings_in_neither_the_server_nor_the_http_library() -> None:
    program = (
        "import sys, scenarist.client; "
        "print(sorted({'httpx', 'sqlalchemy', 'litestar', 'pandas'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_key_is_the_token_of_a_program(tmp_path: Path) -> None:
    _, key = administration.create_key(settings_in(tmp_path), "nightly", ["executor"], days=1)
    with StartedServer(tmp_path, options=["--auth=local"]) as server:
        with Client(server.address, token=key) as known:
            assert list(known.scenarios.list()) == []
        with Client(server.address) as unknown, pytest.raises(ProblemError) as refusal:
            list(unknown.scenarios.list())

    assert refusal.value.problem.status == 401

"""The sixteen checks that a client of the documented system may rely on, on a started server.

Each is something that the released implementation of that system gets wrong.
"""

import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import FreshUrl
from executors.desks import number_in
from servers import PATIENCE_SECONDS, StartedServer

pytestmark = pytest.mark.e2e

API = "/api/v1"


class InTurn(httpx.BaseTransport):
    """Passes each request to the next of some servers, as a proxy before them does."""

    def __init__(self, servers: Sequence[StartedServer]) -> None:
        self._hosts = itertools.cycle(httpx.URL(server.address) for server in servers)
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = next(self._hosts)
        request.url = request.url.copy_with(host=host.host, port=host.port)
        request.headers["host"] = host.netloc.decode()
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture(scope="module", params=[1, 2], ids=["one", "two in turn"])
def server(
    request: pytest.FixtureRequest, fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartedServer]:
    """A server, or one of two that its client asks in turn."""
    folder = tmp_path_factory.mktemp("acceptance")
    with fresh_url() as url, ExitStack() as stack:
        servers = [
            stack.enter_context(StartedServer(folder, database=url)) for _ in range(request.param)
        ]
        if len(servers) > 1:
            servers[0].http.close()
            servers[0].http = httpx.Client(
                base_url=servers[0].address, transport=InTurn(servers), timeout=PATIENCE_SECONDS
            )
        yield servers[0]


def at_once(count: int, ask: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def write(server: StartedServer, node_id: str, value: object) -> None:
    response = server.http.put(f"{API}/datanodes/{node_id}/write", json=value)
    assert response.status_code == 200, response.text


def submit(server: StartedServer, scenario: dict[str, Any]) -> str:
    """Submit the sequence `all` and return the identifier of the only or first job."""
    response = server.http.post(
        f"{API}/sequences/submit/{scenario['sequences']['all']['id']}",
        headers={"Prefer": "return=representation"},
    )
    job_ids: list[str] = response.json()["submission"]["job_ids"]
    return job_ids[0]


def job_when(server: StartedServer, job_id: str, is_right: Callable[[Any], bool]) -> Any:
    """Look at a job until it is as wanted; the timeout of the test is the patience."""
    while not is_right(job := server.http.get(f"{API}/jobs/{job_id}").json()["job"]):
        time.sleep(0.02)
    return job


def test_01_the_documented_curl_line_makes_a_sequence_with_its_tasks(
    server: StartedServer,
) -> None:
    scenario = server.create("chain")
    tasks = list(scenario["task_of"].values())
    data = json.dumps({"scenario_id": scenario["id"], "sequence_name": "sequence", "tasks": tasks})

    done = subprocess.run(
        ["curl", "-s", "-X", "POST", "--data", data, f"{server.address}{API}/sequences"],
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout)["sequence"]["tasks"] == tasks


@pytest.mark.parametrize("key", ["tasks", "task_ids"])
def test_02_tasks_and_task_ids_are_both_taken(server: StartedServer, key: str) -> None:
    scenario = server.create("chain")
    tasks = [scenario["task_of"]["first"]]

    response = server.http.post(
        f"{API}/sequences",
        json={"scenario_id": scenario["id"], "sequence_name": "named", key: tasks},
    )

    assert response.status_code == 201
    assert response.json()["sequence"]["tasks"] == tasks


def test_03_every_unknown_identifier_is_404_with_a_problem(server: StartedServer) -> None:
    paths = server.http.get("/schema/openapi.json").json()["paths"]
    asked = 0
    for path, operations in paths.items():
        if "{" not in path:
            continue
        filled = "".join(
            part if "{" not in part else "NOBODY_00000000" + part.partition("}")[2]
            for part in path.replace("/{", "/\0{").split("\0")
        )
        for method, operation in operations.items():
            if method not in {"get", "delete", "post", "put", "patch"}:
                continue
            if operation["x-role"] == "TAIPY_ADMIN":
                continue  # 409 while authorization is off; see tests/api/test_authorization_grid.py
            body = {"get": None, "delete": None}.get(method, b"{}")
            if "subscribers" in path and method == "post":
                body = b'{"url": "https://example.com/hook"}'
            response = server.http.request(method, filled, content=body)
            assert response.status_code == 404, (method, path, response.text)
            assert response.headers["content-type"].startswith("application/problem+json")
            assert response.json()["message"], operation["summary"]
            asked += 1
    assert asked > 20


class TestConflictsAre409:
    def test_04_a_name_that_the_scenario_has_already(self, server: StartedServer) -> None:
        scenario = server.create("chain")
        body = {"scenario_id": scenario["id"], "sequence_name": "half", "tasks": []}

        assert server.http.post(f"{API}/sequences", json=body).status_code == 409

    def test_04_what_is_still_referenced(self, server: StartedServer) -> None:
        scenario = server.create("chain")

        for kind, id in (
            ("tasks", scenario["task_of"]["first"]),
            ("datanodes", scenario["node_of"]["middle"]),
        ):
            response = server.http.delete(f"{API}/{kind}/{id}")
            assert response.status_code == 409, response.text

    def test_04_what_is_under_way(self, server: StartedServer) -> None:
        scenario = server.create("endless")
        job_id = submit(server, scenario)

        for kind, id in (
            ("jobs", job_id),
            ("sequences", scenario["sequences"]["all"]["id"]),
            ("scenarios", scenario["id"]),
        ):
            response = server.http.delete(f"{API}/{kind}/{id}")
            assert response.status_code == 409, response.text
        server.http.post(f"{API}/jobs/cancel/{job_id}")

    def test_04_a_primary_scenario_with_others_in_its_cycle(self, server: StartedServer) -> None:
        date = {"config_id": "sharing", "creation_date": "1999-05-05T00:00:00Z"}
        first, _ = (server.http.post(f"{API}/scenarios", json=date).json() for _ in range(2))

        response = server.http.delete(f"{API}/scenarios/{first['scenario']['id']}")

        assert response.status_code == 409, response.text

    def test_04_a_job_that_has_ended_cannot_be_cancelled(self, server: StartedServer) -> None:
        scenario = server.create("chain")
        submission = server.submit(scenario["sequences"]["half"]["id"])

        response = server.http.post(f"{API}/jobs/cancel/{submission['job_ids'][0]}")

        assert response.status_code == 409


def test_05_deleting_never_makes_a_list_fail(server: StartedServer) -> None:
    scenario = server.create("chain")
    other = server.create("chain")
    server.submit(scenario["sequences"]["all of it"]["id"])
    server.submit(other["sequences"]["half"]["id"])

    for path in (
        f"sequences/{other['sequences']['half']['id']}",
        f"scenarios/{scenario['id']}",
    ):
        assert server.http.delete(f"{API}/{path}").status_code == 200
        for every in (
            "cycles",
            "scenarios",
            "sequences",
            "tasks",
            "datanodes",
            "jobs",
            "submissions",
        ):
            response = server.http.get(f"{API}/{every}")
            assert response.status_code == 200
            assert scenario["id"] not in response.text or "scenarios" not in path
    assert server.http.get(f"{API}/tasks/{scenario['task_of']['first']}").status_code == 404


def test_06_twelve_sequences_at_once_are_twelve(server: StartedServer) -> None:
    scenario = server.create("chain")

    responses = at_once(
        12,
        lambda number: server.http.post(
            f"{API}/sequences",
            json={"scenario_id": scenario["id"], "sequence_name": f"s{number}", "tasks": []},
        ),
    )

    assert [response.status_code for response in responses] == [201] * 12
    listed = server.http.get(f"{API}/sequences?scenario_id={scenario['id']}").json()["results"]
    assert {f"s{number}" for number in range(12)} <= {item["name"] for item in listed}


def test_07_six_scenarios_at_once_share_one_cycle_one_primary_and_one_global_node(
    server: StartedServer,
) -> None:
    responses = at_once(6, lambda _: server.http.post(f"{API}/scenarios?config_id=quarters"))

    scenarios = [response.json()["scenario"] for response in responses]
    assert len({scenario["cycle"] for scenario in scenarios}) == 1
    listed = server.http.get(f"{API}/scenarios?config_id=quarters").json()["results"]
    assert sum(scenario["primary_scenario"] for scenario in listed) == 1
    nodes = server.http.get(f"{API}/datanodes?config_id=everywhere").json()["results"]
    assert len(nodes) == 1


def test_08_cancelling_a_running_job_stops_its_process(
    server: StartedServer, tmp_path: Path
) -> None:
    scenario = server.create("telling")
    sign = tmp_path / "process"
    write(server, scenario["node_of"]["gate"], str(sign))
    job_id = submit(server, scenario)
    process_id = number_in(sign)

    response = server.http.post(f"{API}/jobs/cancel/{job_id}")

    assert response.status_code == 204
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)
    assert server.http.get(f"{API}/jobs/{job_id}").json()["job"]["status"] == "CANCELED"


def test_09_a_killed_worker_takes_no_other_job_along(server: StartedServer, tmp_path: Path) -> None:
    scenario = server.create("telling")
    sign = tmp_path / "process"
    write(server, scenario["node_of"]["gate"], str(sign))
    job_id = submit(server, scenario)

    os.kill(number_in(sign), signal.SIGKILL)
    job_when(server, job_id, lambda job: job["attempts"] == 2)
    Path(f"{sign}.go").touch()

    assert job_when(server, job_id, lambda job: job["finished_at"])["status"] == "COMPLETED"
    chain = server.create("chain")
    assert server.submit(chain["sequences"]["half"]["id"])["status"] == "COMPLETED"


def test_10_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        running, waiting = server.create("telling"), server.create("chain")
        sign = tmp_path / "process"
        write(server, running["node_of"]["gate"], str(sign))
        running_id = submit(server, running)
        number_in(sign)
        queued = server.http.post(
            f"{API}/sequences/submit/{waiting['sequences']['half']['id']}"
        ).headers["location"]
        server.kill()

        server.start()
        Path(f"{sign}.go").touch()

        job = job_when(server, running_id, lambda job: job["finished_at"])
        assert job["status"] == "COMPLETED"
        while server.http.get(queued).json()["submission"]["status"] != "COMPLETED":
            time.sleep(0.02)


def test_11_writing_a_missing_input_wakes_the_job_that_waits_for_it(
    server: StartedServer, tmp_path: Path
) -> None:
    scenario = server.create("counting")
    job_id = submit(server, scenario)
    missing = scenario["node_of"]["counter"]
    job = server.http.get(f"{API}/jobs/{job_id}").json()["job"]
    assert (job["status"], job["waiting_for"]) == ("BLOCKED", [missing])

    write(server, missing, str(tmp_path / "count"))

    assert job_when(server, job_id, lambda job: job["finished_at"])["status"] == "COMPLETED"


def test_12_the_sibling_of_a_failed_job_runs(server: StartedServer) -> None:
    scenario = server.create("fan")

    submission = server.submit(scenario["sequences"]["all"]["id"])

    statuses = {job["task_id"]: job["status"] for job in server.jobs(submission)}
    assert statuses == {
        scenario["task_of"]["source"]: "COMPLETED",
        scenario["task_of"]["spoils"]: "FAILED",
        scenario["task_of"]["sibling"]: "COMPLETED",
    }


def test_13_numbers_that_json_lacks_go_out_as_null(server: StartedServer) -> None:
    scenario = server.create("nans")
    server.submit(scenario["sequences"]["all"]["id"])

    response = server.http.get(f"{API}/datanodes/{scenario['node_of']['middle']}/read")

    assert response.text == '{"data":{"nan":null,"infinity":null,"one":1.0}}'


def test_13_a_missing_cell_of_a_table_goes_out_as_null(server: StartedServer) -> None:
    scenario = server.create("tables")
    node = scenario["node_of"]["table"]
    write(server, node, [{"a": 1.5, "b": None}, {"a": None, "b": 2.5}])

    text = server.http.get(f"{API}/datanodes/{node}/read").text

    assert text == '{"data":[{"a":1.5,"b":null},{"a":null,"b":2.5}]}'


@pytest.mark.parametrize("by", ["query", "body"])
def test_14_two_conditions_with_or_are_a_union(server: StartedServer, by: str) -> None:
    scenario = server.create("tables")
    node = scenario["node_of"]["table"]
    write(server, node, [{"n": number} for number in range(5)])
    path = f"{API}/datanodes/{node}/read"

    if by == "query":
        query = "where=n:EQUAL:0&where=n:GREATER_THAN:3&join_operator=OR"
        response = server.http.get(f"{path}?{query}")
    else:
        body = {
            "operators": [
                {"key": "n", "operator": "EQUAL", "value": 0},
                {"key": "n", "operator": "GREATER_THAN", "value": 3},
            ],
            "join_operator": "OR",
        }
        response = server.http.request("GET", path, json=body)

    assert response.json() == {"data": [{"n": 0}, {"n": 4}]}


def test_15_a_quarterly_cycle_spans_three_months(server: StartedServer) -> None:
    made = server.http.post(
        f"{API}/cycles", json={"frequency": "QUARTERLY", "creation_date": "2026-11-23T10:00:00Z"}
    )

    cycle = made.json()["cycle"]
    start, end = (datetime.fromisoformat(cycle[name]) for name in ("start_date", "end_date"))
    assert start == datetime.fromisoformat("2026-10-01T00:00:00Z")
    assert end == datetime.fromisoformat("2026-12-31T23:59:59.999999Z")
    again = server.http.post(
        f"{API}/cycles", json={"frequency": "QUARTERLY", "creation_date": "2026-10-02T10:00:00Z"}
    )
    assert again.json()["cycle"]["id"] == cycle["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("cycles", {"frequency": "DAILY", "id": "../../x"}),
        ("scenarios", {"config_id": "chain", "id": "../../x"}),
        ("sequences", {"scenario_id": "x", "sequence_name": "y", "tasks": [], "id": "../../x"}),
    ],
)
def test_16_a_client_chooses_no_identifier(
    server: StartedServer, path: str, body: dict[str, Any]
) -> None:
    response = server.http.post(f"{API}/{path}", json=body)

    assert response.status_code == 400
    assert "id" in response.json()["message"]
    assert not (server.folder / "x").exists()

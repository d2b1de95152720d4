"""Values on a storage that servers and workers of any machine share."""

import csv
import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from external_servers import BUCKET, ObjectStore
from servers import StartedServer

pytestmark = pytest.mark.e2e

NODES = "/api/v1/datanodes"
KINDS = {"pillars": "parquets", "rows": "csvs", "loose": "pickles", "listed": "jsons"}


@pytest.fixture(
    params=[
        "local",
        pytest.param("dask", marks=pytest.mark.dask),
        pytest.param("ray", marks=pytest.mark.ray),
    ]
)
def executor(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("ray_environment")
    return str(request.param)


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    """An object store of the test's own, which it may stop."""
    opened = ObjectStore()
    yield opened
    opened.stop()


def started(folder: Path, store: ObjectStore, executor: str = "local") -> StartedServer:
    return StartedServer(
        folder,
        "pool.py",
        [f"--executor={executor}"],
        store.environment,
        storage=f"s3://{BUCKET}/{folder.name}/",
    )


def submit(server: StartedServer, scenario: dict[str, Any]) -> list[dict[str, Any]]:
    """Submit a scenario and wait; return its jobs."""
    answer = server.http.post(
        f"/api/v1/scenarios/submit/{scenario['id']}", headers={"Prefer": "wait=30"}
    )
    found = server.http.get(answer.headers["location"]).json()["submission"]
    return server.jobs(found)


def keys_of(store: ObjectStore, folder: Path) -> list[str]:
    with store.client("s3") as s3:
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder.name}/").get("Contents", [])
    return [item["Key"].removeprefix(f"{folder.name}/") for item in found]


def test_values_of_every_kind_lie_in_the_bucket_and_are_read_from_there(
    executor: str, tmp_path: Path, store: ObjectStore
) -> None:
    with started(tmp_path, store, executor) as server:
        scenario = server.create("pool")
        node_of = scenario["node_of"]

        jobs = submit(server, scenario)

        assert [(job["status"], job["reason"]) for job in jobs] == [("COMPLETED", None)] * 4
        folders = [f"{kind}/{node_of[name]}" for name, kind in KINDS.items()]
        assert sorted(key.rpartition("/")[0] for key in keys_of(store, tmp_path)) == sorted(folders)
        assert not (tmp_path / "data").exists()
        file_of = {
            name: server.http.get(f"{NODES}/{node_of[name]}/download").content for name in KINDS
        }
        found = server.http.get(f"{NODES}/{node_of['rows']}/read", params={"limit": 2}).json()
        assert found["data"] == [
            {"number": 0, "text": "some text"},
            {"number": 1, "text": "some text"},
        ]
        whole = server.http.get(f"{NODES}/{node_of['listed']}/read").json()["data"]
        assert whole == list(range(50_000))
        assert server.stop() == 0
    assert json.loads(file_of["listed"]) == list(range(50_000))
    assert len(list(csv.reader(io.StringIO(file_of["rows"].decode())))) == 50_001
    assert pickle.loads(file_of["loose"]).equals(pd.read_parquet(io.BytesIO(file_of["pillars"])))


def test_values_that_come_over_rest_lie_in_the_bucket_and_go_with_their_data_node(
    tmp_path: Path, store: ObjectStore
) -> None:
    lines = "number\n" + "\n".join(map(str, range(20_000))) + "\n"
    with started(tmp_path, store) as server:
        scenario = server.create("pool")
        rows, listed = scenario["node_of"]["rows"], scenario["node_of"]["listed"]

        uploaded = server.http.post(f"{NODES}/{rows}/upload", content=lines)
        appended = server.http.post(f"{NODES}/{rows}/append", content='[{"number": -1}]')
        written = server.http.put(f"{NODES}/{listed}/write", content=json.dumps([0] * 70_000))

        statuses = [answer.status_code for answer in (uploaded, appended, written)]
        assert statuses == [200, 200, 200]
        assert len(keys_of(store, tmp_path)) == 3
        again = server.http.get(f"{NODES}/{rows}/download").text
        assert again == f"{lines}-1\n"
        assert server.http.delete(f"/api/v1/scenarios/{scenario['id']}").status_code == 200
        assert keys_of(store, tmp_path) == []


def test_a_storage_that_goes_away_is_told_and_used_again_when_it_is_back(
    tmp_path: Path, store: ObjectStore
) -> None:
    with started(tmp_path, store) as server:
        scenario = server.create("pool")
        rows = scenario["node_of"]["rows"]
        submit(server, scenario)

        store.stop()
        read = server.http.get(f"{NODES}/{rows}/read", params={"limit": 1})
        downloaded = server.http.get(f"{NODES}/{rows}/download")
        written = server.http.put(f"{NODES}/{rows}/write", content='[{"number": 1}]')
        jobs = submit(server, scenario)
        store.start_again()
        later = submit(server, scenario)

        for answer in (read, downloaded):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert f"s3://{BUCKET}/{tmp_path.name}/csvs/{rows}/" in answer.json()["detail"]
            assert store.environment["AWS_SECRET_ACCESS_KEY"] not in answer.text
        assert written.status_code == 200, "a small value lies in its record"
        assert [job["status"] for job in jobs] == ["FAILED", *["ABANDONED"] * 3]
        assert (
            f"could not be written to s3://{BUCKET}/{tmp_path.name}/parquets/" in jobs[0]["reason"]
        )
        assert [job["status"] for job in later] == ["COMPLETED"] * 4

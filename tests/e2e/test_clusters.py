"""A server whose cluster goes away loses nothing: jobs wait, and run when it is there again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import distributed
import pytest

from executors.desks import number_in
from servers import PATIENCE_SECONDS, StartedServer

pytestmark = pytest.mark.e2e

BIN = Path(sys.executable).parent
ENGINES = [
    pytest.param("dask", marks=pytest.mark.dask),
    pytest.param("ray", marks=pytest.mark.ray),
]


class StartedCluster:
    """Processes that make up a cluster of an engine at a fixed address of the loopback."""

    def __init__(self, engine: str, commands: Sequence[Sequence[str]], address: str) -> None:
        self.engine = engine
        self._commands = commands
        self.address = address
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        self._processes = [
            subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            for command in self._commands
        ]
        host, port = self.address.rsplit("/", 1)[-1].split(":")
        wait_until(lambda: can_connect(host, int(port)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End all of its processes, and what they started."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()


def can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started_dask() -> Iterator[StartedCluster]:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [*(f"{BIN}/dask", "scheduler", "--host=127.0.0.1"), f"--port={port}"]
    # Without a nanny, which would outlive a kill of its own.
    worker = [*(f"{BIN}/dask", "worker", address, "--no-nanny", "--nthreads=2")]
    options = ["--no-dashboard"]
    with StartedCluster("dask", [scheduler + options, worker + options], address) as cluster:
        yield cluster


@contextmanager
def started_ray() -> Iterator[StartedCluster]:
    port = free_port()
    head = [*(f"{BIN}/ray", "start", "--head", "--block", f"--port={port}", "--num-cpus=2")]
    options = ["--node-ip-address=127.0.0.1", "--include-dashboard=false", "--disable-usage-stats"]
    with StartedCluster("ray", [head + options], f"127.0.0.1:{port}") as cluster:
        yield cluster


@pytest.fixture(params=ENGINES)
def cluster(request: pytest.FixtureRequest, ray_environment: None) -> Iterator[StartedCluster]:
    with started_dask() if request.param == "dask" else started_ray() as cluster:
        yield cluster


def test_jobs_of_a_cluster_that_is_killed_run_when_it_is_there_again(
    cluster: StartedCluster, tmp_path: Path
) -> None:
    options = [f"--executor={cluster.engine}", f"--executor-address={cluster.address}"]
    note = tmp_path / "process"
    with StartedServer(tmp_path, options=options) as server:
        scenario = server.create("telling")
        gate = scenario["node_of"]["gate"]
        server.http.put(f"/api/v1/datanodes/{gate}/write", json=str(note))
        submitted = server.http.post(
            f"/api/v1/sequences/submit/{scenario['sequences']['all']['id']}"
        ).headers["location"]
        number_in(note)

        cluster.kill()
        wait_until(lambda: server.http.get("/readyz").status_code == 503)
        wait_until(lambda: status_of(server, submitted) == "PENDING")
        said = server.http.get("/readyz").json()["detail"]
        Path(f"{note}.go").touch()
        cluster.start()

        wait_until(lambda: status_of(server, submitted) == "COMPLETED")
        submission = server.http.get(submitted).json()["submission"]
        assert [job["attempts"] for job in server.jobs(submission)] == [2]
        name = f"the {cluster.engine.capitalize()} cluster at {cluster.address}"
        assert f"{name} does not answer; jobs wait for it" in said
        assert server.http.get("/readyz").status_code == 200
        assert server.stop() == 0


@pytest.mark.dask
def test_a_scheduler_of_dask_keeps_nothing_of_what_jobs_say(tmp_path: Path) -> None:
    with ExitStack() as stack:
        cluster = stack.enter_context(started_dask())
        options = ["--executor=dask", f"--executor-address={cluster.address}"]
        server = stack.enter_context(StartedServer(tmp_path, options=options))
        client = stack.enter_context(distributed.Client(cluster.address, set_as_default=False))

        ended = server.submit(server.create("speaking")["sequences"]["all"]["id"])
        kept = client.get_events()

    assert ended["status"] == "COMPLETED"
    assert not [topic for topic in kept if topic.startswith("Client-scenarist-")]


def status_of(server: StartedServer, submission: str) -> str:
    return str(server.http.get(submission).json()["submission"]["status"])


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_server_whose_cluster_is_not_there_says_so_in_one_line(
    engine: str, tmp_path: Path
) -> None:
    app = str(Path(__file__).parents[1] / "apps" / "workshop.py")

    done = subprocess.run(
        [
            *(sys.executable, "-m", "scenarist", "serve", app, "--port=0"),
            *(f"--executor={engine}", "--executor-address=127.0.0.1:1"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"scenarist: the {engine.capitalize()} cluster at 127.0.0.1:1 ")
    assert done.stderr.count("\n") == 1, done.stderr

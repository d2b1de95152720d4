"""What only a cluster can show: lost workers and clusters, resources, what travels with a job."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from executors.desks import Desk, Relay, number_in
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.lifecycle import JobEvent
from scenarist.domain.resources import Resources
from scenarist.executors.cluster import executor
from scenarist.executors.cluster.executor import ClusterExecutor
from scenarist.executors.environments import add_variables
from scenarist.executors.messages import EngineName
from scenarist.storage.base import ValueLocation, WriteTarget

ENGINES = [
    pytest.param("dask", marks=pytest.mark.dask),
    pytest.param("ray", marks=pytest.mark.ray),
]


@pytest.fixture(params=ENGINES)
def cluster(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(size=2)
    relay: Relay = request.getfixturevalue(f"{request.param}_relay")
    with relay.serving(desk):
        yield desk


def executor_of(desk: Desk) -> ClusterExecutor:
    assert isinstance(desk.executor, ClusterExecutor)
    return desk.executor


def in_memory(name: str) -> WriteTarget:
    return WriteTarget(data_node_id=name, edit_id=name, storage_type="in_memory", folder="")


def secret_place(variable: str) -> ValueLocation:
    return ValueLocation(
        storage_type="generic",
        properties={"read_fct": "pipelines:same", "read_fct_args": [f"ENV[{variable}]"]},
    )


def test_a_worker_of_the_cluster_that_is_killed_takes_only_its_own_job_along(
    cluster: Desk, tmp_path: Path
) -> None:
    cluster.executor.submit([cluster.request("tell_parent", str(tmp_path / "parent"))])

    os.kill(number_in(tmp_path / "parent"), signal.SIGKILL)

    assert cluster.next().event == JobEvent.WORKER_LOST
    assert cluster.run("one").event == JobEvent.SUCCEEDED


def test_a_cluster_that_is_full_has_no_free_slots(cluster: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    cluster.executor.submit([cluster.request("wait_for_file", str(gate)) for _ in range(70)])

    free = cluster.executor.free_slots

    gate.touch()
    assert free <= 64
    assert [cluster.next().event for _ in range(70)] == [JobEvent.SUCCEEDED] * 70


def test_a_job_takes_the_cpus_that_its_task_asks_for(cluster: Desk, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wide = cluster.request("wait_for_file", str(gate), cpus=2)
    next_one = cluster.request("nothing", cpus=2)

    cluster.executor.submit([wide, next_one])
    gate.touch()

    assert [cluster.next().number for _ in range(2)] == [wide.number, next_one.number]


def test_what_no_machine_of_the_cluster_has_is_told(cluster: Desk) -> None:
    lacks = cluster.executor.find_missing

    assert [lacks(Resources()), lacks(Resources(cpus=2))] == [None, None]
    assert [lacks(Resources(cpus=64)), lacks(Resources(gpus=1))] == ["64 cpus", "1 gpu"]
    assert cluster.run("one").event == JobEvent.SUCCEEDED


def test_a_large_value_that_the_database_keeps_comes_back_whole(cluster: Desk) -> None:
    outcome = cluster.run("same", "x" * 300_000, outputs=[in_memory("large")])

    assert [len(item.content or b"") > 300_000 for item in outcome.written] == [True]


def test_a_job_has_the_variables_that_its_own_values_refer_to_and_leaves_none_behind(
    cluster: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCENARIST_DATANODE_TEST_KEY", "open sesame")
    monkeypatch.setenv("SCENARIST_DATANODE_OTHER_KEY", "nothing to do with it")

    told = cluster.run(
        "same", places=[secret_place("SCENARIST_DATANODE_TEST_KEY")], outputs=[in_memory("told")]
    )
    others = [
        cluster.run("variable", f"SCENARIST_DATANODE_{name}_KEY", outputs=[in_memory(name)])
        for name in ("TEST", "OTHER")
    ]

    assert [item.rendition for item in told.written] == ['"open sesame"']
    assert [item.rendition for other in others for item in other.written] == ["null", "null"]


def test_a_request_with_variables_does_not_show_them(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(size=1)
    request = desk.request("same", places=[secret_place("TEST_KEY")])

    shown = repr(add_variables(request, {"TEST_KEY": "open sesame"}))

    assert "open sesame" not in shown


def test_jobs_of_a_cluster_that_is_lost_are_handed_back_and_later_ones_run_on_the_next(
    cluster: Desk, tmp_path: Path
) -> None:
    """The cluster is of this machine, and goes with the process that is killed."""
    lost = cluster.request("tell_process", str(tmp_path / "process"))
    cluster.executor.submit([lost])
    number_in(tmp_path / "process")
    link = executor_of(cluster)._process
    assert link is not None

    link._process.kill()

    outcome = cluster.next()
    assert (outcome.number, outcome.event) == (lost.number, JobEvent.HANDED_BACK)
    assert cluster.executor.free_slots == 0
    assert "does not answer" in (cluster.executor.fault or "")
    assert cluster.run("one").event == JobEvent.SUCCEEDED
    assert cluster.executor.fault is None


def test_what_waits_for_a_lost_cluster_can_be_cancelled(cluster: Desk) -> None:
    link = executor_of(cluster)._process
    assert link is not None
    first = cluster.request("sleep_long")
    cluster.executor.submit([first])
    link._process.kill()
    assert cluster.next().event == JobEvent.HANDED_BACK
    waiting = cluster.request("one")
    cluster.executor.submit([waiting])

    assert cluster.executor.cancel(waiting.number)

    outcome = cluster.next()
    assert (outcome.number, outcome.event) == (waiting.number, JobEvent.CANCEL_REQUESTED)
    assert cluster.run("one").event == JobEvent.SUCCEEDED


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cluster_that_does_not_answer_is_refused_with_its_address(engine: EngineName) -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 cannot be used: .*refused"):
        ClusterExecutor(lambda _: None, engine=engine, address="127.0.0.1:1", size=1)


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_an_engine_that_is_not_installed_is_refused_with_its_extra(
    engine: EngineName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "find_spec", lambda _: None)

    with pytest.raises(InvalidError, match=rf"pip install 'scenarist\[{engine}\]'"):
        ClusterExecutor(lambda _: None, engine=engine, size=1)


def test_the_server_imports_no_library_of_an_engine() -> None:
    code = (
        "import sys, scenarist.server.composition; "
        "print({'ray', 'dask', 'distributed', 'cloudpickle'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )

    assert done.stdout == "set()\n"

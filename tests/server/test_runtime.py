"""What workers import before their first job."""

import subprocess
import sys

import pytest

from scenarist.config import Application, ConfigRegistry
from scenarist.server.runtime import find_worker_modules

WRITE_AND_READ = """
import importlib, sys
from scenarist.executors.isolation.namespaces import load_modules
from scenarist.executors.isolation.worker_snapshot import WorkerSnapshot
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.registry import find_storage
load_modules()
storage_type, *modules = sys.argv[1:]
for module in modules:
    importlib.import_module(module)
snapshot = WorkerSnapshot()
storage = find_storage(storage_type)
target = WriteTarget(
    data_node_id="DATANODE_a_1", edit_id="1", storage_type=storage_type, folder="unused"
)
written = storage.write([{"a": 1, "b": "x"}], target)
storage.read(ValueLocation(storage_type=storage_type, content=written.content))
print(snapshot.restore())
"""


@pytest.mark.parametrize("storage_type", ["csv", "excel", "json", "parquet", "pickle"])
def test_job_that_writes_and_reads_a_value_does_not_cost_a_worker(storage_type: str) -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("a", storage_type=storage_type)
    modules = find_worker_modules(Application(registry, ()))

    done = subprocess.run(
        [sys.executable, "-c", WRITE_AND_READ, storage_type, *modules],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "None\n"

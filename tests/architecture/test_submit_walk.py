"""The walk of one submit: the files that really run are those of docs/architecture.md, and few.

Run with `-s` to see them all, by thread.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from servers import StartedServer

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
SERVER_FILES = 81
"""At most so many files of the source run in the server for a warm submit and its two jobs."""

# What the page names for other servers, entities or databases, or as having run before.
NOT_IN_THIS_WALK = {
    "api/app.py",  # at the start
    "api/bodies.py",  # the submit of the test has no body
    "api/routes/scenarios.py",
    "api/routes/tasks.py",
    "db/dialects/postgresql.py",
    "db/jobs/abandon.py",  # no job fails
    "domain/planning.py",  # the plan is cached
    "executors/local/template.py",  # forks workers, and runs no job
    "services/authentication.py",  # authorization is off
}
# Run by threads that do something at intervals, whether anything is submitted or not.
NOW_AND_THEN = {"db/leases.py"}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The files that a warm submit runs, by thread of the server, and in a worker."""
    folder = tmp_path_factory.mktemp("walk")
    files: defaultdict[str, set[str]] = defaultdict(set)
    with StartedServer(folder, "walked.py") as server:
        sequence_id = server.create("chain")["sequences"]["all"]["id"]
        for _ in range(4):
            assert server.submit(sequence_id)["status"] == "COMPLETED"
        (folder / "recording").touch()
        for _ in range(2):  # a worker restores its state after it has returned an outcome
            assert server.submit(sequence_id)["status"] == "COMPLETED"
        (folder / "recording").unlink()
        for record in folder.glob("executed-*"):
            is_server = record.name == f"executed-{server.process.pid}"
            for line in record.read_text().splitlines():
                thread, name = line.split(":")
                files[thread if is_server else "worker"].add(name)
    return files


def files_of_the_page() -> set[str]:
    text = PAGE.read_text()
    walk = text[text.index("## The walk of one submit") : text.index("## Where things are")]
    rows = [line for line in walk.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([a-z_/0-9]+\.py)`", row)}


def test_the_server_runs_few_files(executed: dict[str, set[str]]) -> None:
    threads = ("MainThread", "request", "orchestrator", "local-executor")
    for thread, names in executed.items():
        print(f"\n{thread}: {len(names)}", *sorted(names), sep="\n    ")
    files = set().union(*(executed[thread] for thread in threads)) - NOW_AND_THEN
    print(f"\nin the server: {len(files)}; in a worker: {len(executed['worker'])}")

    assert len(files) <= SERVER_FILES


def test_every_file_of_the_walk_runs(executed: dict[str, set[str]]) -> None:
    in_server = set().union(*(names for place, names in executed.items() if place != "worker"))

    assert files_of_the_page() - in_server - executed["worker"] - NOT_IN_THIS_WALK == set()
    assert NOT_IN_THIS_WALK & in_server == set()

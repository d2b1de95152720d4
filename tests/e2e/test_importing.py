"""Three months of an application that ran on Taipy go on here; and imports that are killed."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from scenarist.db import importing as importing_rows
from scenarist.db.engine import Database
from scenarist.services import importing
from scenarist.services.importing import ImportService
from servers import TESTS, StartedServer
from taipy_environment import needs_taipy, run_with_taipy
from taipy_folders import TaipyFolder
from taipy_imports import Import, added

pytestmark = pytest.mark.e2e

MONTHS = TESTS / "apps" / "months.py"
ON_TAIPY = TESTS / "apps" / "months_on_taipy.py"
_context = multiprocessing.get_context("forkserver")


@dataclass
class Months:
    """The folder in which the months were run on Taipy, and what Taipy says of them."""

    folder: Path
    told: dict[str, Any]
    printed: str
    server: StartedServer

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.server.http.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def values_of(self, scenario_id: str) -> dict[str, Any]:
        """Return the values of a scenario that there are, by config."""
        return {
            node["config_id"]: self.get(f"/datanodes/{node['id']}/read")["data"]
            for node in self.get("/datanodes", scenario_id=scenario_id)["results"]
            if node["last_edit_date"] is not None
        }


def run_months(folder: Path, *arguments: str) -> dict[str, Any]:
    text = MONTHS.read_text().replace("from scenarist import", "from taipy import")
    (folder / "months.py").write_text(text)
    (folder / "history.csv").write_text("month,sales\n1,10\n2,20.5\n")
    shutil.copy(ON_TAIPY, folder)
    told: dict[str, Any] = run_with_taipy(folder / ON_TAIPY.name, *arguments, folder=folder)
    return told


def import_months(folder: Path, database: str, *options: str) -> str:
    """Import the folder with the command; return what it prints."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "scenarist", "import", "taipy", ".", f"--app={MONTHS}"),
            *(f"--database={database}", f"--storage={folder}/data", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Months]:
    folder = tmp_path_factory.mktemp("months")
    told = run_months(folder, "1.0", "1", "4", "failing")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with StartedServer(folder, str(MONTHS)) as server:
            printed = import_months(folder, server.database)
            yield Months(folder, told, printed, server)


@needs_taipy
def test_the_command_tells_what_it_has_imported_beside_a_running_server(months: Months) -> None:
    assert months.printed == (
        "Imported version 1.0, written by Taipy 4.1.1:\n"
        "  3 cycles\n"
        "  7 scenarios\n"
        "  7 sequences\n"
        "  15 tasks\n"
        "  51 data nodes\n"
        "  7 submissions\n"
        "  12 jobs\n"
        "  51 edits\n"
    )


@needs_taipy
def test_scenarios_are_as_taipy_tells(months: Months) -> None:
    cycles = {cycle["id"]: cycle["name"] for cycle in months.get("/cycles")["results"]}
    tasks = {task["id"]: task["config_id"] for task in months.get("/tasks")["results"]}
    found = {
        scenario["id"]: {
            "id": scenario["id"],
            "name": scenario["name"],
            "tags": scenario["tags"],
            "is_primary": scenario["primary_scenario"],
            "cycle": cycles.get(scenario["cycle"]),
            "note": scenario["properties"].get("note"),
            "sequences": {
                name: [tasks[task] for task in sequence["tasks"]]
                for name, sequence in scenario["sequences"].items()
            },
        }
        for scenario in months.get("/scenarios")["results"]
    }

    told = {
        scenario["id"]: {
            key: item
            for key, item in scenario.items()
            if key not in {"data_nodes", "creation_date"}
        }
        for scenario in months.told["scenarios"]
    }
    assert found == told


@needs_taipy
def test_values_are_as_taipy_reads_them_with_the_dates_of_their_edits(months: Months) -> None:
    for scenario in months.told["scenarios"]:
        nodes = months.get("/datanodes", scenario_id=scenario["id"])["results"]
        dates = {
            node["config_id"]: node["last_edit_date"] and to_naive(node["last_edit_date"])
            for node in nodes
        }
        values = months.values_of(scenario["id"])
        for config_id, told in scenario["data_nodes"].items():
            assert values[config_id] == told["value"], config_id
            assert dates[config_id] == told["last_edit_date"], config_id


@needs_taipy
def test_jobs_and_submissions_are_as_taipy_tells(months: Months) -> None:
    jobs = {
        job["id"]: [job["status"], to_naive(job["creation_date"])]
        for job in months.get("/jobs")["results"]
    }
    submissions = {
        submission["id"]: submission["status"]
        for submission in months.get("/submissions")["results"]
    }

    assert jobs == months.told["jobs"]
    assert submissions == months.told["submissions"]


@needs_taipy
def test_what_is_submitted_again_gives_the_same_and_skips_what_taipy_would(
    months: Months,
) -> None:
    scenario = next(item for item in months.get("/scenarios")["results"] if item["name"] == "1-0")
    before = months.values_of(scenario["id"])

    answer = months.server.http.post(
        f"/api/v1/scenarios/submit/{scenario['id']}",
        headers={"Prefer": "wait=30, return=representation"},
    )

    assert answer.json()["submission"]["job_counts"] == {"SKIPPED": 1, "COMPLETED": 1}
    assert months.values_of(scenario["id"]) == before


@needs_taipy
def test_the_next_month_continues(months: Months) -> None:
    made = months.server.http.post(
        "/api/v1/scenarios", json={"config_id": "month", "creation_date": "2024-04-10T09:30:00Z"}
    ).json()["scenario"]
    ended = months.server.http.post(
        f"/api/v1/scenarios/submit/{made['id']}",
        headers={"Prefer": "wait=30, return=representation"},
    ).json()["submission"]

    assert ended["status"] == "COMPLETED"
    assert made["primary_scenario"] is True
    history = {node["id"] for node in months.get("/datanodes", config_id="history")["results"]}
    assert len(history) == 1
    assert months.values_of(made["id"])["total"] == {
        "total": pytest.approx(30.5 * 1.1 * 1.5 * 6),
        "on": "2024-01-31",
    }
    in_march = months.server.http.post(
        "/api/v1/scenarios", json={"config_id": "month", "creation_date": "2024-03-20T00:00:00Z"}
    ).json()["scenario"]
    cycles = {item["id"]: item["name"] for item in months.get("/cycles")["results"]}
    assert (cycles[in_march["cycle"]], in_march["primary_scenario"]) == ("March 2024", False)


def to_naive(text: str) -> str:
    """Return a date as Taipy writes it: that of the machine, which is in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=None).isoformat()


def die(*arguments: object, **named: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def import_and_die(point: str, root: Path, url: str) -> None:
    """Run an import in this process, and kill the process at a point of it."""
    stores = iter([ImportService._store, die])

    def store_once(*arguments: Any) -> Any:
        return next(stores)(*arguments)

    with Database(url) as database:
        if point == "before the values":
            ImportService._store = die  # type: ignore[method-assign]
        elif point == "between two values":
            ImportService._store = store_once  # type: ignore[method-assign,assignment]
        elif point == "within the transaction":
            importing_rows.keep_as = die
        elif point == "before the commit":
            database._dialect.commit = die  # type: ignore[method-assign]
        elif point == "after the commit":
            importing._discard_values = die
        Import(database, TaipyFolder(root), root.parent / "values").run()


@pytest.mark.parametrize(
    ("point", "is_imported"),
    [
        ("before the values", False),
        ("between two values", False),
        ("within the transaction", False),
        ("before the commit", False),
        ("after the commit", True),
    ],
)
def test_a_killed_import_has_imported_all_or_nothing_and_is_completed_by_the_next(
    tmp_path: Path, database_url: str, point: str, is_imported: bool
) -> None:
    source = TaipyFolder(tmp_path / "app")
    source.plan("x" * 100_000, month=1)
    source.plan("y" * 100_000, month=2)
    killed = _context.Process(target=import_and_die, args=(point, source.root, database_url))
    killed.start()
    killed.join()

    with Database(database_url) as database:
        taipy = Import(database, source, tmp_path / "values")
        found = taipy.dump()
        report = taipy.run()
        again = taipy.run()

    assert killed.exitcode == -signal.SIGKILL
    rows = {name: len(found[name]) for name in ("scenarios", "edits", "jobs", "events", "audit")}
    if is_imported:
        assert rows == {"scenarios": 2, "edits": 4, "jobs": 2, "events": 1, "audit": 1}
        assert added(report) == {}
    else:
        assert set(rows.values()) == {0}
        assert added(report)["scenarios"] == 2
    assert added(again) == {}


def test_two_imports_at_once_import_everything_once(tmp_path: Path, database_url: str) -> None:
    source = TaipyFolder(tmp_path / "app")
    for number in range(1, 4):
        source.plan("x" * 100_000, month=number)
    both = [
        _context.Process(target=import_and_die, args=("never", source.root, database_url))
        for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()

    with Database(database_url) as database:
        found = Import(database, source, tmp_path / "values").dump()

    assert [process.exitcode for process in both] == [0, 0]
    assert (len(found["scenarios"]), len(found["edits"]), len(found["jobs"])) == (3, 6, 3)
    files = [path for path in (tmp_path / "values").rglob("*") if path.is_file()]
    assert len(files) == 3

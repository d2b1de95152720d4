"""An application of three versions over one database: what can run runs, the rest says why."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from conftest import FreshUrl
from scenarist.config import ConfigRegistry
from scenarist.domain.entities import Scenario
from scenarist.domain.errors import ConflictError
from scenarist.domain.vocabulary import JobStatus
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from served_versions import INES, Lab, nodes_of, submit, upgrade, value_of

COMPLETED = JobStatus.COMPLETED


def train(history: int) -> str:
    return f"trained with {history}"


def train_with_promotion(history: int, promotion: int) -> str:
    return f"trained with {history} and {promotion}"


def look(prices: Any, book: pd.DataFrame, rows: pd.DataFrame, note: Any) -> dict[str, Any]:
    """Return what is read at the places of the data nodes that scenarios share."""
    return {
        "prices": prices["of"],
        "book": str(book.iloc[0, 0]),
        "rows": int(str(rows.iloc[0, 0])),
        "note": note,
    }


def count_models(*models: str) -> int:
    return len(models)


def declare(registry: ConfigRegistry, version: int) -> None:
    """Declare the application as it is in a version: 1, 2 or 3."""
    code = "services.test_three_versions"
    year = min(2024 + version, 2026)
    history = registry.configure_data_node("history", default_data=10 if version == 1 else 20)
    promotion = registry.configure_data_node("promotion", default_data=5)
    model = registry.configure_json_data_node("model")
    prices = registry.configure_json_data_node(
        "prices", default_path=f"prices_{year}.json", scope="GLOBAL"
    )
    book = registry.configure_excel_data_node(
        "book", default_path="book.xlsx", sheet_name=f"of {year}", scope="GLOBAL"
    )
    rows = registry.configure_sql_data_node(
        "rows",
        db_name="rows",
        db_engine="sqlite",
        read_query=f"SELECT number FROM numbers WHERE year = {year}",
        sqlite_folder_path=str(Path.cwd()),
        scope="GLOBAL",
    )
    note = (
        registry.configure_json_data_node("note", default_data="kept", scope="GLOBAL")
        if version == 1
        else registry.configure_pickle_data_node("note", default_data="new", scope="GLOBAL")
    )
    seen = registry.configure_json_data_node("seen")
    fit = registry.configure_task(
        "fit",
        # A module and a function that the later versions have no more.
        {1: "gone:fit", 2: f"{code}:train", 3: f"{code}:train_with_promotion"}[version],
        [history, promotion] if version == 3 else [history],
        model,
        timeout=None if version == 1 else timedelta(seconds=60),
    )
    tasks = [fit]
    if version < 3:
        tasks.append(
            registry.configure_task("look", f"{code}:look", [prices, book, rows, note], seen)
        )
    registry.configure_scenario(
        "plan",
        tasks,
        comparators={} if version == 1 else {"model": [f"{code}:count_models"]},
        sequences={"all": [fit]},
    )


@dataclass
class Story:
    """What was seen in the second and the third version, of scenarios of the versions before."""

    old: Scenario
    statuses: dict[str, Mapping[str, JobStatus]] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    drift: dict[str, list[str]] = field(default_factory=dict)
    timeouts: dict[str, timedelta | None] = field(default_factory=dict)
    compared: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    refusal: str = ""

    def look_at(self, server: Server, when: str, scenario: Scenario) -> None:
        """Record why a scenario cannot be submitted; run it if it can, and read its values."""
        found = server.services.scenarios.get(INES, scenario.id)
        self.reasons[when] = found.submit
        self.drift[when] = [
            item.message for item in server.services.drift.list_differences(INES)[1]
        ]
        if not found.submit:
            self.statuses[when] = submit(server, scenario)
        self.values[when] = {
            name: value_of(server, id)
            for name, id in nodes_of(server, scenario).items()
            if server.services.data_nodes.get(INES, id).last_edit_id is not None
        }
        for task_id in found.scenario.task_ids:
            task = server.services.tasks.get(INES, task_id)
            self.timeouts[f"{when}: {task.config_id}"] = task.timeout


@pytest.fixture(scope="module")
def story(fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("versions")
    years = (2025, 2026)
    for year in years:
        (folder / f"prices_{year}.json").write_text(json.dumps({"of": year}))
    with pd.ExcelWriter(folder / "book.xlsx") as book:
        for year in years:
            sheet = pd.DataFrame({"sheet": [f"the sheet of {year}"]})
            sheet.to_excel(book, sheet_name=f"of {year}", index=False)
    with closing(sqlite3.connect(folder / "rows.db")) as rows, rows:
        rows.execute("CREATE TABLE numbers (year INTEGER, number INTEGER)")
        rows.executemany("INSERT INTO numbers VALUES (?, ?)", [(year, year * 10) for year in years])
    with fresh_url() as url, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        lab = Lab(Settings(database=url, storage=str(folder / "data")))
        with lab.serve(lambda registry: declare(registry, 1)) as server:
            made = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
            server.services.values.write(INES, nodes_of(server, made)["history"], 11)
            story = Story(made)
        with lab.serve(lambda registry: declare(registry, 2)) as server:
            story.look_at(server, "2", made)
            new = server.services.scenarios.create(INES, NewScenario(config_id="plan"))
            story.look_at(server, "2, new", new)
            story.compared = server.services.comparisons.compare(INES, [made.id, new.id]).results
        with lab.serve(lambda registry: declare(registry, 3)) as server:
            story.look_at(server, "3", made)
            with pytest.raises(ConflictError) as refused:
                submit(server, made)
            story.refusal = refused.value.message
            upgrade(server, made)
            upgrade(server, new)
            story.look_at(server, "3, upgraded", made)
        yield story


def test_a_renamed_function_runs_in_old_scenarios_and_reads_their_values(story: Story) -> None:
    assert story.reasons["2"] == ()
    assert story.statuses["2"] == {"fit": COMPLETED, "look": COMPLETED}
    assert story.values["2"]["model"] == "trained with 11"


def test_a_moved_file_another_sheet_and_another_query_are_read_in_old_scenarios_and_new_ones(
    story: Story,
) -> None:
    seen = {"prices": 2026, "book": "the sheet of 2026", "rows": 20260, "note": "kept"}

    assert story.values["2"]["seen"] == seen
    assert story.values["2, new"]["seen"] == seen


def test_a_value_stays_when_its_storage_type_changes(story: Story) -> None:
    assert story.values["2"]["note"] == "kept"


def test_another_default_is_used_by_new_scenarios_only(story: Story) -> None:
    assert (story.values["2"]["history"], story.values["2, new"]["history"]) == (11, 20)


def test_another_timeout_applies_to_old_scenarios(story: Story) -> None:
    assert story.timeouts["2: fit"] == timedelta(seconds=60)


def test_a_comparator_that_was_added_compares_old_scenarios_with_new_ones(story: Story) -> None:
    assert story.compared == {"model": {"count_models": "2"}}


def test_nothing_differs_where_everything_can_run(story: Story) -> None:
    assert story.drift["2"] == story.drift["2, new"] == []


def test_a_new_input_and_a_removed_task_are_the_reasons_against_a_submit(story: Story) -> None:
    fit, look = story.reasons["3"]

    assert fit == (
        "task 'fit' was created as (history) -> (model), but the application now declares it as "
        "(history, promotion) -> (model); upgrade the scenario, or restore the declaration"
    )
    assert look == (
        "the application no longer declares the task 'look'; upgrade the scenario, or declare it "
        "again"
    )
    assert "3" not in story.statuses
    assert fit in story.refusal


def test_what_cannot_run_is_told_with_the_number_of_scenarios(story: Story) -> None:
    fit, look = sorted(story.drift["3"])[::-1]

    assert "2 tasks (such as SCENARIO_plan_" in fit
    assert "2 tasks (such as SCENARIO_plan_" in look


def test_an_upgraded_scenario_runs_again_with_its_values(story: Story) -> None:
    assert story.reasons["3, upgraded"] == ()
    assert story.statuses["3, upgraded"] == {"fit": COMPLETED}
    assert story.values["3, upgraded"] == {
        "history": 11,
        "promotion": 5,
        "model": "trained with 11 and 5",
    }
    assert story.drift["3, upgraded"] == []

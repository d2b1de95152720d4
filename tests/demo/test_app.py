"""The declaration of the example."""

import subprocess
import sys
from pathlib import Path

import pytest

from scenarist.config import load_app
from scenarist.demo.app import heating, registry, weather


def test_the_check_finds_nothing() -> None:
    assert registry.check() == []


def test_loading_the_application_finds_its_own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))

    assert load_app("scenarist.demo.app").registry is registry


def test_the_two_sequences_share_out_the_tasks() -> None:
    names = {name: [task.id for task in tasks] for name, tasks in heating.sequences.items()}

    assert names == {
        "forecasting": ["clean_weather", "fit_seasons", "predict_temperature"],
        "planning": ["estimate_demand", "plan_fuel"],
    }


def test_no_task_writes_the_weather_that_the_package_carries() -> None:
    assert [task.id for task in heating.tasks if weather in task.outputs] == []


def test_the_package_carries_the_weather_and_names_its_source() -> None:
    file = Path(weather.properties["default_path"])

    assert file.stat().st_size < 60_000
    assert "public domain" in file.with_name("SOURCE.md").read_text(encoding="utf-8")


def test_declaring_it_imports_no_table_library() -> None:
    program = "import sys, scenarist.demo.app; print({'numpy', 'pandas'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, "set()")

"""The applications of this folder, and what is compared of them. Runs with Taipy, too."""

import datetime
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "apps"

APPS = {
    "again": "app.py",
    "attributes": "configuration.py",
    "backup": "backup.toml",
    "changed": "app.py",
    "classes": "app.py",
    "dashes": "01-first-steps/data-node-and-task.py",
    "defaults": "app.py",
    "exported": "app.py",
    "frequencies": "main-config.py",
    "generic": "app.py",
    "hello": "main.py",
    "inherited": "app.py",
    "lists": "app.py",
    "native": "configuration/app-config.toml",
    "odds": "app.py",
    "outputs": "app.py",
    "override": "app.py",
    "package": "main.py",
    "precedence": "app.py",
    "prefix": "my-config.py",
    "settings": "app.py",
    "sheets": "app.py",
    "storages": "app.py",
    "suffixes": "config.toml",
    "tables": "app.py",
    "template": "config/config.toml",
    "twice": "app.py",
}
"""The file that is served, by the folder in which Taipy would be started."""

UNLIKE = {
    "defaults.declared.data_nodes.a": "Taipy forgets the default scope at the next declaration",
    "inherited.declared.data_nodes.earlier": "Taipy changes earlier data nodes too",
    "inherited.declared.scenarios.doubling": "Taipy passes on frequency and properties only",
    "inherited.declared.tasks.double": "Taipy passes on properties only",
    "inherited.declared.tasks.print": "Taipy passes on properties only",
    "inherited.values.doubling.doubled": "the task of Taipy has no output",
    "inherited.values.doubling.earlier": "the scenario of Taipy has no additional data nodes",
    "suffixes.values.collecting.from_environment": "Taipy keeps a reference in default_data",
}
"""What differs on purpose, with what Taipy does."""

ENVIRONMENT = {"APP_NUMBER": "42"}


@contextmanager
def copied(app: str) -> Iterator[Path]:
    """Make a copy of an application the current folder; yields its file."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / app
        shutil.copytree(FOLDER / app, place)
        os.chdir(place)
        os.environ.update(ENVIRONMENT)
        try:
            yield Path(APPS[app])
        finally:
            os.chdir(before)


def run_each(run: Callable[[str, Path], Any]) -> dict[str, Any]:
    """Run each application in a process of its own, forked from this one."""
    return {app: _run_forked(app, run) for app in sys.argv[1:] or APPS}


def _run_forked(app: str, run: Callable[[str, Path], Any]) -> Any:
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            with copied(app) as file:
                found = json.dumps(to_plain(run(app, file)))
            with os.fdopen(writer, "w") as out:
                out.write(found)
            status = 0
        except BaseException:  # noqa: BLE001 - the parent says that it failed
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as read:
        text = read.read()
    _, code = os.waitpid(process, 0)
    if code != 0:
        sys.exit(f"{app} failed")
    return json.loads(text)


def find_differences(theirs: Any, ours: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the paths at which two values of JSON differ, with both values."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            yield from find_differences(theirs.get(key), ours.get(key), f"{path}.{key}".strip("."))
    elif theirs != ours:
        yield path, f"{theirs!r} with Taipy, {ours!r} here"


def describe(config: Any) -> dict[str, Any]:
    """Return what a ``Config`` declares, by the attributes that Taipy documents."""
    return {
        "data_nodes": {
            node.id: [node.storage_type, node.scope.name, node.validity_period]
            for node in _list_entries(config.data_nodes)
        },
        "tasks": {
            task.id: [
                [node.id for node in task.input_configs],
                [node.id for node in task.output_configs],
                task.skippable,
                task.scope.name,
            ]
            for task in _list_entries(config.tasks)
        },
        "scenarios": {
            scenario.id: [
                sorted({task.id for task in scenario.task_configs}),
                sorted(node.id for node in scenario.additional_data_node_configs),
                sorted(node.id for node in scenario.data_node_configs),
                scenario.frequency and scenario.frequency.name,
                {id: len(found) for id, found in scenario.comparators.items() if found},
                {
                    name: sorted(task.id for task in tasks)
                    for name, tasks in scenario.sequences.items()
                },
            ]
            for scenario in _list_entries(config.scenarios)
        },
    }


def _list_entries(entries: Any) -> list[Any]:
    return sorted(
        (entry for id, entry in entries.items() if id != "default"), key=lambda entry: entry.id
    )


def to_plain(value: Any) -> Any:
    """Return a value as JSON data: tables as rows, objects by their attributes."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return to_plain(value.to_dict("records"))
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, datetime.datetime | datetime.timedelta):
        return str(value)
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return to_plain(vars(value)) if hasattr(value, "__dict__") else str(value)

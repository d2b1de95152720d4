"""Private members of Python and of libraries that the source uses, and that they are there.

Any release may change them, so pyproject.toml bounds the versions of the libraries from above.
What the HTTP protocol inherits from uvicorn is in `tests/server/test_uvicorn_members.py`.
"""

import ast
import importlib
import inspect
import logging
import re
import tomllib
from io import BytesIO
from itertools import chain
from operator import attrgetter
from pathlib import Path
from zipfile import ZipFile

import openpyxl  # type: ignore[import-untyped]
import pytest
from distributed.broker import Broker
from distributed.scheduler import Scheduler

import scenarist

PACKAGE = Path(scenarist.__file__).parent
PROJECT = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]

# By module of ours: the private names, as attributes or in texts, that it takes from others.
TAKEN = {
    "db/migrate.py": {"_upgrade_revs"},
    "executors/cluster/dask.py": {"_broker"},
    "executors/isolation/job_logs.py": {
        *("_clear_cache", "_closed", "_fmt", "_handlerList", "_levelToName", "_nameToLevel"),
    },
    "executors/isolation/library_options.py": {"_config", "_global_config"},
    "executors/isolation/orphans.py": {
        *("_count", "_fd", "_forkserver", "_forkserver_alive_fd", "_forkserver_pid", "_pid"),
        *("_resource_tracker", "_thread"),
    },
    "executors/isolation/process_state.py": {
        *("_data", "_event_loop_policy", "_filters_mutated", "_local", "_signal"),
    },
    "executors/isolation/registries.py": {
        *("_ARCHIVE_FORMATS", "_UNPACK_FORMATS", "_db", "_extension_cache", "_namespace_map"),
        *("_extension_registry", "_inverted_registry"),
    },
    "executors/local/stopping.py": {"_signal"},
    "executors/local/worker.py": {"_clear", "_exitfunc", "_registry", "_run_exitfuncs"},
    "storage/formats/worksheets.py": {
        *("_archive", "_date_formats", "_get_source", "_reader", "_shared_strings"),
        "_timedelta_formats",
    },
}

# Documented: names of a namedtuple, and of the operating system. And those of our own classes that
# are in two parts.
NOT_TAKEN = {
    *("_asdict", "_exit", "_field_defaults", "_fields"),
    *("_add", "_error", "_notifier", "_remove", "_value", "_work"),
}

# By module of others: the members that are private, or in no documentation.
MEMBERS = {
    "_signal": ["getsignal"],
    "_thread": ["_count"],
    "asyncio.events": ["_event_loop_policy"],
    "atexit": ["_clear", "_run_exitfuncs"],
    "copyreg": ["_extension_cache", "_extension_registry", "_inverted_registry"],
    "logging": ["Manager._clear_cache", "_handlerList", "_levelToName", "_nameToLevel"],
    "mimetypes": ["_db.types_map_inv"],
    "multiprocessing.forkserver": [
        *("_forkserver._forkserver_alive_fd", "_forkserver._forkserver_pid"),
    ],
    "multiprocessing.resource_tracker": ["_resource_tracker._fd", "_resource_tracker._pid"],
    "os": ["environ._data"],
    "shutil": ["_ARCHIVE_FORMATS", "_UNPACK_FORMATS"],
    "warnings": ["_filters_mutated", "onceregistry"],
    "weakref": ["finalize._exitfunc", "finalize._registry"],
    "xml.etree.ElementTree": ["_namespace_map"],
    "alembic.script": ["ScriptDirectory._upgrade_revs"],
    "fsspec.asyn": ["sync"],
    "openpyxl.worksheet._read_only": ["ReadOnlyWorksheet._get_source"],
    "openpyxl.worksheet._reader": ["FORMULA_TAG", "VALUE_TAG", "WorkSheetParser.parse_row"],
    "pandas._config.config": ["_global_config"],
    "s3fs.utils": ["ParamKwargsHelper.filter_dict"],
}

# The libraries of which members are listed on this page.
BOUNDED = ["alembic", "distributed", "fsspec", "openpyxl", "pandas", "s3fs", "uvicorn"]


def private_names(module: Path) -> set[str]:
    """Return the private names that a module takes from other modules or objects."""
    # Modules that restore the state of a process name members in texts.
    has_texts = "executors/isolation" in module.as_posix() or "executors/local" in module.as_posix()
    found = set[str]()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.Import(names=names):
                found.update(part for alias in names for part in alias.name.split("."))
            case ast.ImportFrom(module=origin, names=names):
                found.update((origin or "").split("."), (alias.name for alias in names))
            case ast.Constant(value=str(text)) if has_texts and re.fullmatch(r"[\w.]+", text):
                found.update(text.split("."))
    return {name for name in found if re.match("_[^_]", name)} - NOT_TAKEN


def test_these_private_members_are_taken_and_no_others() -> None:
    taken = {
        module.relative_to(PACKAGE).as_posix(): names
        for module in PACKAGE.rglob("*.py")
        if (names := private_names(module))
    }

    assert taken == TAKEN


@pytest.mark.parametrize("name", MEMBERS)
def test_the_members_are_there(name: str) -> None:
    module = importlib.import_module(name)

    for member in MEMBERS[name]:
        attrgetter(member)(module)


def test_a_formatter_of_logging_has_its_format() -> None:
    assert vars(logging.Formatter("%(message)s"))["_fmt"] == "%(message)s"


def test_a_workbook_that_is_read_has_the_members_that_are_used() -> None:
    file = BytesIO()
    openpyxl.Workbook().save(file)

    workbook = openpyxl.load_workbook(file, read_only=True)

    assert isinstance(workbook._archive, ZipFile)
    assert isinstance(workbook["Sheet"]._shared_strings, list)
    assert isinstance(workbook._date_formats, set)
    assert isinstance(workbook._timedelta_formats, set)


def test_the_scheduler_of_dask_has_events_that_can_be_truncated() -> None:
    assert "self._broker = Broker(" in inspect.getsource(Scheduler)
    assert callable(Broker.truncate)


@pytest.mark.parametrize("library", BOUNDED)
def test_versions_of_a_library_with_such_members_are_bounded(library: str) -> None:
    lines = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]

    (requirement,) = [line for line in lines if re.match(f"{library}[>=<]", line)]

    assert "<" in requirement

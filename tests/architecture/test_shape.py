"""The shape of the code: rules that a machine can hold."""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import combinations
from pathlib import Path

import pytest

import scenarist

PACKAGE = Path(scenarist.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "common", "misc", "manager", "base_service"}
MODULE_LINES = 450
FUNCTION_LINES = 60

# The clock is an argument everywhere else. Worker processes stamp what they do; the pool and the
# composition root are where the clock comes from.
MAY_READ_THE_CLOCK = {
    "server/admin.py",
    "server/composition.py",
    "server/reloading.py",
    "executors/outcomes.py",
    "executors/local/worker_process.py",
    "executors/runner.py",
    "demo/app.py",
}
# Our database, and the databases of others that hold values.
MAY_COMMIT = {"db/engine.py", "storage/external/databases.py"}
# Who signs in is no actor yet, nor who asks for health.
NO_ACTOR = {"HealthService", "CompletionNotifier", "Waiter", "Authenticator"}
# Each wish has an actor of its own, who signs in or was refused is none yet, what a config allows
# is nobody's secret, and what is forgotten is read again.
NO_ACTOR_OF_ITS_OWN = {
    "submit_many",
    "read_many",
    "authorized_tags",
    "has_config",
    "forget",
    "sign_in",
    "add_refusal",
    "refuse_throttled",
}
# Pairs of modules: a wire type may have the name of the record or config entry that it represents,
# and an error of the client the name of the domain's error.
MAY_SHARE_A_NAME = [
    ("schemas/*", "domain/*"),
    ("schemas/*", "config/entries.py"),
    ("client/errors.py", "domain/errors.py"),
]


def name_of(module: Path) -> str:
    return module.relative_to(PACKAGE).as_posix()


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(), filename=str(module))


def functions_of(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_short_and_has_a_telling_name(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= MODULE_LINES
    assert module.stem not in VAGUE


@pytest.mark.parametrize(
    "module", [module for module in MODULES if "migrations" not in module.parts], ids=name_of
)
def test_a_function_is_short(module: Path) -> None:
    lengths = {
        function.name: (function.end_lineno or 0) - function.lineno + 1
        for function in functions_of(module)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if name_of(module) not in MAY_COMMIT],
    ids=name_of,
)
def test_only_the_engine_begins_and_commits(module: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"commit", "begin", "rollback", "begin_nested"}


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if name_of(module) not in MAY_READ_THE_CLOCK],
    ids=name_of,
)
def test_the_clock_is_an_argument(module: Path) -> None:
    read = {
        ast.unparse(node.func)
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not read & {"datetime.now", "datetime.utcnow", "time.time", "date.today"}


@pytest.mark.parametrize("module", sorted((PACKAGE / "services").glob("*.py")), ids=name_of)
def test_a_use_case_takes_the_actor_first(module: Path) -> None:
    for node in ast.walk(tree_of(module)):
        if not isinstance(node, ast.ClassDef) or node.name in NO_ACTOR:
            continue
        if not node.name.endswith("Service"):
            continue
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                if method.name in NO_ACTOR_OF_ITS_OWN:
                    continue
                parameters = [argument.arg for argument in method.args.args]
                assert parameters[1:2] == ["actor"], f"{node.name}.{method.name}"


def may_share_a_name(one: Path, other: Path) -> bool:
    """Whether a class of *one* may have the name of a class of *other*."""
    return any(
        fnmatchcase(name_of(first), left) and fnmatchcase(name_of(second), right)
        for first, second in [(one, other), (other, one)]
        for left, right in MAY_SHARE_A_NAME
    )


def test_no_two_classes_share_a_name() -> None:
    modules_by_class: defaultdict[str, list[Path]] = defaultdict(list)
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ClassDef):
                modules_by_class[node.name].append(module)

    shared = {
        name: [name_of(module) for module in modules]
        for name, modules in modules_by_class.items()
        if not all(may_share_a_name(one, other) for one, other in combinations(modules, 2))
    }

    assert shared == {}


@pytest.mark.parametrize("room", sorted(PACKAGE.glob("*/__init__.py")), ids=name_of)
def test_a_room_says_its_rule(room: Path) -> None:
    said = ast.get_docstring(tree_of(room)) or ""

    assert "May import:" in said
    assert "Never here:" in said


@pytest.mark.parametrize("room", sorted(PACKAGE.glob("*/__init__.py")), ids=name_of)
def test_a_room_imports_only_what_its_rule_names(room: Path) -> None:
    said = ast.get_docstring(tree_of(room)) or ""
    rule = said.partition("May import:")[2].partition("Never here:")[0]
    imported = {
        name.split(".")[1]
        for module in room.parent.rglob("*.py")
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ImportFrom) and node.module is not None
        for name in (f"{node.module}.{alias.name}" for alias in node.names)
        if name.startswith("scenarist.")
    }

    unnamed = imported - {room.parent.name, *re.findall(r"[a-z]+", rule)}
    assert unnamed == set() or "every other package" in rule


@pytest.mark.parametrize(
    "module", [module for module in MODULES if "storage" not in module.parts], ids=name_of
)
def test_only_the_storage_room_knows_pickle(module: Path) -> None:
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (
            node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")]
        )
    }
    assert not imported & {"pickle", "cloudpickle", "dill", "shelve", "marshal"}


DOMAIN = sorted((PACKAGE / "domain").glob("*.py"))


@pytest.mark.parametrize("module", DOMAIN, ids=name_of)
def test_the_domain_imports_only_itself_and_the_standard_library(module: Path) -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
        )
    }

    assert imported - sys.stdlib_module_names <= {"scenarist"}

"""The function that was given is the one that runs, or `check` says why it cannot."""

import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from own_modules import forgotten_afterwards
from scenarist.config import ConfigRegistry
from scenarist.config.function_uses import iter_function_uses
from scenarist.config.functions import import_function
from scenarist.domain.errors import InvalidError

PRELUDE = """
import functools
import json

from scenarist import ConfigRegistry

registry = ConfigRegistry()
x = registry.configure_json_data_node("x")
s = registry.configure_scenario("s", additional_data_node_configs=[x])
given = []


def declare(value):
    given.append(value)
    {place}


def twice(function):
    @functools.wraps(function)
    def wrapper(*values):
        return 2 * function(*values)
    return wrapper


def base(*values):
    return 1


class Base(json.JSONEncoder, Exception):
    def decode(self, text):
        return text

    @classmethod
    def load(cls, *values):
        return cls

    def __call__(self, *values):
        return 1

    def method(self, *values):
        return 1
"""

PLACES = {
    "TASK.t.function": "registry.configure_task('t', value, x)",
    "TASK.default.function": "registry.set_default_task_configuration(value, x)",
    "TASK.t.retry_on": "registry.configure_task('t', base, retry_on=[ValueError, value])",
    "SCENARIO.s.comparators.x": "registry.configure_scenario('s', comparators={'x': [max, value]})",
    "SCENARIO.s.comparators.x added": "s.add_comparator('x', value)",
    "DATA_NODE.n.read_fct": "registry.configure_generic_data_node('n', value)",
    "DATA_NODE.n.write_fct": "registry.configure_generic_data_node('n', write_fct=value)",
    "DATA_NODE.n.write_query_builder": (
        "registry.configure_sql_data_node('n', 'd', 'sqlite', write_query_builder=value)"
    ),
    "DATA_NODE.n.append_query_builder": (
        "registry.configure_sql_data_node('n', 'd', 'sqlite', 'q', append_query_builder=value)"
    ),
    "DATA_NODE.n.encoder": "registry.configure_json_data_node('n', encoder=value)",
    "DATA_NODE.n.decoder": "registry.configure_json_data_node('n', decoder=value)",
    "DATA_NODE.n.exposed_type": "registry.configure_csv_data_node('n', exposed_type=value)",
    "DATA_NODE.n.exposed_type of sheets": (
        "registry.configure_excel_data_node('n', exposed_type={'a': 'pandas', 'b': value})"
    ),
    "DATA_NODE.n.custom_document": (
        "registry.configure_mongo_collection_data_node('n', 'd', 'c', custom_document=value)"
    ),
}

LOST = {
    "bound again": "def f(*v): pass\ndeclare(f)\ndef f(*v): pass\n",
    "deleted": "def f(*v): pass\ndeclare(f)\ndel f\n",
    "a class bound again": "class C(Base): pass\ndeclare(C)\nclass C(Base): pass\n",
    "a loop": "for n in (1, 2):\n    def f(*v): pass\n    declare(f) if n == 1 else None\n",
    "wrapped on the way": "declare(twice(base))\n",
    "a partial with the name of another": (
        "declare(functools.update_wrapper(functools.partial(base, 1), base))\n"
    ),
    "given before its decorator": (
        "def shown(f):\n    declare(f)\n    return twice(f)\n@shown\ndef g(*v): pass\n"
    ),
    "a lambda": "declare(lambda *v: 1)\n",
    "a nested function": "def make():\n    def f(*v): pass\n    return f\ndeclare(make())\n",
    "a local class": "def make():\n    class C(Base): pass\n    return C\ndeclare(make())\n",
    "a partial": "declare(functools.partial(base, 1))\n",
    "an object that is called": "declare(Base())\n",
    "a method of an object": "declare(Base().method)\n",
    "a name that is not its own": "def f(*v): pass\nf.__qualname__ = 'base'\ndeclare(f)\ndel f\n",
    "a module that is not its own": "def f(*v): pass\nf.__module__ = 'os'\ndeclare(f)\ndel f\n",
}

KEPT = {
    "a function": "declare(base)\n",
    "a class": "declare(Base)\n",
    "a decorated function": "@twice\ndef f(*v): pass\ndeclare(f)\n",
    "wrapped under another name": "g = twice(base)\ndeclare(g)\n",
    "a partial under a name": (
        "p = functools.update_wrapper(functools.partial(base, 1), base)\ndeclare(p)\n"
    ),
    "an earlier function under a name": (
        "def f(*v): pass\nfirst = f\ndef f(*v): pass\ndeclare(first)\n"
    ),
    "a lambda in a variable": "f = lambda *v: 1\ndeclare(f)\n",
    "an object in a variable": "f = Base()\ndeclare(f)\n",
    "a method of an object in a variable": "o = Base()\ndeclare(o.method)\n",
    "a class method": "declare(Base.load)\n",
    "an inherited class method": "class Child(Base): pass\ndeclare(Child.load)\n",
    "a function of C": "declare(len)\n",
    "a method of a class of C": "for f in (str.upper, len):\n    f is len or declare(f)\n",
    "a function of another module": "declare(json.dumps)\n",
}

_numbers = itertools.count()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    with forgotten_afterwards(tmp_path):
        yield tmp_path


def declared(folder: Path, place: str, shape: str) -> ModuleType:
    name = f"declares_{next(_numbers)}"
    (folder / f"{name}.py").write_text(PRELUDE.replace("{place}", place) + shape)
    importlib.invalidate_caches()
    return importlib.import_module(name)


def names_of(registry: ConfigRegistry, place: str) -> list[str]:
    """Return the names that stand at a place."""
    default = registry._declarations.defaults.get("TASK")
    if default is not None and place == "TASK.default.function":
        return [default.function] if default.function else []
    uses = iter_function_uses(registry._declarations)
    return [use.name for use in uses if f"{use.entry_name}.{use.key}" == place]


def wrong_places(registry: ConfigRegistry) -> list[str]:
    return [problem.where.split(": ")[-1] for problem in registry.check()]


@pytest.mark.parametrize("shape", LOST)
@pytest.mark.parametrize("place", PLACES)
def test_what_no_name_leads_to_is_a_mistake(folder: Path, place: str, shape: str) -> None:
    module = declared(folder, PLACES[place], LOST[shape])

    assert place.split(" ")[0] in wrong_places(module.registry)


@pytest.mark.parametrize("shape", KEPT)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_variable_holds_is_what_runs(folder: Path, place: str, shape: str) -> None:
    module = declared(folder, PLACES[place], KEPT[shape])

    names = names_of(module.registry, place.split(" ")[0])

    (given,) = module.given
    assert given in [import_function(name) for name in names]


def test_what_a_variable_of_another_module_holds_is_what_runs(folder: Path) -> None:
    helpers = f"helpers_{next(_numbers)}"
    (folder / f"{helpers}.py").write_text(
        "import functools, operator\n"
        "doubled = functools.partial(operator.mul, 2)\n"
        "root = operator.attrgetter('real')\n"
        "class Scale(functools.partial): pass\n"
        "tripled = Scale(operator.mul, 3)\n"
    )
    module = declared(
        folder,
        "registry.configure_task(f't{len(given)}', value, x)",
        f"import {helpers} as h\nfor f in (h.doubled, h.root, h.tripled):\n    declare(f)\n",
    )

    assert module.registry.check() == []
    tasks = module.registry.tasks.values()
    assert [task.function for task in tasks if task.id != "default"] == [
        f"{helpers}:doubled",
        f"{helpers}:root",
        f"{helpers}:tripled",
    ]


def test_two_tasks_never_run_one_function_of_two(folder: Path) -> None:
    module = declared(
        folder,
        "registry.configure_task(f't{len(given)}', value, x)",
        "def f(v): return 1\ndeclare(f)\ndef f(v): return 2\ndeclare(f)\n",
    )

    problems = module.registry.check()

    assert [problem.where.split(": ")[-1] for problem in problems] == ["TASK.t1.function"]
    message = problems[0].message
    assert message.startswith(f"the name '{module.__name__}:f' refers to another object (")
    assert "not to the object that was passed (" in message
    assert message.endswith("give it a unique name in its module")


def test_a_function_that_is_configured_anew_is_the_one_that_counts(folder: Path) -> None:
    module = declared(
        folder,
        "registry.configure_task('t', value, x)",
        "def f(v): return 1\ndeclare(f)\ndef f(v): return 2\ndeclare(f)\n",
    )

    assert module.registry.check() == []


def test_a_function_is_taken_only_by_keys_that_take_functions() -> None:
    registry = ConfigRegistry()
    registry.configure_generic_data_node("n", "builtins:max", read_fct_args=[len])
    registry.configure_csv_data_node("c", read_kwargs={"converters": {"a": len}}, dtype=str)

    assert wrong_places(registry) == ["DATA_NODE.n.read_fct_args", "DATA_NODE.c.read_kwargs"]
    assert registry.data_nodes["c"].properties["dtype"] == "str"


def test_the_program_that_is_running_is_no_module() -> None:
    with pytest.raises(InvalidError, match="'__main__' is the running program"):
        import_function("__main__:anything")

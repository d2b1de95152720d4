"""Whatever is declared in Python comes back from the file that it is exported to."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from own_types import Order, Plan
from scenarist.config import ConfigRegistry, DataNodeConfig, ScenarioConfig, TaskConfig
from scenarist.domain.secret_names import is_secret_name
from scenarist.domain.vocabulary import Frequency, Scope

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
WORDS = TEXTS | st.sampled_from(["1:int", "x:str", "a:SECTION", "ENV[A]:int", "ENV[A]:class", ":"])
SCALARS = (
    WORDS
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.sampled_from(Scope)
    | st.sampled_from(Frequency)
)
# What has the name of a secret is exported as a reference; tests of secrets try that.
NAMES = TEXTS.filter(lambda name: not is_secret_name(name))
OWN_NAMES = TEXTS.map("own {}".format).filter(lambda name: not is_secret_name(name))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
PROPERTIES: st.SearchStrategy[dict[str, Any]] = st.dictionaries(OWN_NAMES, VALUES, max_size=3)
FUNCTIONS = st.sampled_from(["json:dumps", "plant.steps:fit", "plant:int", "plant:function"])
KEY = "SCENARIST_AUTHENTICATION_secret_key"
KEYS = WORDS.filter(lambda text: "\0" not in text and "ENV[" not in text)
"""What a variable can hold, and refers to no other one."""

DURATIONS = st.none() | st.timedeltas()


@st.composite
def registries(draw: st.DrawFn) -> ConfigRegistry:
    registry = ConfigRegistry()
    registry.configure_global_app(**draw(PROPERTIES))
    registry.configure_core(version_number=draw(WORDS), **draw(PROPERTIES))
    registry.configure_job_executions(draw(WORDS), draw(st.none() | st.integers()))
    roles = st.dictionaries(TEXTS, st.lists(TEXTS, max_size=2), max_size=2)
    registry.configure_authentication(draw(WORDS), draw(roles), secret_key=draw(KEYS))
    nodes = [
        registry.configure_data_node(
            f"node_{number}",
            draw(st.sampled_from(["csv", "pickle", "json"])),
            draw(st.sampled_from(Scope)),
            draw(DURATIONS),
            default_data=draw(st.none() | VALUES),
            **draw(PROPERTIES),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    some_nodes = st.lists(st.sampled_from(nodes), max_size=3)
    tasks = [
        registry.configure_task(
            f"task_{number}",
            draw(FUNCTIONS),
            draw(some_nodes),
            draw(some_nodes),
            draw(st.booleans()),
            timeout=draw(DURATIONS),
            retries=draw(st.integers()),
            retry_delay=draw(st.timedeltas()),
            retry_on=draw(st.none() | st.lists(FUNCTIONS, max_size=2)),
            retries_after_loss=draw(st.integers()),
            fresh=draw(st.booleans()),
            cache=draw(st.booleans()),
            cache_version=draw(st.none() | TEXTS),
            **draw(PROPERTIES),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    some_tasks = st.lists(st.sampled_from(tasks), max_size=3)
    registry.configure_scenario(
        "scenario",
        draw(some_tasks),
        draw(some_nodes),
        draw(st.none() | st.sampled_from(Frequency)),
        draw(st.dictionaries(TEXTS, st.lists(FUNCTIONS, max_size=2), max_size=2)),
        draw(st.dictionaries(TEXTS, some_tasks, max_size=2)),
        **draw(PROPERTIES),
    )
    return registry


def plain(value: Any) -> Any:
    """Return entries as data, because they themselves are equal when their ids are."""
    match value:
        case DataNodeConfig() | TaskConfig() | ScenarioConfig():
            names = [item.name for item in fields(value) if item.name != "declarations"]
            return {name: plain(getattr(value, name)) for name in names}
        case Mapping():
            return {key: plain(item) for key, item in value.items()}
        case tuple() | list():
            return [type(value).__name__, *map(plain, value)]
        case _:
            return type(value), value


def secret_key_of(registry: ConfigRegistry) -> str | None:
    """Return the secret key, also where the exported file has a reference in its place."""
    key = registry.authentication.secret_key
    return os.environ[KEY] if key == f"ENV[{KEY}]" else key


def content(registry: ConfigRegistry) -> list[Any]:
    # Lists, so that the order of declaration counts.
    return [
        [list(entries), plain(entries)]
        for entries in (registry.data_nodes, registry.tasks, registry.scenarios)
    ] + [
        registry.core,
        registry.jobs,
        replace(registry.authentication, secret_key=None),
        secret_key_of(registry),
        plain(registry.global_app),
        plain(registry.settings),
    ]


@given(registries())
def test_an_exported_registry_loads_back_as_it_was(registry: ConfigRegistry) -> None:
    again = ConfigRegistry()

    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "config.toml")
        registry.export(file)
        again.load(file)

    assert content(again) == content(registry)


def test_a_default_that_came_after_an_entry_is_not_taken_by_it_on_the_way_back(
    tmp_path: Path,
) -> None:
    registry = ConfigRegistry()
    registry.configure_data_node("a")
    registry.set_default_data_node_configuration("pickle", Scope.GLOBAL, timedelta(days=1))
    again = ConfigRegistry()

    registry.export(str(tmp_path / "config.toml"))
    again.load(str(tmp_path / "config.toml"))

    assert content(again) == content(registry)


def test_schemas_and_the_types_that_they_came_from_load_back(tmp_path: Path) -> None:
    first, second = ConfigRegistry(), ConfigRegistry()
    first.configure_data_node("orders", schema=list[Order])
    first.configure_data_node("plan", schema=Plan)
    first.configure_data_node("word", schema={"pattern": "^a:int$", "$comment": "x:str"})

    first.export(str(tmp_path / "config.toml"))
    second.load(str(tmp_path / "config.toml"))

    assert not second.check()
    for id, node in first.data_nodes.items():
        assert second.data_nodes[id].properties == node.properties

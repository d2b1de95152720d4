"""A dictionary that has changed is noticed, whatever changed in it and whatever equals what."""

import gc
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarist.executors.isolation import dict_versions
from scenarist.executors.isolation.dict_versions import DictVersions
from scenarist.executors.isolation.namespaces import Namespaces


class EqualToAll:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class Example:
    pass


VALUES = st.sampled_from((1, 1.0, True, "text", None, EqualToAll(), EqualToAll()))
NAMES = st.sampled_from("abcd")
CHANGES = st.lists(
    st.tuples(st.sampled_from(("set", "delete", "clear", "update", "read")), NAMES, VALUES)
)


def change(owner: Any, names: dict[str, Any], kind: str, name: str, value: object) -> None:
    if kind == "set":
        setattr(owner, name, value)
    elif kind == "delete" and name in names:
        delattr(owner, name)
    elif kind == "clear" and isinstance(owner, ModuleType):
        names.clear()
    elif kind == "update" and isinstance(owner, ModuleType):
        names.update({name: value, "a": value})
    else:
        getattr(owner, name, None)


@pytest.mark.parametrize("make", [lambda: ModuleType("example"), lambda: type("Own", (), {})])
@given(before=CHANGES, after=CHANGES)
@settings(max_examples=100, deadline=None)
def test_a_change_to_another_object_is_always_found(
    make: Callable[[], Any], before: Any, after: Any
) -> None:
    owner = make()
    for each in before:
        change(owner, vars(owner), *each)
    versions = DictVersions([vars(Example), vars(owner)])
    saved = dict(vars(owner))

    for each in after:
        change(owner, vars(owner), *each)

    now = dict(vars(owner))
    is_changed = [*now] != [*saved] or any(now[name] is not saved[name] for name in saved)
    assert not (is_changed and versions.is_unchanged())
    assert versions.find_changed() == ([] if versions.is_unchanged() else [1])
    versions.take()
    assert versions.is_unchanged()


def test_reading_names_and_collecting_garbage_is_no_change() -> None:
    versions = DictVersions([vars(Example), vars(gc)])

    gc.collect()

    assert Example.__name__ == "Example"
    assert versions.is_unchanged()


def test_where_python_has_no_versions_each_name_is_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dict_versions, "_HAS_VERSIONS", False)
    namespaces = Namespaces()
    original = json.dumps
    monkeypatch.setattr(json, "dumps", EqualToAll())

    assert namespaces.restore() == "it replaced json.dumps"
    assert json.dumps is original
    assert namespaces.restore() is None

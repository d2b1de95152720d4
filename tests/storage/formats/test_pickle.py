"""The odd cases of pickles, in files and in the database."""

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from scenarist.domain.errors import InvalidError
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.registry import find_storage


class Explosive:
    """A value that can be written and not read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (explode, ())


def explode() -> None:
    raise ValueError("boom")


def a_target(storage_type: str, folder: Path, **properties: str) -> WriteTarget:
    return WriteTarget(
        data_node_id="DATANODE_model_1",
        edit_id="EDIT_1",
        storage_type=storage_type,
        folder=str(folder),
        properties=properties,
    )


def test_lambda_is_refused_with_the_data_node_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="DATANODE_model_1 cannot be written as pickle"):
        find_storage("pickle").write(lambda: 1, a_target("pickle", tmp_path))


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(InvalidError, match="RecursionError"):
        find_storage("pickle").write(value, a_target("pickle", tmp_path))


def test_value_that_raises_when_it_is_read_is_invalid(tmp_path: Path) -> None:
    written = find_storage("pickle").write(Explosive(), a_target("pickle", tmp_path))
    place = ValueLocation(storage_type="pickle", content=written.content)

    with pytest.raises(InvalidError, match="ValueError: boom"):
        find_storage("pickle").read(place)


def test_value_of_a_missing_module_is_invalid_and_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("vanishing")
    exec("class Model: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "vanishing", module)
    data = pickle.dumps(module.Model())
    monkeypatch.delitem(sys.modules, "vanishing")

    with pytest.raises(InvalidError, match="No module named 'vanishing'"):
        find_storage("pickle").read(ValueLocation(storage_type="pickle", content=data))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "int"),
        (None, "NoneType"),
        ({}, "dict"),
        (Path("x"), "pathlib.PosixPath"),
    ],
)
def test_python_type_is_recorded_as_users_know_it(
    value: object, expected: str, tmp_path: Path
) -> None:
    written = find_storage("pickle").write(value, a_target("pickle", tmp_path))

    assert written.python_type == expected


def test_in_memory_value_stays_in_the_database_whatever_its_size(tmp_path: Path) -> None:
    target = a_target("in_memory", tmp_path, path=str(tmp_path / "ignored"))

    written = find_storage("in_memory").write("x" * 1_000_000, target)

    assert written.content == pickle.dumps("x" * 1_000_000, protocol=5)
    assert written.uri is None
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_only_the_program_that_wrote_it_has_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "Model", type("Model", (), {"__module__": "__main__"}), raising=False)
    storage, target = find_storage("pickle"), a_target("pickle", tmp_path)
    written = storage.write(vars(main)["Model"](), target)
    monkeypatch.delattr(main, "Model")
    location = ValueLocation(storage_type="pickle", uri=written.uri, content=written.content)

    with pytest.raises(InvalidError, match="needs 'Model', which was defined in the program"):
        storage.read(location)

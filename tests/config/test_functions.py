"""Names of functions, and whether a worker process would find them."""

import functools
import json
import operator
from pathlib import Path

import pytest

from scenarist.config.functions import (
    find_import_fault,
    import_function,
    loading_module,
    parse_function_name,
)
from scenarist.config.names import resolve_function_name
from scenarist.domain.errors import InvalidError


class Model:
    def fit(self) -> None:
        """Do nothing."""

    @classmethod
    def load(cls) -> None:
        """Do nothing."""


def test_a_function_is_known_by_module_and_name() -> None:
    assert resolve_function_name(json.dumps) == "json:dumps"


def test_a_class_is_known_by_module_and_name() -> None:
    assert resolve_function_name(json.JSONEncoder) == "json.encoder:JSONEncoder"


def test_a_class_method_is_known_by_its_class() -> None:
    assert resolve_function_name(Model.load) == f"{__name__}:Model.load"


def test_a_dotted_name_is_split_at_its_last_dot() -> None:
    assert resolve_function_name("plant.steps.fit") == "plant.steps:fit"


@pytest.mark.parametrize(
    "name", ["__main__.Outer.Row", "__mp_main__.Outer.Row", "__main__:Outer.Row"]
)
def test_what_is_within_the_main_program_is_within_the_module_that_is_loaded(name: str) -> None:
    with loading_module("plant.my-app"):
        assert parse_function_name(name) == "plant.my-app:Outer.Row"


def test_a_name_with_a_colon_is_kept() -> None:
    assert resolve_function_name("plant.steps:Model.fit") == "plant.steps:Model.fit"


def nested() -> object:
    def inside() -> None:
        """Do nothing."""

    return inside


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda: 1, "a lambda"),
        (nested(), "'nested.<locals>.inside' is nested in another function"),
        (Model().fit, "'Model.fit' is a method of an object"),
        (functools.partial(json.dumps), "the partial object has no name"),
        (operator.itemgetter(1), "the itemgetter object has no name"),
        (5, "5 is not a function"),
        ("fit", "'fit' does not name a function"),
        ("a:b:c", "'a:b:c' does not name a function"),
    ],
)
def test_what_a_worker_could_not_find_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidError) as refused:
        resolve_function_name(value)

    assert refused.value.message.startswith(message)


def test_a_name_imports_to_what_it_stands_for() -> None:
    assert import_function("json:JSONEncoder.default") is json.JSONEncoder.default


def test_a_function_that_imports_has_no_fault() -> None:
    assert find_import_fault("json:dumps") is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        (
            "no_such_plant.steps:fit",
            "there is no module 'no_such_plant' on Python's search path",
        ),
        ("json:dumpss", "there is no 'dumpss' in 'json'; did you mean 'dumps'?"),
        ("json:__name__", "'json:__name__' is a str, which is not callable"),
    ],
)
def test_a_fault_says_what_is_missing(name: str, fault: str) -> None:
    assert find_import_fault(name) == fault


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("x = 1\nraise KeyError('price')\n", ":2: KeyError: 'price'"),
        ("x = 1\nx = = 2\n", ":2: SyntaxError: invalid syntax"),
        ("import no_such_thing\n", ":1: ModuleNotFoundError: No module named 'no_such_thing'"),
        ("import sys\nsys.exit(3)\n", ":2: SystemExit: 3"),
        ("import json\njson.loads('')\n", ":2: json.decoder.JSONDecodeError: Expecting value"),
    ],
)
def test_a_module_that_fails_is_named_with_the_line_of_its_own_code(
    source: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_steps.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    message = find_import_fault("failing_steps:fit")

    assert message is not None
    assert message.startswith(
        f"importing 'failing_steps' failed: {tmp_path / 'failing_steps.py'}{fault}"
    )


def test_a_module_that_fails_on_being_asked_is_a_fault_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_steps.py").write_text("def __getattr__(name):\n    raise OSError(name)\n")
    monkeypatch.syspath_prepend(tmp_path)

    message = find_import_fault("odd_steps:fit")

    assert message is not None
    assert message.startswith("looking up 'odd_steps:fit' failed: ")

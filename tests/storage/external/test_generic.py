"""Data nodes whose values functions of the user read and write."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.external.generic import GenericStorage

STORAGE = GenericStorage()


def read_lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def write_lines(lines: list[str], path: str, end: str = "\n") -> None:
    Path(path).write_text("".join(line + end for line in lines))
    lines.clear()


def refuse(*_: object) -> None:
    raise RuntimeError("the archive is on tape")


def be_away(*_: object) -> None:
    raise UnavailableError("the archive is closed at night")


def read_rates() -> dict[str, float]:
    return {"EUR": 1.0}


def what_it_is_given(*arguments: object) -> tuple[object, ...]:
    return arguments


LINES = {"read_fct": f"{__name__}:read_lines", "write_fct": f"{__name__}:write_lines"}


def write(value: object, **properties: Any) -> WrittenValue:
    target = WriteTarget(
        data_node_id="DATANODE_report_1",
        edit_id="EDIT_1",
        storage_type="generic",
        folder="unused",
        properties=properties,
    )
    return STORAGE.write(value, target)


def read(**properties: Any) -> Any:
    return STORAGE.read(ValueLocation(storage_type="generic", properties=properties))


def test_value_is_written_and_read_by_the_functions_with_their_arguments(tmp_path: Path) -> None:
    path = str(tmp_path / "report")

    write(["a", "b"], **LINES, write_fct_args=[path, ";\n"])

    assert read(**LINES, read_fct_args=[path]) == ["a;", "b;"]


def test_argument_that_is_no_list_is_the_only_one(tmp_path: Path) -> None:
    path = str(tmp_path / "report")

    write(["a"], **LINES, write_fct_args=path)

    assert read(**LINES, read_fct_args=path) == ["a"]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (None, ()),
        ([], ()),
        (["a", 1], ("a", 1)),
        (("a",), ("a",)),
        ("abc", ("abc",)),
        ({"a": 1}, ({"a": 1},)),
        (0, (0,)),
    ],
)
def test_arguments_take_the_declared_form(arguments: object, given: tuple[object, ...]) -> None:
    assert read(read_fct=f"{__name__}:what_it_is_given", read_fct_args=arguments) == given


def test_function_without_arguments_is_called_with_none() -> None:
    assert read(read_fct=f"{__name__}:read_rates") == {"EUR": 1.0}


def test_edit_shows_the_value_as_it_was_before_the_function_had_it(tmp_path: Path) -> None:
    written = write(["a", "b"], **LINES, write_fct_args=[str(tmp_path / "report")])

    assert json.loads(written.rendition) == ["a", "b"]
    assert written.is_complete
    assert written.python_type == "list"


def test_edit_says_that_the_value_lies_elsewhere(tmp_path: Path) -> None:
    written = write(["a"], **LINES, write_fct_args=[str(tmp_path / "report")])

    assert (written.uri, written.content, written.staged) == (None, None, None)
    assert written.size == len('["a"]')


@pytest.mark.parametrize(
    ("act", "setting"),
    [(lambda: read(write_fct="m:w"), "read_fct"), (lambda: write(1, read_fct="m:r"), "write_fct")],
)
def test_missing_function_is_named_with_what_to_declare(act: Any, setting: str) -> None:
    with pytest.raises(InvalidError, match=f"declare {setting} as 'module:name'"):
        act()


def test_error_of_the_reading_function_is_told() -> None:
    with pytest.raises(
        InvalidError, match=r"test_generic:refuse' failed: RuntimeError: the archive is on tape"
    ):
        read(read_fct=f"{__name__}:refuse")


def test_error_of_the_writing_function_is_told_with_the_data_node() -> None:
    with pytest.raises(InvalidError, match=r"DATANODE_report_1 .*: the archive is on tape"):
        write(1, write_fct=f"{__name__}:refuse")


def test_error_that_says_to_try_again_stays_one() -> None:
    with pytest.raises(UnavailableError, match="closed at night"):
        read(read_fct=f"{__name__}:be_away")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("read_lines", "name a function as 'module:name'"),
        ("nowhere:read", "No module named 'nowhere'"),
        (f"{__name__}:nothing", "has no attribute 'nothing'"),
        (f"{__name__}:LINES", "cannot be called; name a function"),
    ],
)
def test_function_that_is_none_is_refused(reference: str, message: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(message)):
        read(read_fct=reference)


def test_append_is_refused_with_the_way_out() -> None:
    target = WriteTarget(
        data_node_id="DATANODE_report_1", edit_id="EDIT_1", storage_type="generic", folder="unused"
    )

    with pytest.raises(InvalidError, match="read the value, extend it and write it"):
        STORAGE.append(["c"], target, None)

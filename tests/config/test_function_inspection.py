"""Functions are found out that cannot be called as they will be."""

import inspect
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from functools import partial, update_wrapper
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.config import ConfigRegistry
from scenarist.config.function_inspection import digest_code, inspect_uses
from scenarist.config.function_uses import FunctionRole, FunctionUse


def plus(x: int, y: int) -> int:
    return x + y


def scaled(x: int, *, rate: int) -> int:
    return x * rate


async def waits(x: int) -> int:
    return x


def yields(x: int) -> Iterator[int]:
    yield x


async def yields_later(x: int) -> AsyncIterator[int]:
    yield x


def injecting(x: int) -> int:
    return plus(x, 1)


update_wrapper(injecting, plus)


class Model:
    def __init__(self, start: int = 0) -> None:
        self.start = start

    def predict(self, x: int) -> int:
        return x

    def stream(self, x: int) -> Iterator[int]:
        yield x

    def __call__(self, x: int) -> int:
        return x

    def encode(self, value: object) -> str:
        return str(value)


class Abstract(ABC):
    @abstractmethod
    def run(self, x: int) -> int: ...


class OwnStart(json.JSONEncoder):
    def __init__(self) -> None:
        super().__init__()


model = Model()
predict = model.predict
part = partial(plus, 1)
streams = partial(model.stream)


def fault(
    value: Any, role: FunctionRole = FunctionRole.TASK, arguments: int = 1, key: str = "function"
) -> str | None:
    use = FunctionUse(entry_name="TASK.t", key=key, name="m:f", role=role, arguments=arguments)
    (found,) = inspect_uses([use], {"m:f": value})
    return found


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        (plus, 2),
        (waits, 1),
        (injecting, 1),
        (Model.predict, 2),
        (predict, 1),
        (part, 1),
        (model, 1),
        (Model, 1),
        (Model, 0),
        (str.upper, 1),
        (max, 7),
        (print, 3),
        (len, 1),
        (int, 1),
        (dict, 0),
    ],
)
def test_what_can_be_called_passes(value: Any, arguments: int) -> None:
    assert fault(value, arguments=arguments) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            plus,
            "'m:f' takes (x, y), but the task has 1 input: missing a required argument: 'y'; give "
            "the task as many inputs as its function takes",
        ),
        (scaled, "'m:f' takes (x, *, rate), but the task has 1 input: missing a required "),
        (
            Model.predict,
            "'m:f' takes (self, x), but the task has 1 input: missing a required argument: 'x'; "
            "it is a method without an object; make it a function",
        ),
        (yields, "'m:f' is a generator function, so calling it runs nothing; return a list"),
        (yields_later, "'m:f' is a generator"),
        (Model.stream, "'m:f' is a generator"),
        (streams, "'m:f' is a generator"),
        (Abstract, "'m:f' is an abstract class and cannot be instantiated"),
        (dict.fromkeys, None),
        (Model().encode, None),
    ],
)
def test_what_cannot_be_called_is_told_with_the_mend(value: Any, said: str | None) -> None:
    found = fault(value)

    assert found == said or (said is not None and found is not None and found.startswith(said))


def test_a_keyword_that_is_required_is_named_with_the_mend() -> None:
    assert (fault(scaled) or "").endswith("'rate'; give 'rate' a default, or make it positional")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (max, None),
        (plus, None),
        (waits, "'m:f' takes (x), but a comparator is called with the values of two or more"),
        (yields, "'m:f' is a generator"),
    ],
)
def test_a_comparator_takes_two_values_or_more(value: Any, said: str | None) -> None:
    found = fault(value, FunctionRole.COMPARATOR)

    assert found == said or (said is not None and found is not None and found.startswith(said))


@pytest.mark.parametrize(
    ("value", "arguments", "said"),
    [
        (print, 3, None),
        (waits, 1, "'m:f' is async, which only tasks and comparators can be; make it a plain def"),
        (yields, 1, "'m:f' is a generator"),
        (
            plus,
            3,
            "'m:f' takes (x, y), but write_fct is called with 3 arguments: too many positional "
            "arguments; change the function, or write_fct_args",
        ),
    ],
)
def test_a_function_of_a_data_node_runs_when_it_is_called(
    value: Any, arguments: int, said: str | None
) -> None:
    found = fault(value, FunctionRole.FUNCTION, arguments, "write_fct")

    assert found == said or (said is not None and found is not None and found.startswith(said))


@pytest.mark.parametrize(
    ("value", "role", "said"),
    [
        (json.JSONEncoder, FunctionRole.ENCODER, None),
        (json.JSONDecoder, FunctionRole.DECODER, None),
        (json.dumps, FunctionRole.ENCODER, "'m:f' is not a class such as json.JSONEncoder"),
        (json.JSONEncoder, FunctionRole.DECODER, "'m:f' is not a class such as json.JSONDecoder"),
        (
            Model,
            FunctionRole.ENCODER,
            "'m:f' cannot be created as json does it: got an unexpected keyword",
        ),
        (
            OwnStart,
            FunctionRole.ENCODER,
            "'m:f' cannot be created as json does it: got an unexpected keyword",
        ),
        (plus, FunctionRole.CLASS, "'m:f' is not a class"),
        (Model, FunctionRole.CLASS, None),
        (OSError, FunctionRole.EXCEPTION, None),
        (Model, FunctionRole.EXCEPTION, "'m:f' is not an exception class; name one"),
    ],
)
def test_a_class_is_of_the_kind_that_is_needed(
    value: Any, role: FunctionRole, said: str | None
) -> None:
    found = fault(value, role)

    assert found == said or (said is not None and found is not None and found.startswith(said))


@st.composite
def parameters(draw: st.DrawFn) -> str:
    """Return parameters of a function, as they stand in its source."""
    positional = [f"p{n}" for n in range(draw(st.integers(0, 3)))]
    defaults = draw(st.integers(0, len(positional)))
    parts = [
        name if n < len(positional) - defaults else f"{name}=0" for n, name in enumerate(positional)
    ]
    if draw(st.booleans()) and positional:
        parts.insert(draw(st.integers(1, len(positional))), "/")
    keywords = [
        draw(st.sampled_from(["{}", "{}=0"])).format(f"k{n}")
        for n in range(draw(st.integers(0, 2)))
    ]
    if draw(st.booleans()):
        parts.append("*rest")
    elif keywords:
        parts.append("*")
    parts += keywords
    if draw(st.booleans()):
        parts.append("**more")
    return ", ".join(parts)


@given(parameters(), st.integers(0, 4), st.booleans())
def test_what_passes_can_be_called_and_what_is_told_cannot(
    text: str, count: int, is_async: bool
) -> None:
    names: dict[str, Any] = {}
    exec(f"{'async ' * is_async}def f({text}): pass", names)

    found = fault(names["f"], arguments=count)

    try:
        result = names["f"](*range(count))
    except TypeError:
        assert found is not None
    else:
        assert found is None
        if inspect.iscoroutine(result):
            result.close()


def test_a_function_that_is_another_one_elsewhere_is_told() -> None:
    use = FunctionUse(
        entry_name="TASK.t", key="function", name="m:f", role=FunctionRole.TASK, arguments=1
    )
    given_one = FunctionUse(
        **{**{name: getattr(use, name) for name in use.__slots__}, "code": "line 1"}
    )

    (found,) = inspect_uses([given_one], {"m:f": waits})

    assert found is not None
    assert found.startswith(
        "'m:f' is a different function in a worker process than the one that was"
    )
    assert digest_code(waits) != digest_code(plus)


@pytest.mark.parametrize(
    ("properties", "task", "where"),
    [
        ({"read_query": "SELECT 1"}, "input", []),
        ({"read_query": "SELECT 1"}, "output", ["TASK.t.outputs"]),
        ({"write_query_builder": "builtins:str"}, "input", ["TASK.t.inputs"]),
        ({"write_query_builder": "builtins:str"}, "output", []),
        ({"read_query": "q", "append_query_builder": "builtins:str"}, "output", []),
        ({}, None, ["DATA_NODE.n.read_query"]),
        ({"read_query": "SELECT 1", "read_only": True}, "input", []),
    ],
)
def test_a_query_is_read_or_written_as_it_says_how(
    properties: dict[str, Any], task: str | None, where: list[str]
) -> None:
    registry = ConfigRegistry()
    node = registry.configure_sql_data_node("n", "d", "sqlite", **properties)
    if task is not None:
        registry.configure_task(
            "t",
            "builtins:max",
            node if task == "input" else None,
            node if task == "output" else None,
        )

    problems = registry.check()

    assert [problem.where.split(": ")[-1] for problem in problems] == where

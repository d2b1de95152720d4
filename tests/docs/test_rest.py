"""docs/rest.md against the description that a started server gives of itself."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers import StartedServer

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \| (\w+) \| ([\d, ]+) \| [^|]+ \|$", re.MULTILINE)
SECTION = re.compile(r"^### `([A-Z]+ /\S*)`\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
VARIABLES = {"$API": "/api/v1", "$SERVER": ""}
OF_POST = {"--data", "--data-binary", "-F"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What is said of one method of one path: who may, and what it answers."""

    role: str
    statuses: frozenset[str]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Operation]:
    with StartedServer(tmp_path_factory.mktemp("server")) as server:
        paths = server.http.get("/schema/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": Operation(
            role=operation.get("x-role", "none").removeprefix("TAIPY_"),
            statuses=frozenset(operation["responses"]),
        )
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, Operation]]:
    # The page says once, for all paths, that they may answer 503.
    return [
        (name, Operation(role=role, statuses=frozenset({*statuses.split(", "), "503"})))
        for name, role, statuses in ROW.findall(PAGE.read_text())
    ]


@pytest.fixture(scope="module")
def sections() -> list[tuple[str, str]]:
    return SECTION.findall(PAGE.read_text() + "\n##")


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each curl line of the examples; one may go on over several lines."""
    for block in BLOCK.findall(text):
        lines = iter(block.splitlines())
        for line in lines:
            command = line.removeprefix("$ ")
            if command == line:
                continue
            while command.endswith("\\") or command.count("'") % 2:
                command = command.removesuffix("\\") + next(lines)
            words = shlex.split(command)
            if words[0] == "curl":
                yield words


def asked_of(words: list[str]) -> str:
    """Return the method and the path that a curl line asks for."""
    (address,) = (word for word in words if word.startswith(tuple(VARIABLES)))
    variable, slash, path = address.partition("?")[0].partition("/")
    method = "GET" if OF_POST.isdisjoint(words) else "POST"
    if "-X" in words:
        method = words[words.index("-X") + 1]
    return f"{method} {VARIABLES[variable]}{slash}{path}"


def fits(asked: str, name: str) -> bool:
    """Whether a request is one of an operation, whose path has ``{...}`` for any one part."""
    parts = re.split(r"\{\w+\}", name)
    return re.fullmatch("[^/]+".join(re.escape(part) for part in parts), asked) is not None


def test_the_tables_have_every_operation_and_no_other(
    described: dict[str, Operation], rows: list[tuple[str, Operation]]
) -> None:
    assert sorted(name for name, _ in rows) == sorted(described)


def test_each_row_says_the_role_and_every_status(
    described: dict[str, Operation], rows: list[tuple[str, Operation]]
) -> None:
    wrong = {name: (said, described[name]) for name, said in rows if said != described[name]}

    assert wrong == {}


def test_the_sections_follow_the_tables(
    rows: list[tuple[str, Operation]], sections: list[tuple[str, str]]
) -> None:
    assert [name for name, _ in sections] == [name for name, _ in rows]


def test_the_first_example_of_each_section_is_a_request_of_its_operation(
    sections: list[tuple[str, str]],
) -> None:
    first = {name: next(map(asked_of, commands(text)), "nothing") for name, text in sections}

    assert {name: asked for name, asked in first.items() if not fits(asked, name)} == {}


def test_the_examples_ask_for_nothing_that_there_is_not(described: dict[str, Operation]) -> None:
    asked = {asked_of(words) for words in commands(PAGE.read_text())}

    assert {one for one in asked if not any(fits(one, name) for name in described)} == set()

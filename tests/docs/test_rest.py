"""docs/rest.md against the description that the server generates from its code."""

import re
from pathlib import Path

import pytest

from scenarist.bootstrap import open_server
from scenarist.config import Application, ConfigRegistry
from scenarist.executors.inline import InlineExecutor
from scenarist.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
HEADING = re.compile(r"^### `(\w+) (/\S*)`\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
ANSWERS = re.compile(r"Answers ([^.]*)")

Statuses = dict[str, set[str]]


@pytest.fixture
def described(tmp_path: Path) -> Statuses:
    """Return the statuses of each method and path."""
    settings = Settings(database=f"sqlite:///{tmp_path}/records.db", storage=f"{tmp_path}/data")
    application = Application(ConfigRegistry(), ())
    with open_server(application, settings, make_executor=InlineExecutor) as server:
        paths = server.asgi.openapi_schema.to_schema()["paths"]
    return {
        f"{method.upper()} {path}": set(operation["responses"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


@pytest.fixture(scope="module")
def documented() -> Statuses:
    found = {}
    for method, path, text in HEADING.findall(PAGE.read_text() + "\n##"):
        answers = ANSWERS.search(text)
        assert answers is not None, f"{method} {path} does not say what it answers"
        found[f"{method} {path}"] = set(re.findall(r"\b\d{3}\b", answers[1]))
    return found


def test_the_page_has_every_path_and_no_other(described: Statuses, documented: Statuses) -> None:
    assert sorted(documented) == sorted(described)


def test_each_path_names_its_statuses(described: Statuses, documented: Statuses) -> None:
    # The page says once, for all paths, that they may answer 503.
    assert {path: statuses | {"503"} for path, statuses in documented.items()} == described


def test_each_path_has_an_example() -> None:
    without = [
        path for _, path, text in HEADING.findall(PAGE.read_text() + "\n##") if "$ curl" not in text
    ]

    assert without == []

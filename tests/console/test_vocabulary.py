"""Words that the console repeats, because a browser cannot import them, are those of the server."""

import json
import re
from pathlib import Path

import pytest

from scenarist import console
from scenarist.domain.permissions import Role
from scenarist.domain.vocabulary import (
    FILE_STORAGE_TYPES,
    FINISHED_JOB_STATUSES,
    EntityType,
    JobStatus,
    PlannedAction,
    Scope,
    SubmissionStatus,
)

STATIC = Path(console.__file__).parent / "static"


def words_of(file: str, name: str) -> set[str]:
    """Return the strings of a constant list of a module."""
    found = re.search(rf"\b{name} = (\[[^\]]*\])", (STATIC / file).read_text())
    assert found is not None
    return set(json.loads(re.sub(r",\s*\]", "]", found[1])))


def keys_of(file: str, name: str) -> set[str]:
    """Return the keys of a constant object of a module."""
    found = re.search(rf"\b{name} = \{{(.*?)\n\}}", (STATIC / file).read_text(), re.DOTALL)
    assert found is not None
    return set(re.findall(r"^  (\w+):", found[1], re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [
        ("components.js", "order", set(JobStatus)),
        ("format.js", "ENDED", FINISHED_JOB_STATUSES),
        ("jobs.js", "STATUSES", set(JobStatus) - {JobStatus.SUBMITTED}),
        ("submissions.js", "STATUSES", set(SubmissionStatus)),
        ("submissions.js", "TYPES", set(EntityType)),
        ("data_nodes.js", "SCOPES", set(Scope)),
        ("data_nodes.js", "FILES", set(FILE_STORAGE_TYPES)),
        ("data_nodes.js", "UPLOADABLE", set(FILE_STORAGE_TYPES) - {"pickle"}),
    ],
)
def test_a_list_of_the_console_has_the_words_of_the_server(
    file: str, name: str, expected: set[str]
) -> None:
    assert words_of(file, name) == expected


def test_every_status_has_an_icon() -> None:
    assert keys_of("components.js", "ICONS") >= set(JobStatus) | set(SubmissionStatus)


def test_every_action_of_a_plan_has_a_label() -> None:
    assert keys_of("plan.js", "ACTIONS") == set(PlannedAction)


def test_the_console_knows_every_role() -> None:
    assert keys_of("session.js", "ROLES") == set(Role)

"""The state diagram of docs/concepts.md against the table that the code goes by."""

import re
from pathlib import Path

import pytest

from scenarist.domain.lifecycle import TRANSITIONS
from scenarist.domain.vocabulary import FINISHED_JOB_STATUSES, JobStatus

PAGE = Path(__file__).parents[2] / "docs" / "concepts.md"
START_OR_END = "[*]"


@pytest.fixture(scope="module")
def edges() -> list[tuple[str, str, str]]:
    """Return the edges of the diagram: from, to, label."""
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", PAGE.read_text(), re.DOTALL)
    kind, *lines = diagram.strip().splitlines()
    assert kind == "stateDiagram-v2"
    matches = [re.fullmatch(r" +(\S+) --> ([^:\s]+)(?:: (.+))?", line) for line in lines]
    return [(match[1], match[2], match[3] or "") for match in matches if match]


def test_the_diagram_has_every_transition_and_no_other(edges: list[tuple[str, str, str]]) -> None:
    drawn = [edge for edge in edges if START_OR_END not in edge]

    assert sorted(drawn) == sorted(
        (str(status), str(to), str(event)) for (status, event), to in TRANSITIONS.items()
    )


def test_a_job_starts_as_submitted_and_ends_finished(edges: list[tuple[str, str, str]]) -> None:
    assert [to for start, to, _ in edges if start == START_OR_END] == ["SUBMITTED"]
    assert {start for start, to, _ in edges if to == START_OR_END} == set(FINISHED_JOB_STATUSES)


def test_the_table_explains_every_status() -> None:
    explained = re.findall(r"^\| `([A-Z]+)` \|", PAGE.read_text(), re.MULTILINE)

    assert explained == list(JobStatus)

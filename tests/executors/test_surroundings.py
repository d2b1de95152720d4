"""Nothing of a job reaches the next one on the same worker."""

import json
import os
import subprocess
import sys

import pytest

from executors.desks import TESTS
from executors.leaks import LEAKS

ENDINGS = ("returns", "raises", "exits")


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[str, ...]]:
    """What was seen before each leak, in its job, and after it; and why not, if the worker goes."""
    file = tmp_path_factory.mktemp("leaks") / "seen"
    subprocess.run(
        [sys.executable, "-m", "executors.leaks", str(file)],
        env={**os.environ, "PYTHONPATH": TESTS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {(name, ending): tuple(seen) for name, ending, *seen in lines}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", LEAKS)
def test_the_next_job_finds_what_the_one_before_it_found(
    tried: dict[tuple[str, str], tuple[str, ...]], name: str, ending: str
) -> None:
    before, made, after, reason = tried[name, ending]

    assert made != before  # otherwise this shows nothing
    assert (reason is not None) == LEAKS[name].replaces
    assert after == before or reason is not None

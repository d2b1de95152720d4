"""Applications of Taipy, with only their import lines changed, do here what they do with Taipy."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from taipy_apps.catalog import APPS, UNLIKE, find_differences
from taipy_environment import needs_taipy, run_with_taipy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
RECORDED = HERE / "values.json"
"""What Taipy 4.1.1 makes of the applications; `make taipy-values` records it."""


def test_applications_of_taipy_do_the_same_here() -> None:
    theirs = json.loads(RECORDED.read_text())

    ended = subprocess.run(
        [sys.executable, str(HERE / "run_here.py")], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    ours = json.loads(ended.stdout.rstrip().rpartition("\n")[2])
    assert sorted(ours) == sorted(theirs) == sorted(APPS)
    differences = dict(find_differences(theirs, ours, ""))
    assert {path: text for path, text in differences.items() if path not in UNLIKE} == {}
    assert sorted(differences) == sorted(UNLIKE)


@needs_taipy
def test_what_was_recorded_is_what_taipy_makes_of_the_applications(tmp_path: Path) -> None:
    made = run_with_taipy(HERE / "run_on_taipy.py", folder=tmp_path, timeout=280)

    assert made == json.loads(RECORDED.read_text())

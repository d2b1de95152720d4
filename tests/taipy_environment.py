"""Runs code with Taipy 4.1.1, in the environment of its own that ``make taipy`` makes.

TAIPY_ENVIRONMENT names another folder than ``.venv-taipy``.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

_ENVIRONMENT = Path(os.environ.get("TAIPY_ENVIRONMENT", Path(__file__).parents[1] / ".venv-taipy"))

needs_taipy = pytest.mark.skipif(
    not (_ENVIRONMENT / ".installed").exists(),
    reason="compares with Taipy, which `make taipy` installs",
)


def run_with_taipy(script: Path, *arguments: str, folder: Path, timeout: float = 120) -> Any:
    """Run a script with Taipy's interpreter and return what it prints, read as JSON.

    The script prints JSON as its last line; earlier lines are ignored.

    Args:
        folder: The current folder of the script.

    Raises:
        AssertionError: The script failed; the message is its standard error.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAIPY_", "SCENARIST_", "PYTHONPATH"))
    }
    ended = subprocess.run(
        [str(_ENVIRONMENT / "bin/python"), str(script), *arguments],
        cwd=folder,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.rstrip().rpartition("\n")[2])

"""Prints constraints for pip: the oldest version of each library that pyproject.toml admits.

The tools of the tests are not libraries: they have the versions of constraints.txt.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOOLS = {"test", "bench"}
"""The extras that name tools."""

_REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(\[[\w,]+\])?[>=]=(?P<version>[\w.]+)")


def oldest_versions() -> dict[str, str]:
    """Return the oldest version of each library by its name in lower case.

    Raises:
        ValueError: A requirement does not begin with a name and its oldest version.
    """
    return {match["name"].lower(): match["version"] for match in map(_parse, _requirements())}


def tool_versions() -> dict[str, str]:
    """Return the version of each tool of the tests by its name in lower case."""
    extras = _project()["optional-dependencies"]
    names = {
        re.split(r"[\[=<>;]", line)[0].strip().lower() for name in TOOLS for line in extras[name]
    }
    return {name: version for name, version in pinned_versions().items() if name in names}


def pinned_versions() -> dict[str, str]:
    """Return the version of each line of constraints.txt by the name in lower case."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.lower().split("==") for line in lines if "==" in line]
    return {name.replace("_", "-"): version for name, version in pairs}


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def _requirements() -> list[str]:
    project = _project()
    extras = project["optional-dependencies"]
    return [
        *project["dependencies"],
        *(line for name, lines in extras.items() if name not in TOOLS for line in lines),
    ]


def _parse(requirement: str) -> re.Match[str]:
    match = _REQUIREMENT.match(requirement)
    if match is None:
        raise ValueError(f"{requirement!r} needs a name and an oldest version, such as x>=1.2,<2")
    return match


if __name__ == "__main__":
    for name, version in sorted({**tool_versions(), **oldest_versions()}.items()):
        print(f"{name}=={version}")

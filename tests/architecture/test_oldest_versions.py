"""Versions of libraries: the oldest that are admitted, and those that the tests run with."""

import re

from oldest_versions import oldest_versions, pinned_versions, tool_versions


def numbers_of(version: str) -> list[int]:
    return [int(part) for part in re.findall("[0-9]+", version)]


def test_a_library_is_pinned_to_its_oldest_version_or_a_newer_one() -> None:
    pinned = pinned_versions()

    for name, version in oldest_versions().items():
        assert numbers_of(pinned[name]) >= numbers_of(version), name


def test_tools_have_the_version_to_which_they_are_pinned() -> None:
    tools = tool_versions()

    assert tools["pytest"] == pinned_versions()["pytest"]
    assert not tools.keys() & oldest_versions().keys()

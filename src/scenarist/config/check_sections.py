"""Checks of single values of the documented sections."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from scenarist.config.entries import AuthenticationConfig, CoreConfig, JobConfig
from scenarist.config.values import as_int, iter_environment_faults, resolve
from scenarist.domain.errors import InvalidError
from scenarist.domain.text import NOT_A_LABEL, is_label

Findings = Iterator[tuple[str, str]]
"""Keys of one entry, each with a message: what is wrong, and how to fix it."""


def check_environment(values: Mapping[str, Any]) -> Findings:
    for key, value in values.items():
        for fault in iter_environment_faults(value):
            yield key, fault


def values_of(section: JobConfig | CoreConfig | AuthenticationConfig) -> dict[str, Any]:
    names = (item.name for item in fields(section) if item.name != "properties")
    return {name: getattr(section, name) for name in names} | dict(section.properties)


def check_word(key: str, value: object, words: tuple[str, ...]) -> Findings:
    # `check_environment` reports variables that are not set.
    if value is None or any(iter_environment_faults(value)):
        return
    if resolve(value) not in words:
        yield key, f"{value!r} is not a known value; use one of {', '.join(words)}"


def check_label(key: str, value: object) -> Findings:
    if value is None or any(iter_environment_faults(value)):
        return
    if (found := str(resolve(value))) and not is_label(found):
        yield key, f"{found[:200]!r} {NOT_A_LABEL}"


def check_number(key: str, value: object) -> Findings:
    if value is None or any(iter_environment_faults(value)):
        return
    try:
        number = as_int(resolve(value))
    except InvalidError as error:
        yield key, error.message
        return
    if number < 1:
        yield key, f"{number} is too small; give 1 or more"

"""Type suffixes, durations and references to the environment."""

from collections import Counter, OrderedDict, UserDict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.config import resolve
from scenarist.config.values import (
    Reference,
    as_duration,
    as_frequency,
    as_scope,
    escape_text,
    format_duration,
    parse_value,
)
from scenarist.domain.errors import InvalidError
from scenarist.domain.vocabulary import Frequency, Scope


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True:bool", True),
        ("off:bool", False),
        ("12:int", 12),
        ("1.5:float", 1.5),
        ("12:str", "12"),
        ("a:int:str", "a:int"),
        ("2026-11-23T08:00:00+00:00:datetime", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("1d2h3m4s:timedelta", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("plant.steps.fit:function", "plant.steps:fit"),
        ("plant.rows.Order:class", "plant.rows:Order"),
        ("CYCLE:SCOPE", Scope.CYCLE),
        ("Scope.GLOBAL:SCOPE", Scope.GLOBAL),
        ("MONTHLY:FREQUENCY", Frequency.MONTHLY),
        ("orders:SECTION", Reference("orders")),
        ("ends with a colon:", "ends with a colon:"),
        ("half past: ten", "half past: ten"),
        ("ENV[WORKERS]:int", "ENV[WORKERS]:int"),
        ("ENV[HOST]", "ENV[HOST]"),
        (7, 7),
        (["1:int", {"a": "no:bool"}], [1, {"a": False}]),
    ],
)
def test_a_suffix_says_what_a_text_stands_for(text: Any, value: Any) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x:int", "'x' is not a valid int; correct it, or write 'x:int:str' for plain text"),
        ("maybe:bool", "'maybe' is not a valid bool"),
        ("soon:datetime", "'soon' is not a valid datetime"),
        ("TEAM:SCOPE", "'TEAM' is not a scope; use one of SCENARIO, CYCLE, GLOBAL"),
        ("HOURLY:FREQUENCY", "'HOURLY' is not a frequency; use one of DAILY"),
        ("fit:function", "'fit' does not name a function; write 'package.module:name'"),
    ],
)
def test_a_text_that_does_not_fit_its_suffix_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_value(text)

    assert refused.value.message.startswith(message)


@given(st.text() | st.from_regex(r".*:(int|str|SECTION|function)", fullmatch=True))
def test_an_escaped_text_reads_back_as_it_was(text: str) -> None:
    assert parse_value(escape_text(text)) == text


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("7d0h0m0s", timedelta(days=7)),
        ("90m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("-1d", timedelta(days=-1)),
        ("1d 2h  3m 4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_a_duration_names_only_the_units_that_it_needs(text: str, duration: timedelta) -> None:
    assert as_duration(text) == duration


@pytest.mark.parametrize("value", ["", "-", "7", "d", "1.2.3s", "9999999999d", "2h 1d", 30])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(InvalidError, match="is not a duration"):
        as_duration(value)


@given(st.timedeltas())
def test_a_written_duration_reads_back_as_it_was(duration: timedelta) -> None:
    assert as_duration(format_duration(duration)) == duration


def test_a_member_is_its_own_scope_and_frequency() -> None:
    assert as_scope(Scope.CYCLE) is Scope.CYCLE
    assert as_frequency("Frequency.DAILY") is Frequency.DAILY


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ENV[PLANT]", "north"),
        ("ENV[PORT]", "8000"),
        ("ENV[PORT]:int", 8000),
        ("ENV[PORT]:float", 8000.0),
        ("ENV[FLAG]:bool", True),
        ("https://ENV[PLANT].example:ENV[PORT]/", "https://north.example:8000/"),
        (["ENV[PLANT]", {"port": "ENV[PORT]:int"}, 3], ["north", {"port": 8000}, 3]),
    ],
)
def test_references_become_the_values_of_variables(
    text: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANT", "north")
    monkeypatch.setenv("PORT", "8000")
    monkeypatch.setenv("FLAG", "yes")

    assert resolve(text) == value


@pytest.mark.parametrize("value", [Counter("aab"), OrderedDict(a=["x"]), UserDict(a=1)])
def test_a_value_without_references_is_kept_as_it_is(value: Any) -> None:
    assert resolve(value) is value


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANT", raising=False)

    with pytest.raises(InvalidError, match="the environment variable PLANT is not set"):
        resolve("ENV[PLANT]")


def test_the_value_of_a_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANT_KEY", "a secret")

    with pytest.raises(InvalidError) as refused:
        resolve("ENV[PLANT_KEY]:int")

    assert (
        refused.value.message
        == "the value of the environment variable PLANT_KEY is not of type int"
    )

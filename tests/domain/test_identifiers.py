"""Identifiers: sorted by time, and never shared by two names."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.domain.identifiers import (
    ScenarioId,
    find_sequence_name_fault,
    make_sequence_id,
    make_stable_uuid,
    make_uuid,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCENARIO = ScenarioId("SCENARIO_sales_0af956f2")

names = st.text(min_size=1, max_size=128).filter(
    lambda name: find_sequence_name_fault(name) is None
)


def test_a_uuid_is_of_version_7_and_tells_its_time() -> None:
    made = uuid.UUID(make_uuid(NOON))

    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == int(NOON.timestamp() * 1000)


def test_later_identifiers_sort_after_earlier_ones() -> None:
    made = [make_uuid(NOON + timedelta(milliseconds=number)) for number in range(50)]

    assert made == sorted(made)


def test_a_plain_name_stands_in_the_identifier_with_its_blanks_as_the_documentation_has_them() -> (
    None
):
    assert make_sequence_id("with space", SCENARIO) == (
        "SEQUENCE_withTPSPACEspace_SCENARIO_sales_0af956f2"
    )


@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1)), min_size=2))  # noqa: DTZ001
def test_stable_uuids_of_later_times_are_greater_and_of_the_same_equal(
    times: list[datetime],
) -> None:
    made = [make_stable_uuid(at.replace(tzinfo=UTC), f"node {at}") for at in sorted(times)]

    assert made == sorted(made)
    assert len(set(made)) == len(set(times))
    assert {uuid.UUID(item).version for item in made} == {7}


def test_a_stable_uuid_depends_on_its_source() -> None:
    assert make_stable_uuid(NOON, "one") != make_stable_uuid(NOON, "other")


def test_any_other_name_is_a_slug_with_a_digest() -> None:
    assert make_sequence_id("Größe/x", SCENARIO) == (
        "SEQUENCE_Gr-e-x-752daede_SCENARIO_sales_0af956f2"
    )


@given(names, names)
def test_two_names_never_share_an_identifier(one: str, other: str) -> None:
    assert (make_sequence_id(one, SCENARIO) == make_sequence_id(other, SCENARIO)) == (one == other)


@given(names)
def test_an_identifier_is_plain_in_a_path(name: str) -> None:
    assert all(
        letter.isascii() and (letter.isalnum() or letter in "_-.")
        for letter in make_sequence_id(name, SCENARIO)
    )


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "a sequence name must have 1 to 128 characters, not 0"),
        ("x" * 129, "a sequence name must have 1 to 128 characters, not 129"),
        (" planning", "a sequence name must not start or end with a blank"),
        ("two\nlines", "a sequence name must contain printable characters only"),
    ],
)
def test_a_name_that_cannot_be_is_told_why(name: str, fault: str) -> None:
    assert find_sequence_name_fault(name) == fault


@pytest.mark.parametrize("name", ["1abc", "class", "a-b", "x/y", "_TASK_", "Prognose für März"])
def test_names_that_the_documented_system_cannot_hold_are_allowed(name: str) -> None:
    assert find_sequence_name_fault(name) is None

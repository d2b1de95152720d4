"""Whether a skippable task has to run, and why."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from scenarist.domain.freshness import (
    CurrentOutput,
    RunReason,
    digest_provenance,
    find_run_reason,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MADE_OF = digest_provenance("TASK_t", ["edit 1", "edit 2"])
VALID = CurrentOutput(written_at=NOON - 3 * HOUR, made_of=MADE_OF, validity=None)
SWAPPED = digest_provenance("TASK_t", ["edit 2", "edit 1"])
OTHER_TASK = digest_provenance("TASK_u", ["edit 1", "edit 2"])


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([VALID], None),
        ([VALID, VALID], None),
        ([], RunReason.NO_OUTPUT),
        ([None], RunReason.FIRST_RUN),
        ([VALID, None], RunReason.FIRST_RUN),
        ([replace(VALID, made_of=None)], RunReason.INPUT_CHANGED),
        ([replace(VALID, made_of=SWAPPED)], RunReason.INPUT_CHANGED),
        ([replace(VALID, made_of=OTHER_TASK)], RunReason.INPUT_CHANGED),
        ([replace(VALID, made_of=f"another {MADE_OF}")], None),
        ([replace(VALID, is_in_place=False)], RunReason.OUTPUT_CHANGED),
        ([replace(VALID, is_of_other_code=True)], RunReason.CODE_CHANGED),
        ([VALID, replace(VALID, is_of_other_code=True)], RunReason.CODE_CHANGED),
        ([replace(VALID, validity=2 * HOUR)], RunReason.EXPIRED),
        ([replace(VALID, validity=3 * HOUR)], None),
        ([replace(VALID, written_at=NOON + HOUR)], None),
    ],
)
def test_a_task_is_skipped_while_its_outputs_are_valid_and_made_of_its_present_inputs(
    outputs: list[CurrentOutput | None], expected: RunReason | None
) -> None:
    assert find_run_reason(MADE_OF, outputs, NOON) is expected


def test_a_task_that_would_read_what_does_not_exist_yet_runs() -> None:
    assert find_run_reason(None, [VALID], NOON) is RunReason.INPUT_CHANGED


def test_a_task_is_skipped_only_if_nothing_at_all_speaks_for_a_run() -> None:
    faults: dict[str, Any] = {
        "made_of": SWAPPED,
        "is_in_place": False,
        "is_of_other_code": True,
        "validity": HOUR,
    }
    for chosen in product([False, True], repeat=len(faults)):
        changes = {
            name: value for (name, value), has in zip(faults.items(), chosen, strict=True) if has
        }
        reason = find_run_reason(MADE_OF, [VALID, replace(VALID, **changes)], NOON)
        assert (reason is None) == (not changes)

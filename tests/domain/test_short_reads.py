"""A read on the event loop goes on only within its bounds."""

import pytest

from scenarist.domain import short_reads
from scenarist.domain.short_reads import (
    LongReadError,
    count_steps,
    find_row_limit,
    require_thread,
    run_short_read,
    spend,
)


def test_a_read_within_its_bounds_returns_what_it_read() -> None:
    def read() -> str:
        spend(short_reads.MAX_ROWS, short_reads.MAX_BYTES)
        return "found"

    assert run_short_read(read) == "found"


@pytest.mark.parametrize(
    ("rows", "size"), [(short_reads.MAX_ROWS + 1, 0), (1, short_reads.MAX_BYTES + 1)]
)
def test_a_read_of_more_rows_or_bytes_is_long(rows: int, size: int) -> None:
    with pytest.raises(LongReadError):
        run_short_read(lambda: spend(rows, size))


def test_the_statements_of_a_read_share_its_bounds() -> None:
    def read() -> int | None:
        spend(short_reads.MAX_ROWS - 3)
        return find_row_limit()

    assert run_short_read(read) == 3


def test_a_statement_is_interrupted_after_its_steps() -> None:
    def read() -> list[bool]:
        return [count_steps() for _ in range(short_reads.MAX_COUNTS + 1)]

    assert run_short_read(read) == [*[False] * short_reads.MAX_COUNTS, True]


def test_files_and_workers_are_left_to_threads() -> None:
    with pytest.raises(LongReadError):
        run_short_read(require_thread)


def test_nothing_bounds_a_read_in_a_thread() -> None:
    with pytest.raises(LongReadError):
        run_short_read(require_thread)

    spend(short_reads.MAX_ROWS + 1, short_reads.MAX_BYTES + 1)
    require_thread()
    assert find_row_limit() is None
    assert not count_steps()

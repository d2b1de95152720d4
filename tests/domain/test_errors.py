"""Errors that several services raise."""

import pytest

from scenarist.domain.errors import NotFoundError, require_found


@pytest.mark.parametrize("found", ["a job", 0, (), True])
def test_what_was_found_is_returned(found: object) -> None:
    assert require_found(found, "job", "JOB_1") is found


@pytest.mark.parametrize("found", [None, False])
def test_what_was_not_found_is_an_error_that_names_it(found: bool | None) -> None:
    with pytest.raises(NotFoundError, match="no job has the identifier JOB_1"):
        require_found(found, "job", "JOB_1")

import pytest

from scenarist.domain.vocabulary import FILE_STORAGE_TYPES
from scenarist.storage.operations.transfers import find_format


@pytest.mark.parametrize("storage_type", FILE_STORAGE_TYPES)
def test_every_value_that_is_a_file_has_a_format_in_which_it_is_downloaded(
    storage_type: str,
) -> None:
    assert find_format(storage_type) is not None


@pytest.mark.parametrize("storage_type", ["in_memory", "sql", "generic"])
def test_other_values_have_none(storage_type: str) -> None:
    assert find_format(storage_type) is None

"""Where modules of an application are looked up."""

import sys
from pathlib import Path

import pytest

from scenarist.system.search_path import extend_search_path, list_application_folders


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    return [str(tmp_path / name) for name in ("own", "current")]


@pytest.mark.parametrize("known", [[], [0], [1], [0, 1], [1, 0]])
def test_the_first_folder_is_searched_before_the_second_unless_both_were_searched_before(
    folders: list[str], known: list[int]
) -> None:
    sys.path += [folders[number] for number in known]

    extend_search_path(folders)

    own, current = (sys.path.index(folder) for folder in folders)
    assert (own < current) == (known != [1, 0])
    assert list_application_folders() == folders
    assert [sys.path.count(folder) for folder in folders] == [1, 1]

"""The user's file: links, permissions, folders."""

from pathlib import Path

import pytest

from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.storage.base import Place, Target, Written
from scenarist.storage.kinds import find_storage, named_path, publish


def write(value: object, path: Path) -> Written:
    target = Target(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="json",
        folder="unused",
        properties={"path": str(path)},
    )
    return find_storage("json").write(value, target)


def test_link_stays_a_link_to_the_replaced_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    file = tmp_path / "real" / "plan.json"
    file.write_text("1")
    link = tmp_path / "plan.json"
    link.symlink_to(file)

    publish(write(2, link))

    assert link.is_symlink()
    assert file.read_text() == "2"


def test_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("1")
    file.chmod(0o600)

    publish(write(2, file))

    assert file.stat().st_mode & 0o777 == 0o600


def test_staged_file_is_hidden_beside_the_users(tmp_path: Path) -> None:
    written = write(1, tmp_path / "plan.json")

    assert written.staged == str(tmp_path / ".EDIT_1.staged")


def test_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is a folder; name a file"):
        write(1, tmp_path)


def test_publish_that_cannot_rename_keeps_the_staged_file(tmp_path: Path) -> None:
    written = write(1, tmp_path / "plan.json")
    (tmp_path / "plan.json").mkdir()

    with pytest.raises(UnavailableError, match="the new value waits in"):
        publish(written)

    assert (tmp_path / ".EDIT_1.staged").read_text() == "1"


def test_publish_after_everything_was_removed_does_nothing(tmp_path: Path) -> None:
    written = write(1, tmp_path / "folder" / "plan.json")
    (tmp_path / "folder" / ".EDIT_1.staged").unlink()
    (tmp_path / "folder").rmdir()

    publish(written)

    assert not (tmp_path / "folder").exists()


def test_folder_in_place_of_a_value_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="cannot be opened"):
        find_storage("json").read(Place(storage_type="json", uri=str(tmp_path)))


def test_path_with_a_null_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="DATANODE_plan_1"):
        write(1, tmp_path / "pl\0an")


def test_data_node_without_a_path_has_no_named_path() -> None:
    assert named_path({"encoding": "utf-8"}) is None

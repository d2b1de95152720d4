"""The user's file: links, permissions, folders."""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.registry import (
    explain_missing,
    find_file_state,
    find_storage,
    named_path,
    publish,
    require_file_state,
)


def write(value: object, path: Path) -> WrittenValue:
    target = WriteTarget(
        data_node_id="DATANODE_plan_1",
        edit_id="EDIT_1",
        storage_type="json",
        folder="unused",
        properties={"path": str(path)},
    )
    return find_storage("json").write(value, target)


def gone(path: Path) -> None:
    pass


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere.json")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def a_file_above(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


def no_folder(path: Path) -> None:
    path.parent.rmdir()


TROUBLES = [
    (gone, "there is no file at {path}", "the file at {path} existed before and is gone; restore"),
    (
        no_folder,
        "there is no file at {path}, nor its folder {folder}",
        "the file at {path} existed before and is gone; restore it, or write the data node",
    ),
    (
        a_folder,
        "{path} is a folder, but a json data node needs a file",
        "{path} is a folder; name a file",
    ),
    (
        a_link_to_nothing,
        "{path} is a link to {folder}/elsewhere.json, which does not exist",
        "{path} is a link to {folder}/elsewhere.json, which does not exist; restore it, or fix",
    ),
    (
        a_link_to_itself,
        "{path} cannot be opened: OSError",
        "{path} cannot be opened: OSError",
    ),
    (
        a_file_above,
        "there is no file at {path}: {folder} is a file, not a folder",
        "there is no file at {path}: {folder} is a file, not a folder",
    ),
]


@pytest.mark.parametrize(("make", "never_there", "once_there"), TROUBLES)
def test_what_is_wrong_at_a_path_is_told(
    make: Callable[[Path], None], never_there: str, once_there: str, tmp_path: Path
) -> None:
    path = tmp_path / "plans" / "plan.json"
    path.parent.mkdir()
    make(path)
    names = {"path": path, "folder": path.parent}

    told = explain_missing("json", {"path": str(path)})
    assert told is not None
    assert told.startswith(never_there.format(**names))
    with pytest.raises((InvalidError, NotFoundError)) as refused:
        find_storage("json").read(ValueLocation(storage_type="json", uri=str(path)))
    assert refused.value.message.startswith(once_there.format(**names))


@pytest.fixture
def plan() -> Iterator[Path]:
    """A file below folders that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "plans" / "plan.json"
        path.parent.mkdir(mode=0o755)
        path.write_text("1")
        yield path


@contextmanager
def denied(path: Path) -> Iterator[None]:
    """Take a file or folder from its owner, and be no longer root, whom that would not keep out."""
    mode = path.stat().st_mode
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        path.chmod(mode)


def test_folder_that_the_server_may_not_enter_is_told(plan: Path) -> None:
    with denied(plan.parent):
        told = explain_missing("json", {"path": str(plan)})
        with pytest.raises(InvalidError) as unread:
            find_storage("json").read(ValueLocation(storage_type="json", uri=str(plan)))
        with pytest.raises(UnavailableError) as unwritten:
            write(1, plan)

    assert told == unread.value.message
    assert told == (
        f"{plan} cannot be opened: permission denied; allow the user that runs the server to"
        " read it and to search the folders above it"
    )
    assert "permission denied; allow the user that runs the server to write it" in (
        unwritten.value.message
    )


def test_file_that_the_server_may_not_read_is_told(plan: Path) -> None:
    with denied(plan), pytest.raises(InvalidError, match="cannot be opened: permission denied"):
        find_storage("json").read(ValueLocation(storage_type="json", uri=str(plan)))


def test_file_in_the_place_of_a_folder_is_told_to_who_writes(tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("")

    with pytest.raises(UnavailableError, match="plans is a file, not a folder; name another path"):
        write(1, tmp_path / "plans" / "plan.json")


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

    with pytest.raises(UnavailableError, match="the new value is in"):
        publish(written)

    assert (tmp_path / ".EDIT_1.staged").read_text() == "1"


def test_publish_after_everything_was_removed_does_nothing(tmp_path: Path) -> None:
    written = write(1, tmp_path / "folder" / "plan.json")
    (tmp_path / "folder" / ".EDIT_1.staged").unlink()
    (tmp_path / "folder").rmdir()

    publish(written)

    assert not (tmp_path / "folder").exists()


def test_folder_in_place_of_a_value_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is a folder; name a file"):
        find_storage("json").read(ValueLocation(storage_type="json", uri=str(tmp_path)))


def test_what_is_not_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "plan.json")

    for path in (tmp_path / "plan.json", Path("/dev/zero")):
        with pytest.raises(InvalidError, match=f"{path} cannot be opened: .*not a regular file"):
            find_storage("json").read(ValueLocation(storage_type="json", uri=str(path)))


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_what_is_not_a_file_is_not_replaced(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")

    with pytest.raises(InvalidError, match=f"{tmp_path / name}, is not a regular file"):
        write(1, tmp_path / name)

    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_what_became_a_pipe_before_the_publication_is_not_replaced(tmp_path: Path) -> None:
    written = write(1, tmp_path / "plan.json")
    os.mkfifo(tmp_path / "plan.json")

    with pytest.raises(UnavailableError, match="it is not a regular file"):
        publish(written)

    assert (tmp_path / "plan.json").is_fifo()


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_file_that_the_machine_cannot_look_at_is_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(path: str) -> os.stat_result:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(UnavailableError, match=r"/mnt/plan.json cannot be opened"):
        require_file_state("json", {"path": "/mnt/plan.json"})


@pytest.mark.parametrize(
    ("number", "is_of_machine"), [(errno.EIO, True), (errno.ESTALE, True), (errno.EACCES, False)]
)
def test_data_set_of_which_a_folder_cannot_be_listed_is_not_taken_for_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, is_of_machine: bool
) -> None:
    for year in ("year=2025", "year=2026"):
        (tmp_path / year).mkdir()
        (tmp_path / year / "rows.parquet").touch()
    properties = {"path": str(tmp_path)}
    whole = require_file_state("parquet", properties)
    scandir = os.scandir

    def fail(path: str) -> object:
        if path.endswith("2026"):
            raise OSError(number, os.strerror(number), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fail)

    assert whole is not None
    assert find_file_state("parquet", properties) is None
    assert f"{tmp_path}/year=2026 cannot be opened" in (
        explain_missing("parquet", properties) or ""
    )
    if is_of_machine:
        with pytest.raises(UnavailableError, match="year=2026"):
            require_file_state("parquet", properties)


def test_path_with_a_null_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="DATANODE_plan_1"):
        write(1, tmp_path / "pl\0an")


def test_data_node_without_a_path_has_no_named_path() -> None:
    assert named_path({"encoding": "utf-8"}) is None

"""What a server makes is for its own user alone, whatever the umask and whatever was there."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import StartedServer

pytestmark = pytest.mark.e2e

OF_THE_USER = {"posted.csv", "jar.p"}
# Whatever has no mode of its own is for others, too, and differs from what no umask gives.
UMASK = 0o002


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """A server that has done one of each, in folders that were there with rights for everybody."""
    folder = tmp_path_factory.mktemp("modes") / ".scenarist"
    for path in (folder, folder / "data", folder / "data" / "pickles"):
        path.mkdir()
        path.chmod(0o777)
    for name, mode in (("scenarist.db", 0o664), ("jar.p", 0o640)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    with StartedServer(folder, app="shelf.py", umask=UMASK) as started:
        use(started)
        yield started


def use(server: StartedServer) -> None:
    http, large = server.http, ["x" * 1_000] * 100
    shelf = server.create("shelf")
    made = server.create("crowded")
    assert server.submit(made["sequences"]["all"]["id"])["status"] == "COMPLETED"
    nodes = shelf["node_of"]
    for name, data in (("notes", large), ("posted", [{"a": 1}]), ("jar", 1), ("loose", large)):
        path = f"/api/v1/datanodes/{nodes[name]}/write"
        done = http.put(path, json=data, headers={"Idempotency-Key": name})
        assert done.is_success, done.text
    table = b"a\n" + b"1234567\n" * 20_000
    uploaded = http.post(
        f"/api/v1/datanodes/{nodes['items']}/upload", files={"file": ("items.csv", table)}
    )
    assert uploaded.is_success, uploaded.text
    assert http.get(f"/api/v1/datanodes/{nodes['items']}/download").content == table
    assert http.post(f"/api/v1/datanodes/{nodes['notes']}/lock", json={}).is_success
    subscribed = http.post(
        f"/api/v1/scenarios/{shelf['id']}/subscribers", json={"url": "https://example.com/"}
    )
    assert subscribed.is_success, subscribed.text


def rights_of_others(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): stat.filemode(path.lstat().st_mode)
        for path in (folder, *folder.rglob("*"))
        if path.name not in OF_THE_USER and path.lstat().st_mode & 0o077
    }


def test_no_file_folder_or_socket_can_be_used_by_others(server: StartedServer) -> None:
    kinds = {path.suffix for path in server.folder.rglob("*")}

    assert rights_of_others(server.folder) == {}
    assert {".db", ".db-wal", ".key", ".bells", ".p", ".json", ".csv"} <= kinds


def test_files_of_the_user_have_the_modes_that_the_user_gives(server: StartedServer) -> None:
    assert stat.S_IMODE((server.folder / "jar.p").stat().st_mode) == 0o640
    assert stat.S_IMODE((server.folder / "posted.csv").stat().st_mode) == 0o666 & ~UMASK


def test_a_folder_of_the_user_stays_as_it_is_and_the_start_tells_of_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    with StartedServer(tmp_path, umask=0o022) as server:
        told = [line["event"] for line in server.lines]

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o755
    assert (
        f"other users of this machine can read the storage folder {tmp_path}/data; revoke that "
        f"with: chmod go-rwx {tmp_path}/data"
    ) in told

"""A storage that machines share: what may name one, what it says when it cannot be used."""

import sys
from datetime import UTC, datetime, timedelta

import fsspec  # type: ignore[import-untyped]
import pytest
from fsspec.registry import _registry  # type: ignore[import-untyped]

from external_servers import BUCKET, ObjectStore
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.files import remote
from scenarist.storage.files.orphans import iter_node_folders
from scenarist.storage.files.value_files import open_file
from scenarist.storage.registry import find_storage, remove_files
from storage.homes import BucketHome, Home

SECRET = "not for anybody's eyes"


@pytest.fixture
def bucket(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> BucketHome:
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return BucketHome(object_store, "shared")


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have those that ask for a bucket find a closed port."""
    settings = {"endpoint_url": "http://127.0.0.1:9", "key": "anybody", "secret": SECRET}
    monkeypatch.setitem(fsspec.config.conf, "s3", settings)


def test_a_url_is_recorded_without_the_slash_at_its_end(bucket: BucketHome) -> None:
    assert remote.prepare_url(f"{bucket.folder}//") == bucket.folder
    assert bucket.files() == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://plans", "memory of one process"),
        ("memory://", "names no bucket or host"),
        ("s3://", "names no bucket or host"),
        ("simplecache::s3://plans", "names no bucket or host"),
        ("floppy://plans", "Protocol not known: floppy"),
        (f"sftp://me:{SECRET}@host/plans", "sftp://host/plans must not have a password"),
        (f"s3://plans?key={SECRET}", "s3://plans must not have a password"),
        (f"s3://plans#{SECRET}", "s3://plans must not have a password"),
        ("s3://[plans", "is not valid"),
    ],
)
def test_what_names_no_shared_storage_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said) as caught:
        remote.prepare_url(url)

    assert SECRET not in caught.value.message


@pytest.mark.parametrize(
    ("module", "url", "said"),
    [
        ("s3fs", "s3://plans", r"pip install 'scenarist\[s3\]'"),
        ("fsspec", "s3://plans", r"pip install 'scenarist\[s3\]'"),
        ("gcsfs", "gs://plans", "gs://plans needs a library: .*gcsfs"),
    ],
)
def test_library_that_is_missing_is_named(
    module: str, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(_registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(InvalidError, match=said):
        remote.prepare_url(url)


def test_bucket_that_is_not_there_is_told(bucket: BucketHome) -> None:
    with pytest.raises(UnavailableError, match=r"s3://nowhere/.*bucket does not exist"):
        remote.prepare_url("s3://nowhere")


def test_storage_that_refuses_the_credentials_is_told(
    bucket: BucketHome, object_store: ObjectStore
) -> None:
    with (
        object_store.checking_credentials(),
        pytest.raises(UnavailableError, match=f"the storage cannot be used: {bucket.folder}/"),
    ):
        remote.prepare_url(bucket.folder)


@pytest.mark.usefixtures("nobody_listens")
def test_storage_that_does_not_answer_is_unavailable_for_every_use() -> None:
    uri = f"s3://{BUCKET}/values/jsons/DATANODE_1/EDIT_1.json"
    target = WriteTarget(
        data_node_id="DATANODE_1", edit_id="E", storage_type="json", folder=f"s3://{BUCKET}"
    )
    storage = find_storage("json")
    place = ValueLocation(storage_type="json", uri=uri)

    for use in (
        lambda: remote.prepare_url(f"s3://{BUCKET}"),
        lambda: storage.write(list(range(30_000)), target),
        lambda: storage.read(place),
        lambda: remote.open_file(uri),
        lambda: list(iter_node_folders(f"s3://{BUCKET}", datetime.now(UTC))),
    ):
        with pytest.raises(UnavailableError, match=f"s3://{BUCKET}") as caught:
            use()
        assert SECRET not in caught.value.message
    assert list(remove_files([uri], with_folders=True)) == [uri]


EDIT = "01980000-0000-7000-8000-000000000001"


def test_files_of_edits_that_have_not_changed_for_a_while_are_found(bucket: BucketHome) -> None:
    uris = [
        bucket.put(f"jsons/DATANODE_{number}/{EDIT}.{end}", b"1")
        for number, end in ((1, "json"), (2, "json"), (2, "p"))
    ]
    bucket.put("jsons/DATANODE_1/notes.json", b"mine")
    bucket.put(f"letters/{EDIT}.json", b"mine")
    now = datetime.now(UTC)

    found = list(iter_node_folders(bucket.folder, now + timedelta(hours=1)))

    assert [(item.data_node_id, item.old_files) for item in found] == [
        ("DATANODE_1", (uris[0],)),
        ("DATANODE_2", (uris[1], uris[2])),
    ]
    assert list(iter_node_folders(bucket.folder, now - timedelta(hours=1))) == []
    assert list(iter_node_folders(f"{bucket.folder}/nothing", now)) == []


def test_files_are_removed_and_those_that_are_gone_are_no_error(home: Home) -> None:
    uris = [home.put(f"jsons/DATANODE_1/{name}.json", b"1") for name in ("a", "b", "c")]

    left = remove_files(
        [*uris[:2], f"{home.folder}/jsons/DATANODE_9/gone.json"], with_folders=False
    )

    assert left == {}
    assert home.files() == ["jsons/DATANODE_1/c.json"]


def test_file_is_read_piece_by_piece(home: Home) -> None:
    uri = home.put("plan.dat", b"0123456789" * 1000)

    with open_file(uri) as file:
        pieces = [file.read(6_000), file.read(6_000), file.read(6_000)]

    assert [len(piece) for piece in pieces] == [6_000, 4_000, 0]
    assert b"".join(pieces) == b"0123456789" * 1000


def test_file_that_is_gone_cannot_be_opened(home: Home) -> None:
    with pytest.raises(NotFoundError, match=f"{home.folder}/gone"):
        open_file(f"{home.folder}/gone")

"""A store that takes connections and says nothing is given up, with the reason."""

from collections.abc import Callable, Iterator
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
import s3fs  # type: ignore[import-untyped]  # noqa: F401 - no limit here is for its import

from scenarist.domain.errors import UnavailableError
from scenarist.storage.base import ValueLocation, WriteTarget
from scenarist.storage.external import databases, mongo, s3
from scenarist.storage.files import remote
from scenarist.storage.registry import find_storage
from servers import PATIENCE_SECONDS
from silent_server import SilentServer

URL = "s3://bucket/value"
FOR_EVER = 3600


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentServer]:
    """A server for all of them, and limits that are short; the kinds of limits stay."""
    with SilentServer() as server:
        monkeypatch.setitem(fsspec.config.conf, "s3", server.s3_settings)
        limits = {"connect_timeout": 0.3, "read_timeout": 0.3, "retries": {"total_max_attempts": 1}}
        assert limits.keys() == remote.S3_LIMITS.keys()
        for module in (remote, s3):
            monkeypatch.setattr(module, "S3_LIMITS", limits)
        # The first write makes a client, which takes a while on a busy machine.
        monkeypatch.setattr(remote, "WRITE_SECONDS", 4.0)
        monkeypatch.setattr(mongo, "_LIMITS", dict.fromkeys(mongo._LIMITS, 300))
        monkeypatch.setattr(databases, "_CONNECT_SECONDS", 1)
        yield server


def _properties(storage_type: str, server: SilentServer) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        "s3_object": {
            "aws_access_key": "anybody",
            "aws_secret_access_key": "anything",
            "aws_s3_bucket_name": "bucket",
            "aws_s3_object_key": "value",
            "aws_s3_client_parameters": {"endpoint_url": server.url},
        },
        "mongo_collection": {
            "db_name": "plans",
            "collection_name": "values",
            "db_host": "127.0.0.1",
            "db_port": server.port,
        },
        "sql": {
            "db_engine": "postgresql",
            "db_name": "plans",
            "db_username": "anybody",
            "db_password": "anything",
            "db_host": "127.0.0.1",
            "db_port": server.port,
            "read_query": "SELECT 1",
        },
    }
    return known[storage_type]


@pytest.mark.parametrize(
    "call",
    [
        lambda: remote.write_new(URL, b"new"),
        lambda: remote.open_whole(URL),
        lambda: remote.open_file(URL),
        lambda: list(remote.iter_files("s3://bucket/folder")),
        lambda: remote.prepare_url("s3://bucket/folder"),
    ],
    ids=["write", "read whole", "read in pieces", "list", "prepare"],
)
def test_a_call_to_a_shared_storage_ends(silent: SilentServer, call: Callable[[], object]) -> None:
    with pytest.raises(UnavailableError):
        call()

    assert silent.is_asked.wait(PATIENCE_SECONDS)


def test_files_of_a_shared_storage_that_cannot_be_removed_are_named(silent: SilentServer) -> None:
    assert remote.remove([URL]).keys() == {URL}


@pytest.mark.parametrize("storage_type", ["s3_object", "mongo_collection", "sql"])
def test_a_read_of_an_external_storage_ends(silent: SilentServer, storage_type: str) -> None:
    properties = _properties(storage_type, silent)

    with pytest.raises(UnavailableError):
        find_storage(storage_type).read(
            ValueLocation(storage_type=storage_type, properties=properties)
        )

    assert silent.is_asked.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("storage_type", ["s3_object", "mongo_collection"])
def test_a_write_to_an_external_storage_ends(silent: SilentServer, storage_type: str) -> None:
    target = WriteTarget(
        data_node_id="DATANODE_x",
        edit_id="edit",
        storage_type=storage_type,
        folder="",
        properties=_properties(storage_type, silent),
    )

    with pytest.raises(UnavailableError):
        find_storage(storage_type).write("text" if storage_type == "s3_object" else [{}], target)


def test_an_author_may_say_how_long_an_object_store_may_be_silent(
    silent: SilentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "S3_LIMITS", {**remote.S3_LIMITS, "read_timeout": FOR_EVER})
    properties = _properties("s3_object", silent)
    given = properties["aws_s3_client_parameters"] | {"read_timeout": 0.2, "connect_timeout": 5}
    place = ValueLocation(
        storage_type="s3_object", properties={**properties, "aws_s3_client_parameters": given}
    )

    with pytest.raises(UnavailableError, match="ReadTimeoutError"):
        find_storage("s3_object").read(place)

"""Starts real servers of others, on which external storages keep their values."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import boto3  # type: ignore[import-untyped]
import httpx
from moto.server import ThreadedMotoServer
from pymongo import MongoClient
from pymongo.database import Database

BUCKET = "plans"


class MongoServer:
    """SecantusDB in a process of its own, with its files in one folder, on a free port."""

    def __init__(self, folder: str, *options: str) -> None:
        command = [sys.executable, "-m", "secantus", "--port=0", f"--storage-path={folder}"]
        self._process = subprocess.Popen(
            [*command, "--standalone", "--cache-size=64M", *options],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        assert "listening on" in line, line
        self.port = int(line.rpartition(":")[2])
        # Nobody else reads what it logs, and a full pipe would stop it.
        self._drain = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._drain.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def properties(self, collection_name: str, **properties: Any) -> dict[str, Any]:
        """Return the properties of a data node that lies on this server."""
        return {
            "db_name": "factory",
            "collection_name": collection_name,
            "db_host": "127.0.0.1",
            "db_port": self.port,
            **properties,
        }

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        """Connect past the storage; give the database of the data nodes."""
        with MongoClient[dict[str, Any]]("127.0.0.1", self.port) as client:
            yield client["factory"]

    @contextmanager
    def failing(self, command: str, code: int) -> Iterator[None]:
        """Answer a command with an error, once."""
        with self.database() as database:
            database.client.admin.command(
                "configureFailPoint",
                "failCommand",
                mode={"times": 1},
                data={"failCommands": [command], "errorCode": code},
            )
            yield
            database.client.admin.command("configureFailPoint", "failCommand", mode="off")


class ObjectStore:
    """Moto's S3 over HTTP in a thread, on a free port, with one empty bucket."""

    def __init__(self) -> None:
        self._start(0)
        _, self._port = self._server.get_host_and_port()
        self.address = f"http://127.0.0.1:{self._port}"
        with self.client("s3") as s3:
            s3.create_bucket(Bucket=BUCKET)

    def _start(self, port: int) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def start_again(self) -> None:
        """Start after `stop`, at the same address and with all that was there."""
        self._start(self._port)

    @property
    def environment(self) -> dict[str, str]:
        """What the environment must say for a bucket of this server to be found and let in."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @contextmanager
    def client(self, service: str) -> Iterator[Any]:
        client = boto3.client(
            service,
            endpoint_url=self.address,
            aws_access_key_id="anybody",
            aws_secret_access_key="anything",
            region_name="us-east-1",
        )
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def checking_credentials(self) -> Iterator[None]:
        """Let in only users that it knows, with what these are allowed to do."""
        self._set_unchecked_calls("0")
        try:
            yield
        finally:
            self._set_unchecked_calls("inf")

    def properties(self, key: str, **properties: Any) -> dict[str, Any]:
        """Return the properties of a data node that lies on this server."""
        return {
            "aws_access_key": "anybody",
            "aws_secret_access_key": "anything",
            "aws_s3_bucket_name": BUCKET,
            "aws_s3_object_key": key,
            "aws_region": "us-east-1",
            "aws_s3_client_parameters": {"endpoint_url": self.address},
            **properties,
        }

    def _set_unchecked_calls(self, count: str) -> None:
        answer = httpx.post(f"{self.address}/moto-api/reset-auth", content=count)
        assert answer.is_success, answer.text

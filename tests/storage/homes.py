"""Where files of values lie whose place the system names: a folder, or a shared storage."""

from pathlib import Path
from typing import Protocol

from external_servers import BUCKET, ObjectStore


class Home(Protocol):
    folder: str
    """What a target names, without a slash at its end."""

    def files(self) -> list[str]:
        """Return the names of all files below it."""

    def read(self, uri: str) -> bytes: ...
    def put(self, name: str, data: bytes) -> str:
        """Put a file there past the storages; return its URI."""


class FolderHome:
    def __init__(self, folder: Path) -> None:
        self._path = folder
        self.folder = str(folder)

    def files(self) -> list[str]:
        found = self._path.rglob("*")
        return sorted(str(path.relative_to(self._path)) for path in found if path.is_file())

    def read(self, uri: str) -> bytes:
        return Path(uri).read_bytes()

    def put(self, name: str, data: bytes) -> str:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)


class BucketHome:
    def __init__(self, store: ObjectStore, name: str) -> None:
        self._store = store
        self._prefix = f"{name}/"
        self.folder = f"s3://{BUCKET}/{name}"

    def files(self) -> list[str]:
        with self._store.client("s3") as s3:
            found = s3.list_objects_v2(Bucket=BUCKET, Prefix=self._prefix).get("Contents", [])
        return sorted(item["Key"].removeprefix(self._prefix) for item in found)

    def read(self, uri: str) -> bytes:
        with self._store.client("s3") as s3:
            key = uri.removeprefix(f"s3://{BUCKET}/")
            with s3.get_object(Bucket=BUCKET, Key=key)["Body"] as body:
                data: bytes = body.read()
        return data

    def put(self, name: str, data: bytes) -> str:
        with self._store.client("s3") as s3:
            s3.put_object(Bucket=BUCKET, Key=f"{self._prefix}{name}", Body=data)
        return f"{self.folder}/{name}"

"""Data nodes: values, read and written as Python values, data frames and files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from scenarist import schemas
from scenarist.client.data_frames import as_frame, as_json
from scenarist.client.entities import AnyOf, Entities, Listing, Timestamp, build_if_match
from scenarist.client.errors import TruncatedError
from scenarist.client.transport import Call, path_of
from scenarist.domain.vocabulary import JoinOperator

if TYPE_CHECKING:
    import pandas as pd

FilePath = str | os.PathLike[str]
"""The path of a file."""

_CHUNK_BYTES = 256 * 1024  # bytes of a file that are in memory at a time
_BYTES = "application/octet-stream"


class DataNodes(Entities[schemas.DataNode]):
    _name = "datanodes"
    _results = schemas.Results[schemas.DataNode]

    def _read_one(self, body: bytes) -> schemas.DataNode:
        return self._transport.read(body, schemas.OneDataNode).datanode

    def create(self, config_id: str) -> schemas.DataNode:
        """Create the data node of a config without an owner, or return the existing one."""
        query = {"config_id": config_id}
        call = Call(method="POST", path=path_of(self._name), query=query, may_repeat=True)
        return self._transport.fetch(call, schemas.DataNodeAnswer).datanode

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a data node that has no owner, with its values."""
        self._delete(id, if_match)

    def read(
        self,
        id: str,
        *,
        columns: Sequence[str] | None = None,
        where: Sequence[str] | str | None = None,
        join_operator: JoinOperator | str | None = None,
        limit: int | None = None,
        edit_id: str | None = None,
    ) -> Any:
        """Return the value, or a part of it; a table as a list of records.

        Args:
            columns: Only these columns, in this order.
            where: Only rows that meet these conditions, such as ``"temp:GREATER_THAN:20"``.
            join_operator: ``OR`` if one of several conditions is enough.
            limit: The maximum number of rows.
            edit_id: A past edit instead of the newest.

        Raises:
            NotFoundError: There is no such data node, or it has no value yet.
            TruncatedError: It is a large pickled value, of which the server has only a preview.
        """
        query = {
            "columns": None if columns is None else ",".join(columns),
            "where": [where] if isinstance(where, str) else where,
            "join_operator": join_operator,
            "limit": limit,
            "edit_id": edit_id,
        }
        call = Call(
            method="GET", path=path_of(self._name, id, "read"), query=query, wait_seconds=60
        )
        value = self._transport.fetch(call, schemas.Value)
        if value.truncated is True:
            raise TruncatedError(
                f"the value of {id} is large, and the server returned only its beginning; request "
                "a part of it (limit, columns, where), or download it",
                value.data,
            )
        return value.data

    def read_frame(
        self,
        id: str,
        *,
        columns: Sequence[str] | None = None,
        where: Sequence[str] | str | None = None,
        join_operator: JoinOperator | str | None = None,
        limit: int | None = None,
        edit_id: str | None = None,
    ) -> "pd.DataFrame":
        """Return a table as a pandas data frame; dates are strings, as in JSON.

        The arguments are those of `read`.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        value = self.read(
            id,
            columns=columns,
            where=where,
            join_operator=join_operator,
            limit=limit,
            edit_id=edit_id,
        )
        return as_frame(value, columns)

    def write(
        self,
        id: str,
        value: object,
        *,
        editor_id: str | None = None,
        comment: str | None = None,
        if_match: str | None = None,
    ) -> schemas.DataNodeWritten:
        """Write a value: anything that JSON can represent, or a data frame.

        Args:
            editor_id: The name of the editor; the default is the actor of the request.
            comment: The reason.
            if_match: The tag of the data node; the write fails if it has changed since.

        Raises:
            ConflictError: A job that has not ended uses the data node, or another editor has locked
                it.
        """
        call = Call(
            method="PUT",
            path=path_of(self._name, id, "write"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**build_if_match(if_match), "Content-Type": "application/json"},
            content=as_json(value),
        )
        return self._transport.fetch(call, schemas.DataNodeWritten)

    def append(
        self,
        id: str,
        value: object,
        *,
        editor_id: str | None = None,
        comment: str | None = None,
        if_match: str | None = None,
    ) -> schemas.DataNodeWritten:
        """Add rows to a table, items to a list, or entries to an object, as `write` does.

        The request is not sent again when the connection breaks, because that could add them twice.
        """
        call = Call(
            method="POST",
            path=path_of(self._name, id, "append"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**build_if_match(if_match), "Content-Type": "application/json"},
            content=as_json(value),
        )
        return self._transport.fetch(call, schemas.DataNodeWritten)

    def download(
        self, id: str, target: FilePath | IO[bytes], *, edit_id: str | None = None
    ) -> Path | None:
        """Download the value as a file, in chunks.

        Args:
            target: The path of a file, which appears once it is complete; a folder, in which the
                file has the name that the server gives; or an open file.

        Returns:
            The path of the file; None if the target is an open file.
        """
        call = Call(
            method="GET",
            path=path_of(self._name, id, "download"),
            query={"edit_id": edit_id},
            headers={"Accept": "*/*"},
        )
        with self._transport.stream_chunks(call, _CHUNK_BYTES) as (headers, pieces):
            if not isinstance(target, str | os.PathLike):
                for piece in pieces:
                    target.write(piece)
                return None
            path = Path(target)
            if path.is_dir():
                path /= _read_file_name(headers) or "value"
            _write_atomically(path, pieces)
            return path

    def upload(
        self,
        id: str,
        source: FilePath | bytes | IO[bytes],
        *,
        editor_id: str | None = None,
        comment: str | None = None,
        if_match: str | None = None,
    ) -> schemas.DataNodeWritten:
        """Upload a file, in the format of the data node's storage, as the value, unchanged.

        Args:
            source: The path of a file, which is read in chunks while it is sent; its bytes; or an
                open file.
        """
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                return self.upload(
                    id, file, editor_id=editor_id, comment=comment, if_match=if_match
                )
        call = Call(
            method="POST",
            path=path_of(self._name, id, "upload"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**build_if_match(if_match), "Content-Type": _BYTES},
            content=source,
            may_repeat=if_match is None,
        )
        return self._transport.fetch(call, schemas.DataNodeWritten)

    def edits(
        self, id: str, *, version: AnyOf | None = None, sort: str | None = None
    ) -> Listing[schemas.Edit]:
        """List edits, newest first unless ``sort`` is ``timestamp``."""
        path = path_of(self._name, id, "edits")
        filters = {"version": version, "sort": sort}
        return Listing(self._transport, path, schemas.Results[schemas.Edit], filters)

    def edit(self, id: str, edit_id: str) -> schemas.Edit:
        """Return one edit, with its value if that is small, else with the beginning of it."""
        call = Call(method="GET", path=path_of(self._name, id, "edits", edit_id))
        return self._transport.fetch(call, schemas.OneEdit).edit

    def lock(
        self, id: str, *, editor_id: str | None = None, seconds: float = 1800
    ) -> schemas.DataNode:
        """Keep others from writing the data node, for a time in seconds.

        Raises:
            ConflictError: Another editor has locked it, or a job that has not ended uses it.
        """
        body = schemas.Lock(editor_id=editor_id, seconds=seconds)
        path = path_of(self._name, id, "lock")
        call = Call(method="POST", path=path, body=body, may_repeat=True)
        return self._transport.fetch(call, schemas.DataNodeAnswer).datanode

    def unlock(self, id: str, *, editor_id: str | None = None) -> schemas.DataNode:
        """Release the lock of the editor, if there is one."""
        body = schemas.Unlock(editor_id=editor_id)
        path = path_of(self._name, id, "unlock")
        call = Call(method="POST", path=path, body=body, may_repeat=True)
        return self._transport.fetch(call, schemas.DataNodeAnswer).datanode

    def list(
        self,
        *,
        id: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        task_id: AnyOf | None = None,
        config_id: AnyOf | None = None,
        owner_id: AnyOf | None = None,
        scope: AnyOf | None = None,
        storage_type: AnyOf | None = None,
        version: AnyOf | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.DataNode]:
        """List data nodes in the order of their creation, or of ``sort``."""
        return self._list(locals())


def _read_file_name(headers: Mapping[str, str]) -> str:
    """Return the name that the server gives a file, without any folder."""
    from email.message import Message  # imported where it is needed, because importing it is slow

    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    return Path(message.get_filename("")).name


def _write_atomically(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file next to its path first, so that the path never has an incomplete file."""
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""Data nodes: their values, read and written as Python values, data frames and files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from scenarist import schemas
from scenarist.client.entities import AnyOf, Entities, Listing, Moment, guard
from scenarist.client.errors import TruncatedError
from scenarist.client.frames import as_frame, as_json
from scenarist.client.transport import Call, Transport, path_of
from scenarist.domain.vocabulary import JoinOperator

if TYPE_CHECKING:
    import pandas as pd

Place = str | os.PathLike[str]
"""Where a file is."""

_PIECE = 256 * 1024  # bytes of a file that are in memory at a time
_BYTES = "application/octet-stream"


class DataNodes(Entities[schemas.DataNode]):
    def __init__(self, transport: Transport) -> None:
        super().__init__(
            transport,
            "datanodes",
            schemas.Results[schemas.DataNode],
            lambda body: transport.read(body, schemas.OneDataNode).datanode,
        )

    def create(self, config_id: str) -> schemas.DataNode:
        """Make the data node of a config that nobody owns, or return the one that there is."""
        query = {"config_id": config_id}
        call = Call(method="POST", path=path_of(self._name), query=query, repeats=True)
        return self._transport.ask(call, schemas.DataNodeAnswer).datanode

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a data node that stands alone, with its values."""
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
            columns: Only these, in this order.
            where: Only rows for which this holds, such as ``"temp:GREATER_THAN:20"``.
            join_operator: ``OR`` when one of several conditions is enough.
            limit: At most so many rows.
            edit_id: A past edit, in place of the newest.

        Raises:
            NotFoundError: There is no such data node, or it has no value yet.
            TruncatedError: A large pickled value, of which the server has a preview only.
        """
        query = {
            "columns": None if columns is None else ",".join(columns),
            "where": [where] if isinstance(where, str) else where,
            "join_operator": join_operator,
            "limit": limit,
            "edit_id": edit_id,
        }
        call = Call(
            method="GET", path=path_of(self._name, id, "read"), query=query, hold_seconds=60
        )
        value = self._transport.ask(call, schemas.Value)
        if value.truncated is True:
            raise TruncatedError(
                f"the value of {id} is large, and only its beginning was to be had; ask for a "
                "part of it (limit, columns, where), or download it",
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
        """Return a table as a data frame of pandas; dates are texts, as JSON has them.

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
        """Write a value: what JSON can say, or a data frame.

        Args:
            editor_id: Who edits; the actor of the request, when left out.
            comment: Why.
            if_match: The tag of the data node, which must not have changed since.

        Raises:
            ConflictError: A job that has not ended holds it, or another editor has locked it.
        """
        call = Call(
            method="PUT",
            path=path_of(self._name, id, "write"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**guard(if_match), "Content-Type": "application/json"},
            content=as_json(value),
        )
        return self._transport.ask(call, schemas.DataNodeWritten)

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

        It is not sent again when the connection breaks, or they might be there twice.
        """
        call = Call(
            method="POST",
            path=path_of(self._name, id, "append"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**guard(if_match), "Content-Type": "application/json"},
            content=as_json(value),
        )
        return self._transport.ask(call, schemas.DataNodeWritten)

    def download(
        self, id: str, target: Place | IO[bytes], *, edit_id: str | None = None
    ) -> Path | None:
        """Get the value as the file that it is, piece by piece.

        Args:
            target: A file, which appears when all of it has come; a folder, in which it is called
                as the server says; or something to write to.

        Returns:
            The path of the file; None for something to write to.
        """
        call = Call(
            method="GET",
            path=path_of(self._name, id, "download"),
            query={"edit_id": edit_id},
            headers={"Accept": "*/*"},
        )
        with self._transport.pieces(call, _PIECE) as (headers, pieces):
            if not isinstance(target, str | os.PathLike):
                for piece in pieces:
                    target.write(piece)
                return None
            path = Path(target)
            if path.is_dir():
                path /= _file_name(headers) or "value"
            _store(path, pieces)
            return path

    def upload(
        self,
        id: str,
        source: Place | bytes | IO[bytes],
        *,
        editor_id: str | None = None,
        comment: str | None = None,
        if_match: str | None = None,
    ) -> schemas.DataNodeWritten:
        """Give it a file as its value, in the format that its storage has; it is kept as it is.

        Args:
            source: A file, which is read piece by piece as it is sent; its bytes; or something
                that is open for reading.
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
            headers={**guard(if_match), "Content-Type": _BYTES},
            content=source,
            repeats=if_match is None,
        )
        return self._transport.ask(call, schemas.DataNodeWritten)

    def edits(self, id: str, *, sort: str | None = None) -> Listing[schemas.Edit]:
        """List all values that it has had, the newest first unless ``sort`` is ``timestamp``."""
        path = path_of(self._name, id, "edits")
        return Listing(self._transport, path, schemas.Results[schemas.Edit], {"sort": sort})

    def edit(self, id: str, edit_id: str) -> schemas.Edit:
        """Return one of them, with its value while that is small, else its beginning."""
        call = Call(method="GET", path=path_of(self._name, id, "edits", edit_id))
        return self._transport.ask(call, schemas.OneEdit).edit

    def lock(
        self, id: str, *, editor_id: str | None = None, seconds: float = 1800
    ) -> schemas.DataNode:
        """Keep others from writing it for a while.

        Raises:
            ConflictError: Another editor has locked it, or a job that has not ended holds it.
        """
        body = schemas.Lock(editor_id=editor_id, seconds=seconds)
        path = path_of(self._name, id, "lock")
        call = Call(method="POST", path=path, body=body, repeats=True)
        return self._transport.ask(call, schemas.DataNodeAnswer).datanode

    def unlock(self, id: str, *, editor_id: str | None = None) -> schemas.DataNode:
        """End the lock of the editor; nothing happens where there is none."""
        body = schemas.Unlock(editor_id=editor_id)
        path = path_of(self._name, id, "unlock")
        call = Call(method="POST", path=path, body=body, repeats=True)
        return self._transport.ask(call, schemas.DataNodeAnswer).datanode

    def list(  # noqa: PLR0913 - query parameters
        self,
        *,
        id: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        task_id: AnyOf | None = None,
        config_id: AnyOf | None = None,
        owner_id: AnyOf | None = None,
        scope: AnyOf | None = None,
        storage_type: AnyOf | None = None,
        created_after: Moment | None = None,
        created_before: Moment | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.DataNode]:
        """List data nodes in the order of their creation, or of ``sort``."""
        return self._list(
            id=id,
            scenario_id=scenario_id,
            task_id=task_id,
            config_id=config_id,
            owner_id=owner_id,
            scope=scope,
            storage_type=storage_type,
            created_after=created_after,
            created_before=created_before,
            sort=sort,
        )


def _file_name(headers: Mapping[str, str]) -> str:
    """Return the name that the server gives a file, without any folder."""
    from email.message import Message  # imported where a name is wanted: it takes a while

    message = Message()
    message["content-disposition"] = headers.get("content-disposition", "")
    return Path(message.get_filename("")).name


def _store(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file beside its place first, so that there is never half of it."""
    partial = path.with_name(f"{path.name}.part")
    try:
        with partial.open("wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

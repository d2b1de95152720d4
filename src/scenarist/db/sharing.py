"""Sharing of bytes: edits whose value is stored for another edit, and lives as long as any of them.

A value in a file that the server named is stored for one edit. Edits that share it have the same
file, and name that edit; nobody needs the file once all of these edits are deleted. See decision
113.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, func, insert, null, select, union_all

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import outcomes as outcome_rows
from scenarist.db.among import any_of
from scenarist.db.sql import Query
from scenarist.db.tables import edits
from scenarist.domain.identifiers import DataNodeId, EditId, JobId
from scenarist.domain.locations import is_replaced_in_place
from scenarist.domain.outcomes import Figure

_OF_A_COPY = {
    edits.c.id: bindparam("copy_id", type_=edits.c.id.type),
    edits.c.data_node_id: bindparam("node_id", type_=edits.c.data_node_id.type),
    edits.c.made_of: bindparam("provenance", type_=edits.c.made_of.type),
    edits.c.shared_from: func.coalesce(edits.c.shared_from, edits.c.id),
}
_OF_AN_OUTPUT = _OF_A_COPY | {
    column: bindparam(f"new_{column.name}", type_=column.type)
    for column in (edits.c.created_at, edits.c.job_id, edits.c.code_digest, edits.c.version)
}
_OF_AN_OUTPUT |= {
    column: null() for column in (edits.c.actor, edits.c.author, edits.c.author_id, edits.c.comment)
}
# The bytes are as a job with the same cache key has written them for such a data node.
_OF_AN_OUTPUT[edits.c.kept_as] = null()


def _make_copying(changed: Mapping[Any, Any]) -> Insert:
    return insert(edits).from_select(
        [column.name for column in edits.c],
        select(*(changed.get(column, column) for column in edits.c)).where(
            edits.c.id == bindparam("source_id")
        ),
        include_defaults=False,
    )


_COPY = _make_copying(_OF_A_COPY)
_COPY_AS_OUTPUT = _make_copying(_OF_AN_OUTPUT)
_USERS = Query(
    union_all(
        select(edits.c.id).where(any_of(edits.c.id, "ids")),
        select(edits.c.shared_from).where(
            edits.c.shared_from.is_not(None), any_of(edits.c.shared_from, "ids")
        ),
    )
)


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that the server named.

    Args:
        stored_for: The edit for which it was written.
    """

    stored_for: EditId
    uri: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EditCopy:
    """An edit of one data node to be copied to another one, which shares its bytes from then on.

    Args:
        made_of: The provenance of the copy, see `digest_provenance`.
    """

    id: EditId
    data_node_id: DataNodeId
    source_id: EditId
    made_of: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputCopy:
    """An edit to be copied as what a job has written.

    Args:
        figures: Those of the copied edit.
    """

    copy: EditCopy
    job_id: JobId
    created_at: datetime
    code_digest: str | None
    version: str
    figures: Mapping[str, Figure]


def is_system_named(data_node_id: str, uri: str) -> bool:
    """Whether a value's file is in the folder that the server makes for its data node."""
    return data_node_id in uri.replace("\\", "/").split("/")[:-1]


def can_be_shared(
    storage_type: str, properties: Mapping[str, Any], kept_as: Mapping[str, Any] | None
) -> bool:
    """Return whether no write replaces the bytes of a value, so that several edits may have them.

    Args:
        storage_type: That of the data node.
        properties: Those of the data node.
        kept_as: See `Edit.kept_as`.
    """
    if kept_as is not None:
        storage_type, properties = kept_as["storage_type"], kept_as["properties"]
    return not is_replaced_in_place(storage_type, properties)


def add_copies(connection: Connection, copies: Sequence[EditCopy]) -> None:
    """Store copies of edits, which share their bytes; no value passes through this process.

    They keep the time, the job, the author, the version and the code of the copied edits.
    """
    if copies:
        connection.execute(_COPY, [_copy_values(copy) for copy in copies])


def add_output_copies(connection: Connection, copies: Sequence[OutputCopy]) -> None:
    """Store copies of edits as the outputs of jobs, and make them the values of their data nodes.

    They share the bytes and what describes these.
    """
    if not copies:
        return
    values = [
        {
            **_copy_values(item.copy),
            "new_created_at": item.created_at,
            "new_job_id": item.job_id,
            "new_code_digest": item.code_digest,
            "new_version": item.version,
        }
        for item in copies
    ]
    connection.execute(_COPY_AS_OUTPUT, values)
    newest = {item.copy.data_node_id: item.copy.id for item in copies}
    data_node_rows.set_last_edits(connection, newest)
    outcome_rows.record_figures(
        connection, {item.copy.data_node_id: (item.copy.id, item.figures) for item in copies}
    )


def _copy_values(copy: EditCopy) -> dict[str, Any]:
    return {
        "copy_id": copy.id,
        "node_id": copy.data_node_id,
        "source_id": copy.source_id,
        "provenance": copy.made_of,
    }


def find_unneeded(connection: Connection, files: Sequence[SharedFile]) -> list[str]:
    """Return those of the files that no edit has any more, each once.

    Call this in the transaction that deletes their edits: it takes turns with those that share
    bytes, so nobody can share a file that is returned.
    """
    users = count_users(connection, files)
    found = {file.stored_for: file.uri for file in files}
    return [uri for edit_id, uri in found.items() if edit_id not in users]


def count_users(connection: Connection, files: Sequence[SharedFile]) -> Counter[EditId]:
    """Return how many edits have each file, by the edit for which it was stored."""
    if not files:
        return Counter()
    ids = list({file.stored_for for file in files})
    return Counter(EditId(edit_id) for (edit_id,) in _USERS.fetch(connection, {"ids": ids}))

"""Checks whether an actor may write a data node: locks, unfinished jobs, read-only configs."""

import os
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import tasks as task_rows
from scenarist.db.jobs import rows as job_rows
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import ConflictError, require_found
from scenarist.domain.permissions import (
    ANYONE,
    SERVER,
    Actor,
    ActorRef,
    Permission,
    has_permission,
)
from scenarist.domain.short_reads import require_thread
from scenarist.domain.timestamps import MAX_LOCK, MAX_WRITE_CLAIM, format_timestamp, is_unexpired
from scenarist.storage.registry import named_path

_WRITE_PROPERTIES = {"generic": "write_fct", "sql": "write_query_builder"}
"""The property that each of these storages needs for writing."""


def get_data_node(connection: Connection, data_node_id: str, now: datetime) -> DataNode:
    """Return a data node without a lock or write claim that has expired.

    Raises:
        NotFoundError: There is no such data node.
    """
    found = data_node_rows.find(connection, data_node_id)
    return drop_expired(require_found(found, "data node", data_node_id), now)


def get_data_node_without_links(
    connection: Connection, data_node_id: str, now: datetime
) -> DataNode:
    """Return what `get_data_node` does, but without what refers to the data node and wrote it.

    Raises:
        NotFoundError: There is no such data node.
    """
    found = data_node_rows.find_without_links(connection, data_node_id)
    return drop_expired(require_found(found, "data node", data_node_id), now)


def drop_expired(node: DataNode, now: datetime) -> DataNode:
    """Return a data node without a lock or write claim that has expired at *now*."""
    if node.locked_until is not None and not is_unexpired(node.locked_until, now, MAX_LOCK):
        node = replace(node, locked_by=None, locked_until=None, lock_holder=None)
    if node.claimed_until is not None and not is_unexpired(
        node.claimed_until, now, MAX_WRITE_CLAIM
    ):
        node = replace(node, claimed_by=None, claimed_until=None)
    return node


def check_not_read_only(node: DataNode) -> None:
    if node.properties.get("read_only"):
        raise ConflictError(
            f"data node {node.id} is declared read-only; change its source instead, or remove "
            "read_only from its config",
            code="data_node_read_only",
        )


def is_writable(node: DataNode) -> bool:
    """Return whether values of a data node can be written over REST at all.

    False if it is declared read-only, if its storage has no function or query that writes, or if
    there is a folder, or anything but a regular file, at its path. Locks and unfinished jobs do
    not count, since they end.
    """
    needed = _WRITE_PROPERTIES.get(node.storage_type)
    path = named_path(node.properties)
    if path is not None:
        require_thread()
    return not (
        node.properties.get("read_only")
        or (needed is not None and not node.properties.get(needed))
        or (path is not None and os.path.exists(path) and not os.path.isfile(path))
    )


def check_unlocked(node: DataNode, actor: Actor, editor_id: str | None) -> None:
    """Refuse what only the holder of a lock may do.

    The holder is the actor that locked the data node, whatever editor a request names. Editors
    that one actor acts for exclude each other by their names. With authorization off, there is
    only one actor, so that only the names of editors count. While a worker writes the data node,
    nobody may.

    Raises:
        ConflictError: Another editor has locked the data node, or a worker writes it; the message
            says who, and when that ends.
    """
    if node.claimed_by is not None and node.claimed_until is not None:
        raise ConflictError(
            f"a worker is writing data node {node.id} for {node.claimed_by}; try again when it has "
            f"finished, at {format_timestamp(node.claimed_until)} at the latest",
            code="data_node_locked",
        )
    if node.locked_by is None or _is_holder(node, actor, editor_id):
        return
    until = "" if node.locked_until is None else f" until {format_timestamp(node.locked_until)}"
    raise ConflictError(
        f"data node {node.id} is locked by "
        f"{describe_lock(node.locked_by, node.lock_holder)}{until}; wait until the lock "
        "expires, or ask its holder or an administrator to unlock it",
        code="data_node_locked",
    )


def check_may_unlock(node: DataNode, actor: Actor, editor_id: str | None) -> None:
    """Refuse to release the lock of another editor, unless the actor is an administrator.

    Raises:
        ConflictError: As `check_unlocked`.
    """
    is_off = actor.id == ANYONE.id
    if is_off or not has_permission(actor.roles, Permission.ADMINISTER):
        check_unlocked(node, actor, editor_id)


def _is_holder(node: DataNode, actor: Actor, editor_id: str | None) -> bool:
    if actor.id == ANYONE.id:
        return node.locked_by == (editor_id or actor.name)
    if node.lock_holder is None or node.lock_holder.id != actor.id:
        return False
    return editor_id is None or editor_id == node.locked_by


def describe_lock(editor: str, holder: ActorRef | None) -> str:
    """Return the editor of a lock, and its holder if that is another actor."""
    if holder is None or holder.name == editor or holder.id in {ANYONE.id, SERVER.id}:
        return editor
    return f"{editor} (by {holder.name})"


def check_writable(
    connection: Connection, node: DataNode, actor: Actor, editor_id: str | None
) -> None:
    """Refuse to write a data node now; call this in the transaction that records the write.

    Raises:
        ConflictError: It is read-only, an unfinished job uses it, or another editor has locked it.
    """
    check_not_read_only(node)
    check_not_in_use(connection, node, "write")
    check_unlocked(node, actor, editor_id)


def check_not_in_use(connection: Connection, node: DataNode, doing: str) -> None:
    """Refuse an operation on a data node that an unfinished job uses.

    Args:
        doing: The operation, as a verb for the message.

    Raises:
        ConflictError: An unfinished job uses the data node; the message names the job, its task
            and its submission.
    """
    holder = data_node_rows.find_blocking_job(connection, node.id, node.place)
    job = None if holder is None else job_rows.find(connection, holder.job_id)
    if holder is not None and job is not None:
        task = task_rows.find(connection, job.task_id)
        of_task = "" if task is None else f" of task {task.config_id!r}"
        raise ConflictError(
            f"data node {node.id} {'will be written' if holder.writes else 'is read'} by job "
            f"{job.id}{of_task} in submission {job.submission_id}, which is {job.status}; "
            f"{doing} it when the job has ended, or cancel the job",
            code="data_node_in_use",
        )

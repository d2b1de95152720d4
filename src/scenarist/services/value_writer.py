"""Records a value that came over REST as the newest of its data node, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from scenarist.db import audit, event_log, provenance
from scenarist.db import data_nodes as data_node_rows
from scenarist.db import edits as edit_rows
from scenarist.db.engine import Database
from scenarist.db.group_commit import undo_on_rollback
from scenarist.db.jobs import propagate
from scenarist.db.locks import set_lock
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import DataNode, Edit, Event
from scenarist.domain.errors import InDoubtError
from scenarist.domain.identifiers import EditId, ensure_later_edit_id
from scenarist.domain.permissions import Actor
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.services.edits import make_edit
from scenarist.services.locks import check_writable, get_data_node
from scenarist.services.staleness import StalenessReader
from scenarist.services.value_reader import version_of
from scenarist.storage.base import WrittenValue
from scenarist.storage.registry import FileReplacement, discard


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteOptions:
    """Options of a write.

    Args:
        editor_id: Name of the editor, if other than the actor; the author is always the actor.
        expect: Raises if the data node, or the version of its value, is not what the client knows.
    """

    editor_id: str | None = None
    comment: str | None = None
    expect: Callable[[DataNode, str | None], None] | None = None

    def editor(self, actor: Actor) -> str:
        return self.editor_id or actor.name


NO_OPTIONS = WriteOptions()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewValue:
    """A value that is stored but not visible yet; recording its edit makes it so."""

    data_node_id: str
    edit_id: EditId
    written: WrittenValue


class ValueWriter:
    """Records values: adds the edit and the event, and releases the jobs that wait for a value.

    A write by the editor that has locked the data node releases the lock, in the same transaction.

    Args:
        version: The version of the application, with which edits are labelled.
        declared: What the application declares now; None to use tasks as recorded.
    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._now = now
        self._version = version
        self._staleness = StalenessReader(declared)

    def check(
        self, connection: Connection, actor: Actor, data_node_id: str, options: WriteOptions
    ) -> DataNode:
        """Return a data node that the actor may write now.

        Raises:
            NotFoundError: There is no such data node.
            ConflictError: It is read-only, in use by a job, or locked by another editor.
            ChangedError: The data node or its value is not as expected.
        """
        node = get_data_node(connection, data_node_id, self._now())
        check_writable(connection, node, actor, options.editor_id)
        if options.expect is not None:
            edit = None
            if node.last_edit_id is not None:
                edit = edit_rows.find(connection, node.id, node.last_edit_id)
            stale = self._staleness.find_of_node(connection, node.id)
            # As clients see it: whether its value is stale is a part of what they read.
            known = replace(node, staleness=stale.find(node.id))
            options.expect(known, None if edit is None else version_of(node, edit))
        return node

    def record(
        self,
        actor: Actor,
        value: NewValue,
        options: WriteOptions,
        *,
        check: Callable[[Connection], DataNode] | None = None,
    ) -> Edit:
        """Record a value as the newest of its data node; if that fails, delete its files.

        Args:
            check: Called in the transaction instead of the method `check`; may end a claim.

        Raises:
            ConflictError: As `check`.
            ChangedError: As `check`.
        """

        def find(connection: Connection) -> tuple[DataNode, NewValue]:
            if check is not None:
                return check(connection), value
            return self.check(connection, actor, value.data_node_id, options), value

        try:
            return self.make_and_record(actor, find, options)
        except InDoubtError:
            raise
        except BaseException:
            discard(value.written)
            raise

    def make_and_record(
        self,
        actor: Actor,
        make: Callable[[Connection], tuple[DataNode, NewValue]],
        options: WriteOptions,
    ) -> Edit:
        """Make and record the newest value of a data node in one transaction.

        The transaction excludes other writes.

        Args:
            make: Checks the data node as `check` does, and returns it with its new value.

        Raises:
            ConflictError: As `check`.
            ChangedError: As `check`.
        """
        made: list[FileReplacement] = []

        def work(connection: Connection) -> Edit:
            node, value = make(connection)
            edit, replacement = self.add(connection, actor, node, value, options)
            made.append(replacement)
            return edit

        try:
            edit = self._database.write(work)
        except InDoubtError:
            for replacement in made:
                replacement.finish()
            raise
        for replacement in made:
            replacement.finish()
        return edit

    def add(
        self,
        connection: Connection,
        actor: Actor,
        node: DataNode,
        value: NewValue,
        options: WriteOptions,
    ) -> tuple[Edit, FileReplacement]:
        """Add a value as the newest of a data node to a transaction of the caller.

        If the transaction is rolled back, its files are deleted.

        Returns:
            The edit, and the replacement of its file: the caller must `finish` that when the
            transaction is committed, or may have been.
        """
        undo_on_rollback(connection, partial(discard, value.written))
        replacement = FileReplacement(value.written)
        now = self._now()
        edit = make_edit(
            node.id,
            ensure_later_edit_id(node.last_edit_id, value.edit_id),
            value.written,
            at=now,
            actor=options.editor(actor),
            version=self._version,
        )
        made_of = provenance.find_provenance(connection, node.id)
        edit = replace(
            edit,
            comment=options.comment,
            written_to=node.place,
            made_of=made_of,
            author=actor.ref,
        )
        data_node_rows.add_edits(connection, [edit])
        if node.locked_by is not None:  # by this editor, or the check would have refused
            set_lock(connection, node.id, None, None, None)
        changes = propagate.release_readers(connection, [node.id], now)
        event_log.add(connection, [make_update_event(node.id, actor), *changes], now)
        audit.record_allowed(connection, actor, node.id, now)
        undo_on_rollback(connection, replacement.undo)
        replacement.publish()
        return edit, replacement


def make_update_event(data_node_id: str, actor: Actor) -> Event:
    """Return the event of a change of a data node."""
    return Event(
        kind=EntityKind.DATA_NODE, id=data_node_id, change=ChangeType.UPDATED, actor=actor.ref
    )

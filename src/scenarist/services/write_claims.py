"""Write claims: exclude other writes of a data node while a worker writes it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection

from scenarist.db.engine import Database
from scenarist.db.locks import WriteLock, add_write_claim, remove_write_claim
from scenarist.domain.entities import DataNode, Edit
from scenarist.domain.errors import ConflictError, InDoubtError, UnavailableError
from scenarist.domain.permissions import Actor
from scenarist.domain.timestamps import MAX_WRITE_CLAIM
from scenarist.services.locks import describe_lock
from scenarist.services.value_writer import NewValue, ValueWriter, WriteOptions
from scenarist.storage.registry import find_storage


class ClaimedWriter:
    """Writes values under a claim, which is recorded apart from the lock of an editor.

    A server that is killed during the write thus leaves the lock as it was, and the claim expires
    after `MAX_WRITE_CLAIM`.
    """

    def __init__(
        self, database: Database, writer: ValueWriter, *, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._writer = writer
        self._now = now

    def write(
        self,
        actor: Actor,
        node: DataNode,
        options: WriteOptions,
        work: Callable[[DataNode], NewValue],
    ) -> Edit:
        """Claim a data node, write its value, then record the value and end the claim.

        Args:
            work: Writes the value; called with the data node as it is under the claim.

        Raises:
            ConflictError: As `ValueWriter.check`; also if others wrote the data node after the
                claim expired.
            ChangedError: As `ValueWriter.check`.
            InDoubtError: An external storage has the new value, but it could not be recorded.
            UnavailableError: The database is not available; nothing was changed.
        """
        claim = WriteLock(
            describe_lock(options.editor(actor), actor.ref), self._now() + MAX_WRITE_CLAIM
        )

        def add_claim(connection: Connection) -> DataNode:
            found = self._writer.check(connection, actor, node.id, options)
            add_write_claim(connection, node.id, claim)
            return found

        def finish(connection: Connection) -> DataNode:
            is_valid = remove_write_claim(connection, node.id, claim)
            current = self._writer.check(connection, actor, node.id, options)
            if not is_valid or current.last_edit_id != before.last_edit_id:
                raise ConflictError(
                    f"others wrote data node {node.id} while a worker wrote it for {claim.editor}; "
                    "check the present value before you write again",
                    code="data_node_busy",
                )
            return current

        before = self._database.write(add_claim, is_preparation=True)
        is_written = False
        try:
            value = work(before)
            is_written = find_storage(node.storage_type).is_external
            return self._writer.record(actor, value, options, check=finish)
        except BaseException as error:
            self._release(node, claim)
            if is_written and isinstance(error, UnavailableError):
                raise _make_in_doubt_error(node, error) from error
            raise

    def _release(self, node: DataNode, claim: WriteLock) -> None:
        with suppress(UnavailableError):  # then the claim expires
            self._database.write(
                lambda connection: remove_write_claim(connection, node.id, claim),
                is_preparation=True,
            )


def _make_in_doubt_error(node: DataNode, error: UnavailableError) -> InDoubtError:
    reason = error.message.replace("; nothing was changed, try again", "")
    return InDoubtError(
        f"the value of data node {node.id} was written, but could not be recorded ({reason}); "
        "check the present value before you write again"
    )

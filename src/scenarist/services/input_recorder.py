"""Records the values of several inputs in one transaction: all of them, or none."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from scenarist.domain.caching import Content
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import ConflictError, InDoubtError, InvalidError, TooLargeError
from scenarist.domain.faults import ValueFault, ValuePath, make_faults_error
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.permissions import Actor
from scenarist.services.factory import UnpreparedError
from scenarist.services.incoming import limit_memory
from scenarist.services.present_values import find_former
from scenarist.services.value_maker import ValueMaker
from scenarist.services.value_reader import is_named_file, is_written_by_worker
from scenarist.services.value_writer import NewValue, ValueWriter, WriteOptions
from scenarist.storage.base import INLINE_FOLDER, INLINE_LIMIT, ValueLocation
from scenarist.storage.bounds import ValueLimits
from scenarist.storage.registry import FileReplacement, discard
from scenarist.storage.tables.json_data import encode_strict

T = TypeVar("T")

_ATTEMPTS = 20
"""How often values are made again because other writes have replaced the present ones."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A value that must be made before the transaction."""

    name: str
    node: DataNode
    present: ValueLocation | None


@dataclass(frozen=True, slots=True)
class _Made:
    """A value that was made before the transaction, in place of a present one."""

    wanted: _Wanted
    value: NewValue


class InputRecorder:
    """Records the values of one request, in a transaction that may be attempted several times.

    Small values are made within the transaction. An attempt that needs others (large values, those
    of named files, and those that only a worker can make) is rolled back; they are made while other
    writes go on, and the next attempt records them.

    Args:
        inputs: The values as JSON data, by name.
        at: The path of the inputs in the body of the request.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        writer: ValueWriter,
        maker: ValueMaker,
        actor: Actor,
        inputs: Mapping[str, Any],
        *,
        options: WriteOptions,
        at: ValuePath,
        limits: ValueLimits,
        now: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._maker = maker
        self._actor = actor
        self._inputs = inputs
        self._large = {name for name, data in inputs.items() if _is_large(data)}
        self._options = options
        self._at = at
        self._limits = limits
        self._now = now
        self._made: dict[str, _Made] = {}
        self._recorded: list[NewValue] = []
        self._replacements: list[FileReplacement] = []
        self._attempts = 0

    @property
    def names(self) -> Collection[str]:
        return self._inputs.keys()

    @property
    def node_ids(self) -> Mapping[str, DataNodeId]:
        """The data nodes for which values have been made, by name."""
        return {name: made.wanted.node.id for name, made in self._made.items()}

    def run(self, work: Callable[[], T]) -> T:
        """Call *work*, which calls `record` in a transaction, until no more values must be made.

        Files of values that were not recorded are deleted.
        """
        try:
            result = self._attempt(work)
        except InDoubtError:
            self._finish()
            raise
        except BaseException:
            self._discard(keep=())
            raise
        self._finish()
        self._discard(keep=self._recorded)
        return result

    def record(self, connection: Connection, nodes: Mapping[str, DataNodeId]) -> None:
        """Record all values, as writes of their data nodes.

        Args:
            nodes: The data node of each input, by name.

        Raises:
            InvalidError: Storages cannot store some of the data; lists all of it.
            ConflictError: A data node cannot be written now.
            UnpreparedError: Some values must be made before the transaction.
        """
        ready = self._make_ready(connection, nodes)
        for node, value in ready:
            self._recorded.append(value)
            _, replacement = self._writer.add(connection, self._actor, node, value, self._options)
            self._replacements.append(replacement)

    def check(
        self, connection: Connection, nodes: Mapping[str, DataNodeId]
    ) -> dict[DataNodeId, Content]:
        """Raise what `record` would raise now, without recording anything.

        Returns:
            The data nodes that it would write, with the contents that they would get.
        """
        return {
            node.id: Content(value.written.digest, value.written.python_type)
            for node, value in self._make_ready(connection, nodes)
        }

    def _make_ready(
        self, connection: Connection, nodes: Mapping[str, DataNodeId]
    ) -> list[tuple[DataNode, NewValue]]:
        """Return all values with their data nodes.

        Raises:
            InvalidError, ConflictError, UnpreparedError: As `record`.
        """
        self._recorded, self._replacements = [], []
        ready: list[tuple[DataNode, NewValue]] = []
        wanted: list[_Wanted] = []
        faults: list[ValueFault] = []
        for name in self._inputs:
            node = self._writer.check(connection, self._actor, nodes[name], self._options)
            present = None
            if not is_written_by_worker(node):
                present = find_former(connection, node, self._now())
            item = _Wanted(name, node, present)
            try:
                value = self._find_made(item) or self._make_small(item)
            except InvalidError as error:
                faults += self._locate(name, error)
            else:
                ready += [] if value is None else [(node, value)]
                wanted += [item] if value is None else []
        self._refuse(faults)
        if wanted:
            raise UnpreparedError(partial(self._prepare, wanted))
        return ready

    def _attempt(self, work: Callable[[], T]) -> T:
        while True:
            try:
                return work()
            except UnpreparedError as error:
                error.prepare()

    def _find_made(self, wanted: _Wanted) -> NewValue | None:
        """Return the value that was made in place of the present one, if it is still present."""
        made = self._made.get(wanted.name)
        if made is None or (made.wanted.node.id, made.wanted.present) != (
            wanted.node.id,
            wanted.present,
        ):
            return None
        return made.value

    def _make_small(self, wanted: _Wanted) -> NewValue | None:
        """Make a value that needs no file and no worker; None for any other."""
        present = wanted.present
        is_elsewhere = present is not None and present.content is None
        if wanted.name in self._large or is_named_file(wanted.node) or is_elsewhere:
            return None
        if self._maker.needs_worker(wanted.node, lambda: present):
            return None
        data = self._inputs[wanted.name]
        value = self._maker.make(wanted.node, data, lambda: present, folder=INLINE_FOLDER)
        content = value.written.content
        return value if content is not None and len(content) <= INLINE_LIMIT else None

    def _prepare(self, wanted: Sequence[_Wanted]) -> None:
        """Make values outside of the transaction.

        Raises:
            InvalidError: As `record`.
            ConflictError: Other writes have replaced the present values too often.
        """
        self._attempts += 1
        if self._attempts > _ATTEMPTS:
            raise ConflictError(
                f"other writes changed data node {wanted[0].node.id} during all {_ATTEMPTS} "
                "attempts to write it; try again",
                code="data_node_busy",
            )
        faults: list[ValueFault] = []
        for item in wanted:
            former = self._made.pop(item.name, None)
            if former is not None:
                discard(former.value.written)
            try:
                self._made[item.name] = _Made(item, self._make(item))
            except InvalidError as error:
                faults += self._locate(item.name, error)
        self._refuse(faults)

    def _make(self, wanted: _Wanted) -> NewValue:
        data = self._inputs[wanted.name]
        if not self._maker.needs_worker(wanted.node, lambda: wanted.present):
            try:
                with limit_memory(self._limits, b""):
                    return self._maker.make(wanted.node, data, lambda: wanted.present)
            except TooLargeError:
                pass
        return self._maker.make_in_worker(wanted.node, data, lambda: wanted.present)

    def _locate(self, name: str, error: InvalidError) -> list[ValueFault]:
        return [ValueFault((*self._at, name), error.message)]

    def _refuse(self, faults: Sequence[ValueFault]) -> None:
        if faults:
            raise make_faults_error(faults, what="the inputs are not valid", code="inputs_invalid")

    def _finish(self) -> None:
        for replacement in self._replacements:
            replacement.finish()

    def _discard(self, keep: Sequence[NewValue]) -> None:
        for made in self._made.values():
            if made.value not in keep:
                discard(made.value.written)


def _is_large(data: object) -> bool:
    """Whether data is too large for a row, so that making it would keep others from writing."""
    try:
        return len(encode_strict(data)) > INLINE_LIMIT
    except RecursionError:
        return True  # the storage refuses it

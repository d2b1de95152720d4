"""Makes new values of data nodes from JSON: stored, but not visible before they are recorded."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import msgspec

from scenarist.domain.entities import DataNode
from scenarist.domain.identifiers import EditId, make_uuid
from scenarist.services.value_reader import (
    is_written_by_worker,
    make_json_location,
    resolve_node_properties,
)
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import NewValue
from scenarist.services.worker_calls import CallInWorker, FunctionCall, make_error
from scenarist.storage.base import ValueLocation, WriteTarget, WrittenValue
from scenarist.storage.operations.rewriting import (
    needs_worker,
    prepare_append_safely,
    prepare_rewrite_safely,
)
from scenarist.storage.registry import append_value, find_storage, with_figures

_PREPARE = "scenarist.storage.operations.reading:prepare_value"
_APPEND = "scenarist.storage.operations.appending:append"

_PLAIN_STORAGES = frozenset({"in_memory", "json", "pickle"})
"""Storages that keep JSON data as it is."""

Places = Mapping[str, tuple[str, ...]]
"""JSON Pointers by data node config."""

FindLocation = Callable[[], ValueLocation | None]
"""Returns the location of the present value, if there is one."""


class ValueMaker:
    """Makes new values from data that came as JSON; workers make whatever needs user code.

    The present value of a data node gives the new one types that JSON lacks, unless its type is
    declared.

    Args:
        folder: Where values are stored, unless their config names a path.
        figures: Places of numbers to take from values, by data node config.
    """

    def __init__(
        self,
        compute: CallInWorker,
        *,
        folder: str,
        now: Callable[[], datetime],
        schemas: ValueSchemas,
        figures: Places = MappingProxyType({}),
    ) -> None:
        self._schemas = schemas
        self._figures = figures
        self._compute = compute
        self._folder = folder
        self._now = now

    def needs_worker(self, node: DataNode, find: FindLocation) -> bool:
        """Return whether only a worker can make the next value of a data node."""
        if is_written_by_worker(node):
            return True
        present = None if self._takes_types_from_declaration(node) else find()
        return present is not None and needs_worker(present)

    def make(
        self,
        node: DataNode,
        data: object,
        find: FindLocation,
        *,
        folder: str | None = None,
    ) -> NewValue:
        """Make a value in this process, in place of the present one.

        Args:
            folder: Where to store it instead, such as `INLINE_FOLDER`.

        Raises:
            InvalidError: The storage cannot store such data.
            TooLargeError: Only a worker may use as much memory.
        """
        target = self._make_target(node)
        if folder is not None:
            target = replace(target, folder=folder)
        present = None if self._takes_types_from_declaration(node) else find()
        value = prepare_rewrite_safely(data, node.storage_type, target.properties, present)
        written = find_storage(node.storage_type).write(value, target)
        return _make_new_value(target, with_figures(written, value, target))

    def make_appended(
        self, node: DataNode, data: object, present: ValueLocation | None
    ) -> NewValue:
        """Make a value in this process: the present one with more data.

        Raises:
            InvalidError: The storage cannot store such data, or it does not match the value.
            TooLargeError: Only a worker may use as much memory.
        """
        target = self._make_target(node)
        added = prepare_append_safely(data, node.storage_type, present)
        written = append_value(added, target, present)
        return _make_new_value(target, written)

    def make_in_worker(self, node: DataNode, data: object, find: FindLocation) -> NewValue:
        """Make a value in a worker, in place of the present one.

        Raises:
            InvalidError: The storage cannot store such data.
            ConflictError: The value could not be written.
            UnavailableError: No worker was available.
        """
        target = self._make_target(node, is_resolved=False)
        present = _make_worker_location(node, find)
        inputs = (make_json_location(data), make_json_location(target), make_json_location(present))
        result = self._compute(FunctionCall(function=_PREPARE, inputs=inputs, outputs=(target,)))
        if not result.is_successful:
            raise make_error(
                result,
                doing=f"data node {node.id} could not be written",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _make_new_value(target, result.written[0])

    def append_in_worker(self, node: DataNode, data: object, find: FindLocation) -> NewValue:
        """Make a value in a worker: the present one with more data.

        Raises:
            InvalidError: The storage cannot store such data, or it does not match the value.
            ConflictError: The value could not be written.
            UnavailableError: No worker was available.
        """
        target = self._make_target(node, is_resolved=False)
        present = _make_worker_location(node, find)
        result_target = replace(target, storage_type="json", properties={})
        result = self._compute(
            FunctionCall(
                function=_APPEND,
                inputs=(
                    make_json_location(data),
                    make_json_location(target),
                    make_json_location(present),
                ),
                outputs=(result_target,),
            )
        )
        if not result.is_successful:
            raise make_error(
                result,
                doing=f"could not append to data node {node.id}",
                code="data_node_unwritable",
                is_clients=True,
            )
        return _make_new_value(target, msgspec.json.decode(result.take_json(), type=WrittenValue))

    def _takes_types_from_declaration(self, node: DataNode) -> bool:
        """Whether a value is stored as plain data, which functions get in its declared type."""
        return self._schemas.has_type(node) and node.storage_type in _PLAIN_STORAGES

    def _make_target(self, node: DataNode, *, is_resolved: bool = True) -> WriteTarget:
        return WriteTarget(
            data_node_id=node.id,
            edit_id=make_uuid(self._now()),
            storage_type=node.storage_type,
            folder=self._folder,
            properties=resolve_node_properties(node) if is_resolved else node.properties,
            figures=self._figures.get(node.config_id, ()),
        )


def _make_worker_location(node: DataNode, find: FindLocation) -> ValueLocation | None:
    """Return a location for a worker, with references to environment variables unresolved."""
    if find_storage(node.storage_type).is_external:
        # There may be a value even if none of our edits records it.
        base: ValueLocation | None = ValueLocation(storage_type=node.storage_type)
    else:
        base = find()
    return None if base is None else replace(base, properties=node.properties)


def _make_new_value(target: WriteTarget, written: WrittenValue) -> NewValue:
    return NewValue(
        data_node_id=target.data_node_id, edit_id=EditId(target.edit_id), written=written
    )

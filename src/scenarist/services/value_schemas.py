"""The schemas of data nodes as the application declares them now, and what values they refuse."""

from collections.abc import Mapping
from typing import Any

from scenarist.config import DataNodeConfig
from scenarist.config.value_schemas import SCHEMA, ValueSchema, find_type_name
from scenarist.domain.entities import DataNode
from scenarist.domain.faults import ValueFault, make_faults_error
from scenarist.storage.base import ValueLocation
from scenarist.storage.registry import read_json
from scenarist.system.json_decoding import decode_json


class ValueSchemas:
    """Compares values that came over REST with the schemas of their data nodes.

    Args:
        configs: The data nodes that the application declares, by identifier.

    Raises:
        InvalidError: A schema cannot be used.
    """

    def __init__(self, configs: Mapping[str, DataNodeConfig]) -> None:
        declared = {id: config.properties for id, config in configs.items()}
        self._schemas = {
            id: ValueSchema(properties[SCHEMA])
            for id, properties in declared.items()
            if SCHEMA in properties
        }
        self._types = {id: find_type_name(properties) for id, properties in declared.items()}

    def has_schema(self, node: DataNode) -> bool:
        return node.config_id in self._schemas

    def has_type(self, node: DataNode) -> bool:
        """Whether functions get the value in a declared type, whatever the types of JSON are."""
        return bool(self._types.get(node.config_id))

    def find_faults(self, config_id: str, data: object) -> list[ValueFault]:
        """Return where JSON data does not fit the schema of a data node; none without a schema."""
        schema = self._schemas.get(config_id)
        return [] if schema is None else schema.find_faults(data)

    def check(self, node: DataNode, data: object) -> None:
        """Refuse JSON data that does not fit the schema of its data node.

        Raises:
            InvalidError: It does not; lists the faults with their paths.
        """
        faults = self.find_faults(node.config_id, data)
        if faults:
            raise make_faults_error(
                faults,
                what=f"the value does not fit the schema of data node {node.config_id!r}",
                code="value_invalid",
            )

    def check_stored(self, node: DataNode, location: ValueLocation) -> None:
        """Refuse a stored value, such as an upload, that does not fit the schema.

        Raises:
            InvalidError: It does not, or it cannot be read.
        """
        if self.has_schema(node):
            self.check(node, decode_json(read_json(location)))

    def check_appended(self, node: DataNode, data: object, present: ValueLocation | None) -> None:
        """Refuse data with which the value would not fit the schema.

        Args:
            present: The value to append to; None if there is none, or if the server cannot read
                it, so that only the new data is compared.

        Raises:
            InvalidError: The value would not fit, or the present one cannot be read.
        """
        if self.has_schema(node):
            before = None if present is None else decode_json(read_json(present))
            self.check(node, data if present is None else _append(before, data, node.storage_type))


def _append(before: Any, data: Any, storage_type: str) -> Any:
    """Return what a list or an object becomes; storages refuse to append to anything else."""
    if isinstance(before, list):
        return [*before, *(data if isinstance(data, list) else [data])]
    if not (isinstance(before, dict) and isinstance(data, dict)):
        return data
    if storage_type != "excel":
        return {**before, **data}
    return {**before, **{name: _append(before.get(name), rows, "") for name, rows in data.items()}}

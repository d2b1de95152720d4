"""The functions that declare data nodes: one for each storage type."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from scenarist.config.declarations import DEFAULT_ID, Declarations
from scenarist.config.entries import DataNodeConfig, Function
from scenarist.config.origins import find_caller_position
from scenarist.domain.vocabulary import Scope


def collect_given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the caller of a method has given, by name.

    Args:
        arguments: The local variables of the method, before it has set others.
    """
    given = {name: arguments[name] for name in arguments if name not in {"self", "properties"}}
    return {**given, **arguments["properties"]}


class DataNodeRegistry:
    """The part of a registry that declares data nodes.

    In all of these methods, a parameter that is omitted or None keeps the value that the id
    already has; a new id takes the value of the default data node configuration. Properties are
    inherited from it if the storage type is the same.
    """

    def __init__(self) -> None:
        self._declarations = Declarations()
        self._override_files: list[str] = []

    def configure_data_node(
        self,
        id: str,
        storage_type: str | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node of any storage type, with properties of that type."""
        self._declarations.require_open()
        given = {
            "storage_type": storage_type,
            "scope": scope,
            "validity_period": validity_period,
            **properties,
        }
        node = self._declarations.declare_data_node(id, given, find_caller_position())
        if id == DEFAULT_ID:
            self._declarations.reject_default("DATA_NODE", find_caller_position())
        return node

    def configure_data_node_from(
        self, source_configuration: DataNodeConfig, id: str, **properties: Any
    ) -> DataNodeConfig:
        """Declare a copy of another data node, with the given values changed."""
        self._declarations.require_open()
        return self._declarations.declare_data_node(
            id, properties, find_caller_position(), like=source_configuration
        )

    def set_default_data_node_configuration(
        self,
        storage_type: str,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare the defaults of the data nodes that are configured after this call."""
        self._declarations.require_open()
        self._declarations.drop_default("DATA_NODE")
        default = self.configure_data_node(
            DEFAULT_ID, storage_type, scope, validity_period, **properties
        )
        self._declarations.accept_default("DATA_NODE")
        return default

    def _configure(self, storage_type: str, arguments: Mapping[str, Any]) -> DataNodeConfig:
        return self.configure_data_node(storage_type=storage_type, **collect_given(arguments))

    def configure_csv_data_node(
        self,
        id: str,
        default_path: str | None = None,
        encoding: str | None = None,
        has_header: bool | str | None = None,
        exposed_type: str | type | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that stores a table as CSV.

        Args:
            exposed_type: ``pandas`` (the default), ``numpy``, or the class of one row.
        """
        return self._configure("csv", locals())

    def configure_json_data_node(
        self,
        id: str,
        default_path: str | None = None,
        encoding: str | None = None,
        encoder: Function | type | None = None,
        decoder: Function | type | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that stores a value as JSON.

        Args:
            encoder: A ``json.JSONEncoder`` class of a module, for types that JSON lacks.
            decoder: A ``json.JSONDecoder`` class that decodes them.
        """
        return self._configure("json", locals())

    def configure_parquet_data_node(
        self,
        id: str,
        default_path: str | None = None,
        engine: str | None = None,
        compression: str | None = None,
        read_kwargs: Mapping[str, Any] | None = None,
        write_kwargs: Mapping[str, Any] | None = None,
        exposed_type: str | type | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that stores a table as Parquet."""
        return self._configure("parquet", locals())

    def configure_excel_data_node(
        self,
        id: str,
        default_path: str | None = None,
        has_header: bool | str | None = None,
        sheet_name: str | Sequence[str] | None = None,
        exposed_type: Any = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that stores sheets as an Excel workbook."""
        return self._configure("excel", locals())

    def configure_generic_data_node(
        self,
        id: str,
        read_fct: Function | None = None,
        write_fct: Function | None = None,
        read_fct_args: Sequence[Any] | None = None,
        write_fct_args: Sequence[Any] | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that is read and written by functions of the application."""
        return self._configure("generic", locals())

    def configure_in_memory_data_node(
        self,
        id: str,
        default_data: Any = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node whose value is stored in the database, or above 16 MiB as a file."""
        return self._configure("in_memory", locals())

    def configure_pickle_data_node(
        self,
        id: str,
        default_path: str | None = None,
        default_data: Any = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that stores any Python value as a pickle."""
        return self._configure("pickle", locals())

    def configure_sql_table_data_node(
        self,
        id: str,
        db_name: str,
        db_engine: str,
        table_name: str,
        db_username: str | None = None,
        db_password: str | None = None,
        db_host: str | None = None,
        db_port: int | str | None = None,
        db_driver: str | None = None,
        sqlite_folder_path: str | None = None,
        sqlite_file_extension: str | None = None,
        db_extra_args: Mapping[str, Any] | None = None,
        exposed_type: str | type | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that is a table in a database."""
        return self._configure("sql_table", locals())

    def configure_sql_data_node(
        self,
        id: str,
        db_name: str,
        db_engine: str,
        read_query: str | None = None,
        write_query_builder: Function | None = None,
        append_query_builder: Function | None = None,
        db_username: str | None = None,
        db_password: str | None = None,
        db_host: str | None = None,
        db_port: int | str | None = None,
        db_driver: str | None = None,
        sqlite_folder_path: str | None = None,
        sqlite_file_extension: str | None = None,
        db_extra_args: Mapping[str, Any] | None = None,
        exposed_type: str | type | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that is read by a query, written by queries of a function, or both.

        Without a query builder it is read-only, as with ``read_only=True``.
        """
        return self._configure("sql", locals())

    def configure_mongo_collection_data_node(
        self,
        id: str,
        db_name: str,
        collection_name: str,
        custom_document: type | str | None = None,
        db_username: str | None = None,
        db_password: str | None = None,
        db_host: str | None = None,
        db_port: int | str | None = None,
        db_driver: str | None = None,
        db_extra_args: Mapping[str, Any] | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that is a MongoDB collection."""
        return self._configure("mongo_collection", locals())

    def configure_s3_object_data_node(
        self,
        id: str,
        aws_access_key: str,
        aws_secret_access_key: str,
        aws_s3_bucket_name: str,
        aws_s3_object_key: str,
        aws_region: str | None = None,
        aws_s3_client_parameters: Mapping[str, Any] | None = None,
        aws_s3_get_object_parameters: Mapping[str, Any] | None = None,
        aws_s3_put_object_parameters: Mapping[str, Any] | None = None,
        scope: Scope | str | None = None,
        validity_period: timedelta | str | None = None,
        *,
        aws_s3_object_parameters: Mapping[str, Any] | None = None,
        **properties: Any,
    ) -> DataNodeConfig:
        """Declare a data node that is an object in S3.

        Args:
            aws_s3_object_parameters: Parameters of the calls that read and write the object; each
                call gets those that it has.
        """
        return self._configure("s3_object", locals())

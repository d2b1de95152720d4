"""The parameters of storage types, and which of them are safe to show."""

from collections.abc import Mapping

_NODE = ("read_only", "name", "secrets")
_FILE = (*_NODE, "default_path", "path", "default_data")
_DATABASE = (*_NODE, "db_name", "db_username", "db_host", "db_port", "db_driver")
_SQL = (*_DATABASE, "db_engine", "sqlite_folder_path", "sqlite_file_extension", "exposed_type")
_KWARGS = ("read_kwargs", "write_kwargs")
_LOGIN = ("db_password", "db_extra_args")

SHOWN_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "pickle": _FILE,
    "csv": (*_FILE, "encoding", "has_header", "separator", "dtype", "exposed_type"),
    "excel": (*_FILE, "has_header", "sheet_name", "dtype", "exposed_type"),
    "json": (*_FILE, "encoding", "encoder", "decoder", "exposed_type"),
    "parquet": (*_FILE, "engine", "compression", "exposed_type"),
    "in_memory": (*_NODE, "default_data"),
    "generic": (*_NODE, "read_fct", "write_fct"),
    "sql_table": (*_SQL, "table_name"),
    "sql": (*_SQL, "write_query_builder", "append_query_builder"),
    "mongo_collection": (*_DATABASE, "collection_name", "custom_document"),
    "s3_object": (*_NODE, "aws_s3_bucket_name", "aws_s3_object_key", "aws_region"),
}
"""By storage type: the parameters whose values are shown, with secrets in URLs masked."""

HIDDEN_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "pickle": (),
    "csv": _KWARGS,
    "excel": _KWARGS,
    "json": (),
    "parquet": _KWARGS,
    "in_memory": (),
    "generic": ("read_fct_args", "write_fct_args"),
    "sql_table": _LOGIN,
    "sql": (*_LOGIN, "read_query"),
    "mongo_collection": _LOGIN,
    "s3_object": (
        "aws_access_key",
        "aws_secret_access_key",
        "aws_s3_client_parameters",
        "aws_s3_object_parameters",
        "aws_s3_get_object_parameters",
        "aws_s3_put_object_parameters",
    ),
}
"""By storage type: the parameters that may be or contain a secret."""

_READING_TABLES = (
    *("names", "usecols", "columns", "dtype", "converters", "true_values", "false_values"),
    *("skipinitialspace", "skiprows", "skipfooter", "nrows", "na_values", "keep_default_na"),
    *("na_filter", "skip_blank_lines", "parse_dates", "date_format", "dayfirst", "cache_dates"),
    *("thousands", "decimal", "lineterminator", "quotechar", "quoting", "doublequote"),
    *("escapechar", "comment", "dialect", "on_bad_lines", "low_memory", "float_precision"),
    *("dtype_backend", "engine", "use_nullable_dtypes", "filters", "partitioning"),
    *("to_pandas_kwargs", "use_threads", "index_col", "header"),
)
_WRITING_TABLES = (
    *("na_rep", "float_format", "columns", "quoting", "quotechar", "date_format", "doublequote"),
    *("escapechar", "decimal", "chunksize", "inf_rep", "freeze_panes", "autofilter", "startrow"),
    *("startcol", "compression", "compression_level", "index", "row_group_size", "version"),
    *("use_dictionary", "write_statistics", "coerce_timestamps", "allow_truncated_timestamps"),
    *("flavor", "data_page_size", "column_encoding", "engine"),
)
_CALLS_OF_S3 = (
    *("VersionId", "Range", "PartNumber", "IfMatch", "IfNoneMatch", "ContentType"),
    *("ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "StorageClass"),
    *("ServerSideEncryption", "SSECustomerAlgorithm", "ACL", "ChecksumAlgorithm", "RequestPayer"),
)
_DRIVERS = (
    *("connect_timeout", "read_timeout", "write_timeout", "timeout", "charset", "sslmode"),
    *("application_name", "driver", "Encrypt", "TrustServerCertificate", "MARS_Connection"),
    *("tls", "ssl", "replicaSet", "authSource", "authMechanism", "retryWrites", "retryReads"),
    *("serverSelectionTimeoutMS", "connectTimeoutMS", "socketTimeoutMS", "directConnection"),
    *("tz_aware", "w", "readPreference", "readConcernLevel", "appname"),
)

SHOWN_OPTIONS: Mapping[str, frozenset[str]] = {
    "read_kwargs": frozenset(_READING_TABLES),
    "write_kwargs": frozenset(_WRITING_TABLES),
    "db_extra_args": frozenset(_DRIVERS),
    "aws_s3_client_parameters": frozenset(
        {"endpoint_url", "region_name", "api_version", "use_ssl", "verify"}
    ),
    "aws_s3_object_parameters": frozenset(_CALLS_OF_S3),
    "aws_s3_get_object_parameters": frozenset(_CALLS_OF_S3),
    "aws_s3_put_object_parameters": frozenset(_CALLS_OF_S3),
}
"""By hidden parameter that is a table: its options whose values are shown."""

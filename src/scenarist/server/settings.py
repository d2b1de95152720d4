"""Settings of a server: type, default and description of each; read once, then frozen."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scenarist.domain.errors import InvalidError
from scenarist.domain.redaction import MASK, mask_secrets
from scenarist.domain.resources import RESOURCE_PARSERS
from scenarist.domain.retention import Retention
from scenarist.domain.text import NOT_A_LABEL, is_label
from scenarist.domain.vocabulary import ExecutorName
from scenarist.observability.logs import LogFormat, LogLevel

Auth = Literal["none", "local", "ldap", "oidc"]

_MIN_VALUE_MEMORY = 64 * 2**20
_NONE: Mapping[str, str] = MappingProxyType({})
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _setting(
    default: Any,
    sentence: str,
    *,
    is_secret: bool = False,
    serves_only: bool = False,
    synonyms: Mapping[str, str] = _NONE,
) -> Any:
    """Declare a setting; the command line has an option for each that is not secret.

    Args:
        sentence: Describes it in Markdown, in the documentation and on the command line.
        serves_only: Whether it concerns only processes that serve requests.
        synonyms: Other words for some of its values.
    """
    return field(
        default=default,
        metadata={
            "sentence": sentence,
            "is_secret": is_secret,
            "serves_only": serves_only,
            "synonyms": synonyms,
        },
        repr=not is_secret,
    )


# ruff: noqa: RUF009 - _setting is `field` with a sentence
@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of ``scenarist serve``; each is an option, a variable and a key in a file."""

    host: str = _setting(
        "127.0.0.1",
        "The address to listen on.",
        serves_only=True,
    )
    port: int = _setting(
        5000,
        "The port to listen on; 0 picks a free one.",
        serves_only=True,
    )
    database: str = _setting(
        "sqlite:///.scenarist/scenarist.db", "The URL of the database for records."
    )
    storage: str = _setting(
        ".scenarist/data",
        "The folder for values whose data node names no location, or a URL such as "
        "`s3://bucket/folder`.",
    )
    app_version: str | None = _setting(
        None,
        "The version of the application, which labels everything it creates, runs and writes "
        "(default: `version_number` of `[CORE]`, else the commit of a git checkout in which no "
        "tracked file has changed, else `latest`).",
    )
    workers: int = _setting(
        os.cpu_count() or 1, "How many jobs run at the same time (default: the number of cores)."
    )
    worker_jobs: int | None = _setting(
        None, "The number of jobs after which a worker process is replaced (default: never)."
    )
    worker_memory: str | None = _setting(
        None,
        "A worker process that holds more memory than this after a job is replaced; for example "
        "`512MiB` (default: replace it when it has grown by more than 64 MiB since its first job).",
    )
    value_memory: str = _setting(
        "2GiB",
        "How much memory a request may use for the value that it reads or writes; larger values "
        "are rejected with 413.",
        serves_only=True,
    )
    value_columns: int = _setting(
        16_384,
        "How many columns a table that a request reads or writes may have.",
        serves_only=True,
    )
    executor: ExecutorName = _setting(
        "local", "What runs jobs: `local` (processes on this machine), `ray` or `dask`."
    )
    executor_address: str | None = _setting(
        None,
        "The address of the Ray or Dask cluster (default: a cluster on this machine, started with "
        "the server).",
    )
    grace_seconds: int = _setting(
        2, "How many seconds a job that is being stopped may take to end before it is killed."
    )
    drain_seconds: int = _setting(
        5,
        "How many seconds running jobs may continue when the server stops; jobs still running then "
        "are stopped, and run again later.",
    )
    lease_seconds: int = _setting(
        15,
        "How many seconds an orchestrator may run jobs without renewing its lease before others "
        "take them over.",
    )
    no_orchestrator: bool = _setting(
        False,
        "Whether the server only answers requests and leaves jobs and webhooks to others.",
        serves_only=True,
    )
    time_zone: str = _setting(
        "UTC",
        "The time zone in which cycles start and end at midnight, and of times in requests that "
        "have none.",
        serves_only=True,
    )
    log_format: LogFormat = _setting("text", "The format of the server's log: `text` or `json`.")
    log_level: LogLevel = _setting(
        "info", "The lowest level that the server logs: `debug`, `info`, `warning` or `error`."
    )
    job_log_level: LogLevel | None = _setting(
        None,
        "The lowest level that jobs log, unless the application sets a level itself: `debug`, "
        "`info`, `warning` or `error` (default: the same as `log_level`).",
    )
    access_log: bool = _setting(
        False, "Whether each request is logged, without its query and headers.", serves_only=True
    )
    webhook_private_addresses: bool = _setting(
        False, "Whether webhooks may be sent to private addresses."
    )
    auth: Auth = _setting(
        "none",
        "How users are authenticated: `none` (authorization is off), `local`, `ldap` or `oidc`; "
        "`taipy` means `local`.",
        serves_only=True,
        synonyms={"taipy": "local"},
    )
    keep_jobs_days: int | None = _setting(
        None,
        "How many days submissions are kept after they end, with their jobs (default: forever).",
    )
    keep_logs_days: int | None = _setting(
        None, "How many days the logs of ended jobs are kept (default: as long as the jobs)."
    )
    keep_events_days: int | None = _setting(
        None,
        "How many days events are kept (default: no limit in days). At least the last 100,000 "
        "transactions are kept without it, and older ones are dropped in any case.",
    )
    keep_audit_days: int | None = _setting(
        None, "How many days the rows of the audit are kept (default: forever)."
    )
    keep_edits: int | None = _setting(
        None, "How many of the newest edits of each data node are kept (default: all)."
    )
    keep_leftovers_days: int | None = _setting(
        None,
        "How many days files in the storage folder that no record refers to are kept (default: "
        "forever).",
    )
    session_seconds: int = _setting(
        28_800, "How many seconds a session lasts after sign-in.", serves_only=True
    )
    audit_refusals: int = _setting(
        10,
        "How many refusals the audit records per second, with bursts of up to ten times as many; "
        "it only counts the others.",
        serves_only=True,
    )
    secret_key_file: str | None = _setting(
        None,
        "The file of secret keys, created at the first start (default: `secret.key` next to the "
        "database, or next to the storage if the database is not a file).",
    )
    secret_key: str | None = _setting(
        None,
        "The secret key itself, instead of a file. There is no option for it, because other users "
        "of the machine could read it there.",
        is_secret=True,
    )
    open_metrics: bool = _setting(
        False, "Whether `/metrics` is accessible without a role.", serves_only=True
    )
    open_description: bool = _setting(
        False, "Whether `/schema` is accessible without a role.", serves_only=True
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses and networks of proxies that are trusted to report the client's address.",
        serves_only=True,
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        "Origins whose pages may call the server, such as `https://planner.example.com`.",
        serves_only=True,
    )
    hosts: tuple[str, ...] = _setting(
        (),
        "The host names that clients may use for the server (default: any; without authorization, "
        "those of loopback).",
        serves_only=True,
    )
    insecure: bool = _setting(
        False,
        "Whether others get access while authorization is off: through addresses other than "
        "loopback, other users of the machine, and pages of all origins.",
        serves_only=True,
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def worker_bytes(self) -> int | None:
        """The `worker_memory` in bytes."""
        return (
            None if self.worker_memory is None else RESOURCE_PARSERS["memory"](self.worker_memory)
        )

    @property
    def value_bytes(self) -> int:
        """The `value_memory` in bytes."""
        return RESOURCE_PARSERS["memory"](self.value_memory) or 0

    @property
    def retention(self) -> Retention:
        """How long ended submissions and other old records are kept."""

        def days(number: int | None) -> timedelta | None:
            return None if number is None else timedelta(days=number)

        return Retention(
            jobs=days(self.keep_jobs_days),
            logs=days(self.keep_logs_days),
            events=days(self.keep_events_days),
            audit=days(self.keep_audit_days),
            edits=self.keep_edits,
            leftovers=days(self.keep_leftovers_days),
        )


RETENTION_SETTINGS = tuple(item.name for item in fields(Settings) if item.name.startswith("keep_"))
_TYPES = {item.name: item.type for item in fields(Settings)}
_SYNONYMS = {item.name: item.metadata["synonyms"] for item in fields(Settings)}


def read_settings(
    options: Mapping[str, Any], environment: Mapping[str, str], table: Mapping[str, Any]
) -> Settings:
    """Read settings: options take precedence over ``SCENARIST_<NAME>`` variables, then the file.

    Args:
        options: Options of the command line; None for an option that was not given.
        table: The ``[SCENARIST]`` table of a configuration file.

    Raises:
        InvalidError: A name is unknown or a value is not valid; names the setting and its source.
    """
    known = {item.name for item in fields(Settings)}
    if unknown := find_unknown_settings(table):
        raise InvalidError("; ".join(f"[SCENARIST]: {fault}" for fault in unknown))
    chosen: dict[str, Any] = {}
    for name in known:
        variable = f"SCENARIST_{name.upper()}"
        for source, value in (
            (f"option --{name.replace('_', '-')}", options.get(name)),
            (f"variable {variable}", environment.get(variable)),
            (f"[SCENARIST] {name}", table.get(name)),
        ):
            if value is not None:
                chosen[name] = _parse(name, value, source)
                break
    return _validate(Settings(**chosen))


def find_secrets(settings: Settings) -> dict[str, str]:
    """Return secrets in the settings that messages must not contain, with their replacements."""
    urls = (settings.database, settings.storage, settings.executor_address or "")
    found = {url: mask_secrets(url) for url in urls}
    secrets = {url: shown for url, shown in found.items() if url != shown}
    return secrets if settings.secret_key is None else {**secrets, settings.secret_key: MASK}


def find_unknown_settings(table: Mapping[str, Any]) -> list[str]:
    """Return a message, with a suggestion, for each unknown key of the ``[SCENARIST]`` table."""
    known = sorted(item.name for item in fields(Settings))
    faults = []
    for name in sorted(set(table).difference(known)):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(known)}"
        faults.append(f"there is no setting {name!r}; {hint}")
    return faults


def _parse(name: str, value: Any, source: str) -> Any:
    kind = _TYPES[name]
    if kind in (int, int | None):
        try:
            return int(value)
        except (TypeError, ValueError):
            raise InvalidError(f"{source} must be a whole number, not {value!r}") from None
    if kind is bool:
        return _parse_boolean(value, source)
    if get_origin(kind) is tuple:
        return _parse_list(value, source)
    if not isinstance(value, str):
        raise InvalidError(f"{source} must be a string, not {type(value).__name__}")
    return _SYNONYMS[name].get(value, value)


def _parse_boolean(value: Any, source: str) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _BOOLEANS[str(value).lower()]
    except KeyError:
        raise InvalidError(f"{source} must be true or false, not {value!r}") from None


def _parse_list(value: Any, source: str) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise InvalidError(f"{source} must be a list of strings, or strings separated by commas")
    return tuple(part.strip() for part in parts if part.strip())


def _validate(settings: Settings) -> Settings:
    _require_amounts(settings)
    _require_workers(settings)
    _require_retention(settings)
    _require_known_words(settings)
    if settings.app_version is not None and not is_label(settings.app_version):
        raise InvalidError(f"app_version {settings.app_version[:200]!r} {NOT_A_LABEL}")
    try:
        _ = settings.zone
    except (ZoneInfoNotFoundError, ValueError):
        raise InvalidError(f"there is no time zone named {settings.time_zone!r}") from None
    return settings


def _require_amounts(settings: Settings) -> None:
    if not 0 <= settings.port <= 65_535:
        raise InvalidError(f"the port must be from 0 to 65535, not {settings.port}")
    for name, seconds in (("grace", settings.grace_seconds), ("drain", settings.drain_seconds)):
        if not 0 <= seconds <= 86_400:
            raise InvalidError(f"{name}_seconds must be from 0 to 86400, not {seconds}")
    if not 60 <= settings.session_seconds <= 31_536_000:
        raise InvalidError(
            f"session_seconds must be from 60 to 31536000, not {settings.session_seconds}"
        )
    if not 1 <= settings.lease_seconds <= 3600:
        raise InvalidError(f"lease_seconds must be from 1 to 3600, not {settings.lease_seconds}")
    if settings.audit_refusals < 1:
        raise InvalidError(f"audit_refusals must be at least 1, not {settings.audit_refusals}")


def _require_workers(settings: Settings) -> None:
    if settings.workers < 1:
        raise InvalidError(f"workers must be at least 1, not {settings.workers}")
    if settings.worker_jobs is not None and settings.worker_jobs < 1:
        raise InvalidError(f"worker_jobs must be at least 1, not {settings.worker_jobs}")
    for name in ("worker_memory", "value_memory"):
        try:
            RESOURCE_PARSERS["memory"](getattr(settings, name) or "1GiB")
        except InvalidError as error:
            raise InvalidError(f"{name}: {error.message}") from None
    if settings.value_bytes < _MIN_VALUE_MEMORY:
        raise InvalidError(f"value_memory must be at least 64MiB, not {settings.value_memory}")
    if not 1 <= settings.value_columns <= 1_000_000:
        raise InvalidError(f"value_columns must be from 1 to 1000000, not {settings.value_columns}")


def _require_retention(settings: Settings) -> None:
    for name in RETENTION_SETTINGS:
        kept = getattr(settings, name)
        if kept is not None and not 1 <= kept <= 100_000:
            raise InvalidError(f"{name} must be from 1 to 100000, not {kept}")


def _require_known_words(settings: Settings) -> None:
    for what, word, words in (
        ("auth", settings.auth, get_args(Auth)),
        ("the executor", settings.executor, get_args(ExecutorName)),
        ("the log format", settings.log_format, get_args(LogFormat)),
        ("the log level", settings.log_level, get_args(LogLevel)),
        ("the log level of jobs", settings.job_log_level or "info", get_args(LogLevel)),
    ):
        if word not in words:
            raise InvalidError(f"{what} must be one of {', '.join(words)}, not {word!r}")
    if settings.executor_address is not None and settings.executor == "local":
        raise InvalidError(
            "the executor 'local' has no address; choose ray or dask as the executor"
        )


def get_storage_folder(settings: Settings) -> Path | None:
    """Return the folder of the storage; None if it is a URL of a remote storage."""
    scheme, separator, path = settings.storage.partition("://")
    if not separator:
        return Path(settings.storage).absolute()
    if scheme != "file":
        return None
    if not path.startswith("/"):
        raise InvalidError(
            f"the storage {settings.storage!r} names a host; write file:///path, or only the path"
        )
    return Path(unquote(path))

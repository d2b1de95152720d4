"""Logging of the server."""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Literal, TextIO

import structlog

from scenarist.domain.redaction import redact
from scenarist.observability import tracing

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

request_id: ContextVar[str] = ContextVar("request_id")
"""Id of the current request. structlog's own context variables cost more."""

_SAFE_FIELDS = frozenset({"timestamp", "level", "exc_info", "stack_info"})
"""Fields of a log line that contain no application data, or that are formatted later."""


def configure_logging(log_format: LogFormat, log_level: LogLevel) -> None:
    """Log to standard error, one line per event, as text or JSON.

    Lines logged during a request have its ``request_id``. Lines of libraries have the same form,
    from the level warning. Known secrets are removed from both, see `redact`.
    """
    chain: list[structlog.typing.Processor] = [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if tracing.is_on():
        chain.append(tracing.add_trace_id)
    render: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, _redact, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            _redact,
            _escape_texts,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=_write_traceback,
            ),
        ]
    )
    level = logging.getLevelNamesMapping()[log_level.upper()]
    structlog.configure(
        processors=[*chain, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*chain, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[of_libraries], force=True)


def escape_line(text: str) -> str:
    """Return a text as one line, for the log, whatever a client has put into it.

    Line breaks and control characters, such as terminal escapes, are written as in a Python
    literal.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _redact(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if name not in _SAFE_FIELDS:
            event[name] = _remove_secrets(value)
    return event


def _remove_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _remove_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_remove_secrets(item) for item in value]
    return redact(str(value)) if isinstance(value, BaseException) else value


def _escape_texts(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = escape_line(value)
    return event


def _write_traceback(stream: TextIO, exception: structlog.typing.ExcInfo) -> None:
    """Write a traceback without known secrets and without values of variables.

    Its lines are indented: the text of an exception may have line breaks, and none of its lines
    must look like a line of the log.
    """
    kind, error, frames = exception
    text = redact("".join(traceback.format_exception(kind, error, frames)))
    for line in text.split("\n"):
        stream.write(f"    {escape_line(line)}\n" if line else "")


def _add_request_id(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    current = request_id.get(None)
    if current is not None:
        event["request_id"] = current
    return event

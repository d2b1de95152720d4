"""How the server logs."""

import logging
import sys
from collections.abc import Sequence

import structlog

from scenarist.settings import LogFormat


def configure_logging(log_format: LogFormat) -> None:
    """Log to standard error: one line an event, as text for people or JSON for machines."""
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Without the values of variables, which may hold secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    chain: Sequence[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([structlog.processors.format_exc_info] if log_format == "json" else []),
        render,
    ]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)

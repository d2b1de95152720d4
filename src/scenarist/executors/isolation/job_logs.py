"""Configures the logging of jobs, and restores it after each of them (docs/decisions/0066)."""

import contextlib
import logging
import sys
import time
from operator import attrgetter
from typing import Any, TextIO, TypeGuard

_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s %(message)s"
_TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

_parts_of_logger = attrgetter("level", "propagate", "disabled", "handlers", "filters")
_NEW_LOGGER: tuple[int, bool, bool, list[Any], list[Any]] = (logging.NOTSET, True, False, [], [])


_LAST_RESORT = logging.lastResort


def configure_logging(level: str) -> None:
    """Set the default log level; call it before the application is imported, which may set another.

    Args:
        level: The name of a level, in any case; an unknown name means ``info``.
    """
    logging.root.setLevel(logging.getLevelNamesMapping().get(level.upper(), logging.INFO))
    remove_job_handler()


def remove_job_handler() -> None:
    """Remove the jobs' handler before a module of the application is imported.

    ``logging.basicConfig`` has no effect if there is a handler. Records are still written, by the
    handler of last resort.
    """
    for handler in logging.root.handlers[:]:
        if isinstance(handler, _JobHandler):
            logging.root.removeHandler(handler)
    logging.lastResort = _JobHandler(sys.stderr)


def install_job_handler() -> None:
    """Log to standard error, unless the application has set handlers other than file handlers.

    Handlers without a format get one with the time, the level and the name of the logger.
    """
    logging.lastResort = _LAST_RESORT
    handlers = logging.root.handlers
    if all(isinstance(each, logging.FileHandler | logging.NullHandler) for each in handlers):
        logging.root.addHandler(_JobHandler(sys.stderr))
    for handler in handlers:
        own = handler.formatter
        if own is None or (type(own) is logging.Formatter and own._fmt == logging.BASIC_FORMAT):
            handler.setFormatter(_make_formatter())


class _JobHandler(logging.StreamHandler[TextIO]):
    """Handler of jobs whose application sets none."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(_make_formatter())


def _make_formatter() -> logging.Formatter:
    formatter = logging.Formatter(_FORMAT, _TIME_FORMAT)
    formatter.converter = time.gmtime  # UTC like all times of a server, whatever zone a job sets
    return formatter


class LoggingState:
    """Snapshot of the loggers, their handlers and the other state of the logging module.

    Loggers that a job has created are reset to the state of new ones.
    """

    def __init__(self) -> None:
        self._manager = logging.root.manager
        self._known = [*self._manager.loggerDict.values()]
        self._loggers = [logging.root, *(each for each in self._known if _is_logger(each))]
        self._saved = [_copy_logger(logger) for logger in self._loggers]
        handlers = {id(each): each for logger in self._loggers for each in logger.handlers}
        self._handlers = [(each, _state_of(each)) for each in handlers.values()]
        self._globals = self._read_globals()

    def restore(self) -> str | None:
        """Restore what differs; return a reason if a job has closed a log file, or None."""
        if [*self._manager.loggerDict.values()] != self._known:
            self._add_new_loggers()
        if [*map(_parts_of_logger, self._loggers)] != self._saved:
            self._restore_loggers()
        if self._read_globals() != self._globals:
            self._write_globals()
        closed = [
            handler for handler, saved in self._handlers if not _restore_handler(handler, saved)
        ]
        return f"it closed the log {closed[0]}" if closed else None

    def replace_stream(self, old: TextIO, new: TextIO) -> None:
        """Make the handlers of a stream write to another one."""
        for handler, saved in self._handlers:
            if saved.get("stream") is old:
                saved["stream"] = handler.__dict__["stream"] = new

    def _add_new_loggers(self) -> None:
        self._known = [*self._manager.loggerDict.values()]
        before = set(self._loggers)
        new = [each for each in self._known if _is_logger(each) and each not in before]
        self._loggers += new
        self._saved += [_NEW_LOGGER] * len(new)

    def _restore_loggers(self) -> None:
        for logger, (level, propagate, disabled, handlers, filters) in zip(
            self._loggers, self._saved, strict=True
        ):
            for handler in logger.handlers:
                if handler not in handlers:
                    _close_handler(handler)
            logger.handlers[:] = handlers
            logger.filters[:] = filters
            logger.propagate, logger.disabled, logger.level = propagate, disabled, level
        self._manager._clear_cache()  # type: ignore[attr-defined]

    def _read_globals(self) -> tuple[Any, ...]:
        return (
            self._manager.disable,
            self._manager.loggerClass,
            self._manager.logRecordFactory,
            dict(logging._levelToName),
            dict(logging._nameToLevel),
            [*logging._handlerList],  # type: ignore[attr-defined]
        )

    def _write_globals(self) -> None:
        disable, logger_class, record_factory, names, levels, handlers = self._globals
        logging.disable(disable)
        self._manager.loggerClass = logger_class
        self._manager.logRecordFactory = record_factory
        for target, saved in ((logging._levelToName, names), (logging._nameToLevel, levels)):
            target.clear()
            target.update(saved)
        logging._handlerList[:] = handlers  # type: ignore[attr-defined]


def _is_logger(found: object) -> TypeGuard[logging.Logger]:
    return isinstance(found, logging.Logger)


def _copy_logger(logger: logging.Logger) -> tuple[int, bool, bool, list[Any], list[Any]]:
    level, propagate, disabled, handlers, filters = _parts_of_logger(logger)
    return level, propagate, disabled, [*handlers], [*filters]


def _state_of(handler: logging.Handler) -> dict[str, Any]:
    return {**handler.__dict__, "filters": [*handler.filters]}


def _restore_handler(handler: logging.Handler, saved: dict[str, Any]) -> bool:
    """Restore a handler; return False if it is a file handler that was closed."""
    now = handler.__dict__
    if now == saved:
        return True
    handler.filters[:] = saved["filters"]
    now["level"], now["formatter"] = saved["level"], saved["formatter"]
    if isinstance(handler, logging.FileHandler):
        # Its stream may differ after a rotation; reopening a closed one could truncate the file.
        is_whole = not now.get("_closed", False) or saved.get("_closed", False)
    else:
        now.update({name: saved[name] for name in ("stream", "_closed") if name in saved})
        is_whole = True
    saved.update(_state_of(handler))
    return is_whole


def _close_handler(handler: logging.Handler) -> None:
    # A handler of any class, so `close` may raise anything.
    with contextlib.suppress(Exception):
        handler.close()

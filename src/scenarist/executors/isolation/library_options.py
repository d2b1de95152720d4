"""Saves the options of libraries such as pandas, and restores them after a job."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

_ARROW_IO_THREADS = 8


class PandasOptions:
    """Snapshot of the options of pandas; its defaults if it is not loaded yet."""

    def __init__(self) -> None:
        self._saved = deepcopy(self._read())

    def restore(self) -> None:
        now = self._read()
        if now is None or now == self._saved:
            return
        pandas: Any = sys.modules["pandas"]
        with warnings.catch_warnings(action="ignore"):
            if self._saved is None:
                pandas.reset_option("all")
            else:
                changed = dict(_flatten(now))
                for name, value in _flatten(self._saved):
                    if changed[name] != value:
                        pandas.set_option(name, value)
        self._saved = deepcopy(now)

    @staticmethod
    def _read() -> dict[str, Any] | None:
        return getattr(sys.modules.get("pandas._config.config"), "_global_config", None)


class MatplotlibOptions:
    """Snapshot of the settings of matplotlib, and of the figures that pyplot has open.

    Without this, the next job would continue to draw on the figure of the job before it.
    """

    def __init__(self) -> None:
        settings = self._settings()
        self._saved = None if settings is None else deepcopy(dict.copy(settings))
        self._figures = {*self._open_figures()}

    def restore(self) -> None:
        for number in [*self._open_figures()]:
            if number not in self._figures:
                sys.modules["matplotlib.pyplot"].close(number)
        # Methods of dict, because those of the class validate and warn.
        if (settings := self._settings()) is None or (now := dict.copy(settings)) == self._saved:
            return
        with warnings.catch_warnings(action="ignore"):
            if self._saved is None:
                sys.modules["matplotlib"].rc_file_defaults()
            else:
                dict.update(settings, {**deepcopy(self._saved), "backend": now["backend"]})
        self._saved = deepcopy(dict.copy(settings))

    @staticmethod
    def _settings() -> dict[str, Any] | None:
        return getattr(sys.modules.get("matplotlib"), "rcParams", None)

    @staticmethod
    def _open_figures() -> Iterable[int]:
        list_numbers = getattr(sys.modules.get("matplotlib.pyplot"), "get_fignums", None)
        return () if list_numbers is None else list_numbers()


def _flatten(options: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


class ArrowThreads:
    """Snapshot of pyarrow's numbers of threads for computing and for reading."""

    def __init__(self) -> None:
        self._saved = self._read()

    def restore(self) -> None:
        if (now := self._read()) == self._saved or now is None:
            return
        arrow = sys.modules["pyarrow.lib"]
        if self._saved is None:  # loaded by the job
            self._saved = _default_threads()
        arrow.set_cpu_count(self._saved[0])
        arrow.set_io_thread_count(self._saved[1])

    @staticmethod
    def _read() -> tuple[int, int] | None:
        arrow = sys.modules.get("pyarrow.lib")
        return None if arrow is None else (arrow.cpu_count(), arrow.io_thread_count())


def _default_threads() -> tuple[int, int]:
    """Return the numbers of threads that pyarrow starts with."""
    values = [os.environ.get(name, "") for name in ("OMP_NUM_THREADS", "ARROW_IO_THREADS")]
    processors, threads = (int(value) if value.isdecimal() else 0 for value in values)
    return processors or len(os.sched_getaffinity(0)), threads or _ARROW_IO_THREADS

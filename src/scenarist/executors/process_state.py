"""What a process has once for all that runs in it, and how that is put back after a job."""

import calendar
import contextlib
import csv
import decimal
import faulthandler
import gc
import locale
import multiprocessing
import os
import random
import resource
import signal
import socket
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

_LIMITS = tuple(
    getattr(resource, f"RLIMIT_{name}")
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK")
    if hasattr(resource, f"RLIMIT_{name}")
)
_SIGNALS = tuple(sorted(set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}))
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SEED_BYTES = 16

# The function behind `signal.getsignal`, which makes an enumeration member of each answer.
_handler_of: Callable[[int], Any] = sys.modules["_signal"].getsignal


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that is compared with ``==`` and written back when it differs."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


class ProcessState:
    """The settings of this process as they are now."""

    def __init__(self) -> None:
        stop_timers()
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._folder = _open_folder()
        self._saved = [read() for read in _READERS]
        self._options = _PandasOptions()
        self._plots = _Plots()

    def restore(self) -> str | None:
        """Put back what differs; say what cannot be put back."""
        stop_timers()
        failed = [] if [read() for read in _READERS] == self._saved else self._mend()
        os.umask(self._umask)
        if self._folder is not None:
            os.fchdir(self._folder)
        self._options.restore()
        self._plots.restore()
        # Each job sees its own warnings, also those that an earlier job has seen once.
        _forget_warnings()
        reseed()
        return f"it changed {', '.join(failed)}" if failed else None

    def _mend(self) -> list[str]:
        """Write back what differs, in order; return what cannot be written."""
        return [
            setting.name
            for setting, saved in zip(_SETTINGS, self._saved, strict=True)
            if setting.read() != saved and not _write(setting, saved)
        ]

    def close(self) -> None:
        if self._folder is not None:
            os.close(self._folder)


def reseed() -> None:
    """Seed the global random numbers of Python, numpy and polars anew, from the system."""
    random.seed(int.from_bytes(os.urandom(_SEED_BYTES)))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed(numpy.frombuffer(os.urandom(_SEED_BYTES), dtype=numpy.uint32))
    if (seed := getattr(sys.modules.get("polars"), "set_random_seed", None)) is not None:
        seed(random.getrandbits(64))


def _write(setting: Setting, saved: Any) -> bool:
    with contextlib.suppress(Exception):
        setting.write(saved)
        return bool(setting.read() == saved)
    return False


def stop_timers() -> None:
    """Stop what would send signals, or be told of them, in the next job."""
    for timer in _TIMERS:
        signal.setitimer(timer, 0)
    signal.set_wakeup_fd(-1)
    faulthandler.cancel_dump_traceback_later()


def _open_folder() -> int | None:
    """Return the folder as a descriptor, which holds when the folder is renamed."""
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # it cannot be read; jobs may do without
        return None


def _forget_warnings() -> None:
    warnings._filters_mutated()  # type: ignore[attr-defined]
    if registry := warnings.onceregistry:  # type: ignore[attr-defined]
        registry.clear()


def _handlers() -> list[Any]:
    return [*map(_handler_of, _SIGNALS)]


def _set_handlers(saved: list[Any]) -> None:
    for number, handler in zip(_SIGNALS, saved, strict=True):
        if _handler_of(number) != handler:
            signal.signal(number, handler)


def _mask() -> set[int]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def _set_mask(saved: set[int]) -> None:
    # What is pending would come now; a stop of the job comes from the server and has to.
    while pending := signal.sigpending() & (_mask() - saved) - {signal.SIGTERM}:
        signal.sigwait(pending)
    signal.pthread_sigmask(signal.SIG_SETMASK, saved)


def _limits() -> list[tuple[int, int]]:
    return [*map(resource.getrlimit, _LIMITS)]


def _set_limits(saved: list[tuple[int, int]]) -> None:
    for limit, values in zip(_LIMITS, saved, strict=True):
        if resource.getrlimit(limit) != values:
            resource.setrlimit(limit, values)


def _variables() -> dict[Any, Any]:
    return dict(os.environ._data)  # type: ignore[attr-defined]


def _set_variables(saved: dict[Any, Any]) -> None:
    for name in os.environ._data.keys() - saved.keys():  # type: ignore[attr-defined]
        del os.environ[os.fsdecode(name)]
    for name, value in saved.items():
        os.environ[os.fsdecode(name)] = os.fsdecode(value)
    time.tzset()


def _identity() -> tuple[object, ...]:
    return (os.getresuid(), os.getresgid(), os.getpgrp(), os.getsid(0))


def _set_identity(saved: tuple[Any, ...]) -> None:
    # As far as it goes: a process that gave up what it may do does not get it back.
    (_, user, _), (_, group, _), _, _ = saved
    os.seteuid(user)
    os.setegid(group)


def _schedule() -> tuple[object, ...]:
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    if sys.platform != "linux":
        return (niceness,)
    return (niceness, os.sched_getaffinity(0), os.sched_getscheduler(0))


def _set_schedule(saved: tuple[Any, ...]) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, saved[1])
        if os.sched_getscheduler(0) != saved[2]:
            os.sched_setscheduler(0, saved[2], os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, saved[0])


def _zone() -> tuple[object, ...]:
    return (time.tzname, time.timezone, time.altzone, time.daylight)


def _set_contents(target: Callable[[], list[Any]]) -> Callable[[list[Any]], None]:
    def write(saved: list[Any]) -> None:
        target()[:] = saved

    return write


def _set_switch(enable: Callable[[], object], disable: Callable[[], object]) -> Callable[..., None]:
    def write(is_on: bool) -> None:
        (enable if is_on else disable)()

    return write


def _set_dialects(saved: list[str]) -> None:
    for name in set(csv.list_dialects()) - set(saved):
        csv.unregister_dialect(name)


def _decimal_defaults() -> tuple[object, ...]:
    context = decimal.DefaultContext
    return (context.prec, context.rounding, context.Emin, context.Emax)


def _set_decimal_defaults(saved: tuple[Any, ...]) -> None:
    context = decimal.DefaultContext
    context.prec, context.rounding, context.Emin, context.Emax = saved


def _loop() -> dict[str, Any]:
    """Return what this thread's event loop is, where the application has set a policy."""
    policy = getattr(sys.modules["asyncio.events"], "_event_loop_policy", None)
    return dict(getattr(getattr(policy, "_local", None), "__dict__", ()))


def _set_loop(saved: dict[str, Any]) -> None:
    values = sys.modules["asyncio.events"]._event_loop_policy._local.__dict__
    values.clear()
    values.update(saved)


class _PandasOptions:
    """The options of pandas; those that it begins with when it is not loaded yet."""

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
                changed = dict(_flat(now))
                for name, value in _flat(self._saved):
                    if changed[name] != value:
                        pandas.set_option(name, value)
        self._saved = deepcopy(now)

    @staticmethod
    def _read() -> dict[str, Any] | None:
        return getattr(sys.modules.get("pandas._config.config"), "_global_config", None)


class _Plots:
    """The settings of matplotlib, and the figures that pyplot draws on.

    Without this the next job would go on drawing on the figure of the one before it.
    """

    def __init__(self) -> None:
        settings = self._settings()
        self._saved = None if settings is None else deepcopy(dict.copy(settings))
        self._figures = {*self._open_figures()}

    def restore(self) -> None:
        for number in [*self._open_figures()]:
            if number not in self._figures:
                sys.modules["matplotlib.pyplot"].close(number)
        # The methods of dict: its own ones check and warn.
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
        manager = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
        return () if manager is None else manager.figs


def _flat(options: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


_SETTINGS = (
    Setting("its signal handlers", _handlers, _set_handlers),
    Setting("its blocked signals", _mask, _set_mask),
    Setting("its environment", _variables, _set_variables),
    Setting("its time zone", _zone, lambda _: time.tzset()),
    Setting("its limits", _limits, _set_limits),
    Setting("its user, group or session", _identity, _set_identity),
    Setting("its priority or processors", _schedule, _set_schedule),
    Setting("the module search path", lambda: [*sys.path], _set_contents(lambda: sys.path)),
    Setting("sys.argv", lambda: [*sys.argv], _set_contents(lambda: sys.argv)),
    Setting("the module finders", lambda: [*sys.meta_path], _set_contents(lambda: sys.meta_path)),
    Setting("the path hooks", lambda: [*sys.path_hooks], _set_contents(lambda: sys.path_hooks)),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Setting("the limit of digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    Setting("the trace function", sys.gettrace, sys.settrace),
    Setting("the profile function", sys.getprofile, sys.setprofile),
    Setting(
        "the hooks of asynchronous generators",
        sys.get_asyncgen_hooks,
        lambda saved: sys.set_asyncgen_hooks(*saved),
    ),
    Setting("garbage collection", gc.isenabled, _set_switch(gc.enable, gc.disable)),
    Setting(
        "the thresholds of garbage collection",
        gc.get_threshold,
        lambda saved: gc.set_threshold(*saved),
    ),
    Setting("the debugging of garbage collection", gc.get_debug, gc.set_debug),
    Setting(
        "callbacks of garbage collection",
        lambda: [*gc.callbacks],
        _set_contents(lambda: gc.callbacks),
    ),
    Setting(
        "the locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda saved: locale.setlocale(locale.LC_ALL, saved),
    ),
    Setting(
        "filters of warnings",
        lambda: [*warnings.filters],
        _set_contents(lambda: cast("list[Any]", warnings.filters)),
    ),
    Setting("the stack size of threads", threading.stack_size, threading.stack_size),
    Setting("the default timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout),
    Setting(
        "the start method of multiprocessing",
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda saved: multiprocessing.set_start_method(saved, force=True),
    ),
    Setting("the event loop", _loop, _set_loop),
    Setting("the size limit of csv", csv.field_size_limit, csv.field_size_limit),
    Setting("the dialects of csv", csv.list_dialects, _set_dialects),
    Setting("the first day of weeks", calendar.firstweekday, calendar.setfirstweekday),
    Setting("the defaults of decimal", _decimal_defaults, _set_decimal_defaults),
    Setting(
        "the fault handler",
        faulthandler.is_enabled,
        _set_switch(faulthandler.enable, faulthandler.disable),
    ),
    Setting(
        "the tracing of memory",
        tracemalloc.is_tracing,
        _set_switch(tracemalloc.start, tracemalloc.stop),
    ),
)
_READERS = tuple(setting.read for setting in _SETTINGS)

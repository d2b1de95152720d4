"""Saves process-wide settings, and restores them after a job."""

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
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from scenarist.executors.isolation.c_environment import CEnvironment
from scenarist.executors.isolation.library_options import (
    ArrowThreads,
    MatplotlibOptions,
    PandasOptions,
)

_LIMITS = tuple(
    getattr(resource, f"RLIMIT_{name}")
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "STACK")
    if hasattr(resource, f"RLIMIT_{name}")
)
_SIGNALS = tuple(sorted(set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}))
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SEED_BYTES = 16

# The function behind `signal.getsignal`, without its conversion to enum members.
_handler_of: Callable[[int], Any] = sys.modules["_signal"].getsignal


@dataclass(frozen=True, slots=True)
class ProcessSetting:
    """Process-wide setting: compared with ``==`` after a job, and restored if it differs."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


class ProcessState:
    """Snapshot of the settings of this process."""

    def __init__(self) -> None:
        stop_timers()
        self._umask = os.umask(0o022)
        os.umask(self._umask)
        self._folder = _open_folder()
        self._saved = [read() for read in _READERS]
        self._oom_score = _OomScore()
        self._c_environment = CEnvironment()
        self._options = PandasOptions()
        self._plots = MatplotlibOptions()
        self._arrow_threads = ArrowThreads()

    def restore(self) -> str | None:
        """Restore what differs; return what cannot be restored, or None."""
        stop_timers()
        failed = [] if [read() for read in _READERS] == self._saved else self._restore_settings()
        self._oom_score.restore()
        self._c_environment.restore()
        os.umask(self._umask)
        if self._folder is not None:
            os.fchdir(self._folder)
        self._options.restore()
        self._plots.restore()
        self._arrow_threads.restore()
        # Each job sees its own warnings, including those already shown once in an earlier job.
        _forget_warnings()
        reseed()
        return f"it changed {', '.join(failed)}" if failed else None

    def _restore_settings(self) -> list[str]:
        """Write back what differs, in order; return the names of what cannot be restored."""
        return [
            setting.name
            for setting, saved in zip(_SETTINGS, self._saved, strict=True)
            if setting.read() != saved and not _restore_setting(setting, saved)
        ]

    def close(self) -> None:
        self._oom_score.close()
        if self._folder is not None:
            os.close(self._folder)


def reseed() -> None:
    """Reseed the global random generators of Python, numpy and polars from the system."""
    random.seed(int.from_bytes(os.urandom(_SEED_BYTES)))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy.random" in sys.modules:
        numpy.random.seed(numpy.frombuffer(os.urandom(_SEED_BYTES), dtype=numpy.uint32))
    if (seed := getattr(sys.modules.get("polars"), "set_random_seed", None)) is not None:
        seed(random.getrandbits(64))


def _restore_setting(setting: ProcessSetting, saved: Any) -> bool:
    with contextlib.suppress(Exception):
        setting.write(saved)
        return bool(setting.read() == saved)
    return False


def stop_timers() -> None:
    """Stop timers and wake-up descriptors that would send or receive signals in the next job."""
    for timer in _TIMERS:
        signal.setitimer(timer, 0)
    signal.set_wakeup_fd(-1)
    faulthandler.cancel_dump_traceback_later()


def _open_folder() -> int | None:
    """Return a descriptor of the working directory, which stays valid if it is renamed."""
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # it cannot be read; then it is not restored
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
    # Discard pending signals, which unblocking would deliver; SIGTERM is kept, as it stops a job.
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
    # As far as possible: a process cannot regain privileges that it has dropped.
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
    """Return the state of this thread's event loop, if the application has set a policy."""
    policy = getattr(sys.modules["asyncio.events"], "_event_loop_policy", None)
    return dict(getattr(getattr(policy, "_local", None), "__dict__", ()))


def _set_loop(saved: dict[str, Any]) -> None:
    values = sys.modules["asyncio.events"]._event_loop_policy._local.__dict__
    values.clear()
    values.update(saved)


def _tz_path() -> tuple[str, ...]:
    return tuple(zoneinfo.TZPATH)


def _set_tz_path(saved: tuple[str, ...]) -> None:
    zoneinfo.reset_tzpath(saved)
    zoneinfo.ZoneInfo.clear_cache()


def _process() -> tuple[object, ...]:
    process = multiprocessing.current_process()
    return (process.name, process.authkey)


def _set_process(saved: tuple[Any, ...]) -> None:
    process = multiprocessing.current_process()
    process.name, process.authkey = saved


class _OomScore:
    """Snapshot of the process's score for the kernel's out-of-memory killer."""

    def __init__(self) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):  # only Linux has it
            self._file = os.open("/proc/self/oom_score_adj", os.O_RDWR)
        self._saved = self._read()

    def restore(self) -> None:
        if self._file is not None and self._read() != self._saved:
            os.pwrite(self._file, self._saved, 0)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _read(self) -> bytes:
        return b"" if self._file is None else os.pread(self._file, 16, 0)


_SETTINGS = (
    ProcessSetting("its signal handlers", _handlers, _set_handlers),
    ProcessSetting("its blocked signals", _mask, _set_mask),
    ProcessSetting("its environment", _variables, _set_variables),
    ProcessSetting("its time zone", _zone, lambda _: time.tzset()),
    ProcessSetting("its limits", _limits, _set_limits),
    ProcessSetting("its user, group or session", _identity, _set_identity),
    ProcessSetting("its priority or processors", _schedule, _set_schedule),
    ProcessSetting("the module search path", lambda: [*sys.path], _set_contents(lambda: sys.path)),
    ProcessSetting("sys.argv", lambda: [*sys.argv], _set_contents(lambda: sys.argv)),
    ProcessSetting(
        "the module finders", lambda: [*sys.meta_path], _set_contents(lambda: sys.meta_path)
    ),
    ProcessSetting(
        "the path hooks", lambda: [*sys.path_hooks], _set_contents(lambda: sys.path_hooks)
    ),
    ProcessSetting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    ProcessSetting("the switch interval", sys.getswitchinterval, sys.setswitchinterval),
    ProcessSetting("the limit of digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    ProcessSetting("the trace function", sys.gettrace, sys.settrace),
    ProcessSetting("the profile function", sys.getprofile, sys.setprofile),
    ProcessSetting(
        "the hooks of asynchronous generators",
        sys.get_asyncgen_hooks,
        lambda saved: sys.set_asyncgen_hooks(*saved),
    ),
    ProcessSetting("garbage collection", gc.isenabled, _set_switch(gc.enable, gc.disable)),
    ProcessSetting(
        "the thresholds of garbage collection",
        gc.get_threshold,
        lambda saved: gc.set_threshold(*saved),
    ),
    ProcessSetting("the debugging of garbage collection", gc.get_debug, gc.set_debug),
    ProcessSetting(
        "callbacks of garbage collection",
        lambda: [*gc.callbacks],
        _set_contents(lambda: gc.callbacks),
    ),
    ProcessSetting(
        "the locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda saved: locale.setlocale(locale.LC_ALL, saved),
    ),
    ProcessSetting(
        "filters of warnings",
        lambda: [*warnings.filters],
        _set_contents(lambda: cast("list[Any]", warnings.filters)),
    ),
    ProcessSetting("the stack size of threads", threading.stack_size, threading.stack_size),
    ProcessSetting(
        "the default timeout of sockets", socket.getdefaulttimeout, socket.setdefaulttimeout
    ),
    ProcessSetting(
        "the start method of multiprocessing",
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda saved: multiprocessing.set_start_method(saved, force=True),
    ),
    ProcessSetting("the process of multiprocessing", _process, _set_process),
    ProcessSetting(
        "the name of the main thread",
        lambda: threading.main_thread().name,
        lambda saved: setattr(threading.main_thread(), "name", saved),
    ),
    ProcessSetting("the time zone files", _tz_path, _set_tz_path),
    ProcessSetting("the event loop", _loop, _set_loop),
    ProcessSetting("the size limit of csv", csv.field_size_limit, csv.field_size_limit),
    ProcessSetting("the dialects of csv", csv.list_dialects, _set_dialects),
    ProcessSetting("the first day of weeks", calendar.firstweekday, calendar.setfirstweekday),
    ProcessSetting("the defaults of decimal", _decimal_defaults, _set_decimal_defaults),
    ProcessSetting(
        "the fault handler",
        faulthandler.is_enabled,
        _set_switch(faulthandler.enable, faulthandler.disable),
    ),
    ProcessSetting(
        "the tracing of memory",
        tracemalloc.is_tracing,
        _set_switch(tracemalloc.start, tracemalloc.stop),
    ),
)
_READERS = tuple(setting.read for setting in _SETTINGS)

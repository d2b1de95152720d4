"""What jobs may change in their process: each change, and what shows it; workers import them."""

import asyncio
import atexit
import builtins
import calendar
import codecs
import contextlib
import copyreg
import csv
import ctypes
import datetime
import decimal
import email.charset
import enum
import faulthandler
import fcntl
import gc
import http.client
import importlib
import importlib.abc
import io
import json
import locale
import logging
import logging.config
import math
import mimetypes
import multiprocessing
import multiprocessing.spawn
import os
import pathlib
import pickle
import platform
import random
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import types
import unicodedata
import urllib.parse
import urllib.request
import warnings
import xml.etree.ElementTree as ET
import zoneinfo
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
import polars
import pyarrow as pa  # type: ignore[import-untyped]

from scenarist.executors.base import JobRequest
from scenarist.executors.isolation.job_logs import configure_logging
from scenarist.executors.isolation.worker_snapshot import WorkerSnapshot
from scenarist.executors.runner import run_request
from scenarist.storage.base import ValueLocation, WriteTarget

kept: list[Any] = []
_FOLDER = pathlib.Path(tempfile.gettempdir())


class Leak(NamedTuple):
    """A change that a job makes, and what the same job and the next one see of it."""

    make: Callable[[], object]
    look: Callable[[], object]
    replaces: bool = False  #: whether it cannot be put back, so that the worker is replaced


def make(name: str, ending: str) -> object:
    """Make a change, and return what is seen of it; or end in another way."""
    LEAKS[name].make()
    if ending == "raises":
        raise ValueError(repr(LEAKS[name].look()))
    if ending == "exits":
        sys.exit(repr(LEAKS[name].look()))
    return repr(LEAKS[name].look())


def look(name: str) -> str:
    return repr(LEAKS[name].look())


def draw() -> list[float]:
    return [random.random(), float(np.random.random())]


def seed() -> None:
    random.seed(1)
    np.random.seed(1)


def set_state() -> None:
    random.setstate(random.Random(1).getstate())
    np.random.set_state(np.random.RandomState(1).get_state())


def warn() -> None:
    warnings.warn("look here", stacklevel=1)


def log_something() -> None:
    logging.getLogger("shop").debug("details")
    logging.getLogger("shop").info("begun")
    logging.getLogger("shop.orders").warning("something is amiss")


def print_for_ever() -> None:
    def go_on() -> None:
        while True:
            print("noise")

    threading.Thread(target=go_on, name="noisy", daemon=True).start()


def leave_processes() -> None:
    """Leave a child, a grandchild in a session of its own, and one whose parent has ended."""
    command = "import os, time\nif os.fork() == 0:\n os.setsid()\n"
    for code in (f"{command}time.sleep(600)", f"{command} time.sleep(600)"):
        process = subprocess.Popen([sys.executable, "-c", code])
        kept.append(process)
    kept[-1].wait()


def process_count() -> int:
    """Return how many processes were started by `leave_processes` and live."""
    count = 0
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            count += b"time.sleep(600)" in (folder / "cmdline").read_bytes()
        except OSError:
            continue
    return count


def use_pool() -> list[int]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(abs, [-1])


def lock(file: str) -> None:
    kept.append(open(file, "w"))  # noqa: SIM115 - left open
    fcntl.flock(kept[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_at_one_number(file: str, mode: str) -> int:
    """Open a file at a number that is the same in each job; return the process that has it."""
    opened = os.open(file, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    os.dup2(opened, 200)
    os.close(opened)
    return os.getpid()


def keep_connection() -> int:
    """Keep a connection as a pool does, and return the process that has it."""
    if not kept:
        server = socket.create_server(("127.0.0.1", 0))
        kept.append((socket.create_connection(server.getsockname()), server.accept()[0]))
        server.close()
    kept[0][0].sendall(b"x")
    return os.getpid()


def be_killed_first() -> tuple[int, str]:
    file = pathlib.Path("/proc/self/oom_score_adj")
    before = file.read_text()
    file.write_text("900")
    return os.getpid(), before


def draw_from_polars() -> list[int]:
    drawn: list[int] = polars.Series(range(10_000)).sample(4).to_list()
    polars.set_random_seed(3)
    return drawn


def plot() -> tuple[int, float]:
    """Draw a line as scripts do; return how many there are then, and how wide the next one is."""
    plt: Any = importlib.import_module("matplotlib.pyplot")
    plt.plot([1, 2, 3])
    seen = len(plt.gca().lines), plt.rcParams["lines.linewidth"]
    plt.rcParams["lines.linewidth"] = 77
    return seen


def leave_pool(method: str) -> list[int]:
    """Work in processes of multiprocessing that are kept for later."""
    pool = multiprocessing.get_context(method).Pool(1)
    kept.append(pool)
    return pool.map(abs, [-1, -2])


def process() -> int:
    return os.getpid()


def print_at_exit() -> int:
    atexit.register(print, "printed at exit")
    return os.getpid()


def threads_for_a_while() -> int:
    for _ in range(20):
        thread = threading.Thread(target=time.sleep, args=(0,))
        thread.start()
        thread.join()
    return os.getpid()


def _patch(owner: Any, name: str, value: object = lambda *_, **__: -1) -> Leak:
    original = getattr(owner, name)
    return Leak(
        lambda: setattr(owner, name, value),
        # The object itself may be another one in another process.
        lambda: getattr(owner, name) is original or repr(getattr(owner, name)),
        replaces=callable(original),
    )


class _EqualToAll:
    """As the doubles of tests are that stand for any argument."""

    def __call__(self, *_: object) -> int:
        return -1

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


def _shadow() -> None:
    sys.modules["json"] = types.ModuleType("json")


def _block() -> None:
    sys.modules["never_imported"] = types.ModuleType("never_imported")


def _is_there(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, *_: object) -> None:
        return None


def _set_limits(kind: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _dup_over(number: int) -> Callable[[], None]:
    def put() -> None:
        sys.stdout.flush()
        os.dup2(os.open(os.devnull, os.O_RDWR), number)

    return put


def _target(number: int) -> str:
    return os.readlink(f"/proc/self/fd/{number}").partition(":")[0]


def _move_to_tokyo() -> None:
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()


def _block_alarm() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.raise_signal(signal.SIGALRM)


def _blocked() -> list[int]:
    return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def _logging() -> object:
    """Return what a record of the application would meet."""
    shop = logging.getLogger("shop")
    root = logging.getLogger()
    return (
        [
            (type(each).__name__, each.level, each.filters)
            for each in (*shop.handlers, *root.handlers)
        ],
        [each.formatter._fmt for each in root.handlers if each.formatter],
        [logger.level for logger in (shop, root)],
        [shop.propagate, shop.disabled, shop.filters, root.filters],
        shop.isEnabledFor(logging.ERROR),
        logging.getLevelName(logging.INFO),
        logging.raiseExceptions,
        len(logging.getLogger("shop.new").handlers),
    )


def _logs(change: Callable[[], object]) -> Leak:
    return Leak(change, _logging)


def _file_config() -> None:
    logging.config.dictConfig({"version": 1, "root": {"level": "CRITICAL", "handlers": []}})


def _open_file() -> None:
    kept.append(open(_FOLDER / "scenarist-kept-open", "w"))  # noqa: SIM115 - left open


def _run_loop() -> None:
    kept.append(asyncio.new_event_loop())
    asyncio.set_event_loop(kept[-1])


def _loop() -> object:
    with warnings.catch_warnings(action="ignore"):
        try:
            return asyncio.get_event_loop() in kept
        except RuntimeError as error:
            return str(error)


def _decimals() -> object:
    return decimal.Decimal(1) / 3, decimal.getcontext().rounding, decimal.DefaultContext.prec


def _getenv(name: bytes) -> object:
    ask = ctypes.CDLL(None).getenv
    ask.restype = ctypes.c_char_p
    return ask(name)


def _errors(name: str) -> object:
    try:
        return "ä".encode("ascii", name)
    except (LookupError, ValueError) as error:
        return type(error).__name__


def _codec(name: str) -> object:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def _find_codec(name: str) -> codecs.CodecInfo | None:
    return codecs.lookup("latin-1") if name == "shop" else None


def _xml() -> object:
    return ET.tostring(ET.Element("{urn:shop}order"))


def _adapt() -> object:
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            return database.execute("select ?", ({1},)).fetchone()
    except sqlite3.Error as error:
        return type(error).__name__


def _convert() -> object:
    with contextlib.closing(sqlite3.connect(":memory:", detect_types=2)) as database:
        return database.execute('select 1 as "a [shop]"').fetchone()


LEAKS: dict[str, Leak] = {
    "variables": Leak(os.environ.clear, lambda: sorted(os.environ)),
    "HOME": Leak(lambda: os.environ.update(HOME="/"), lambda: os.path.expanduser("~")),
    "time zone": Leak(
        _move_to_tokyo,
        lambda: (time.strftime("%Z"), os.environ.get("TZ")),
    ),
    "umask": Leak(lambda: os.umask(0o777), lambda: os.umask(os.umask(0)) or os.umask(0o022)),
    "folder": Leak(lambda: os.chdir("/"), os.getcwd),
    "alarm": Leak(lambda: signal.alarm(60), lambda: signal.alarm(0) > 0),
    "timer": Leak(
        lambda: signal.setitimer(signal.ITIMER_VIRTUAL, 60),
        lambda: signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0,
    ),
    "signal handler": Leak(
        lambda: signal.signal(signal.SIGUSR1, lambda *_: None),
        lambda: callable(signal.getsignal(signal.SIGUSR1)),
    ),
    "ignored signal": Leak(
        lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        lambda: signal.getsignal(signal.SIGCHLD),
    ),
    "blocked signals": Leak(
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1}), _blocked
    ),
    "blocked alarm that is due": Leak(
        _block_alarm,
        _blocked,
    ),
    "open files limit": Leak(
        _set_limits(resource.RLIMIT_NOFILE, 64), lambda: resource.getrlimit(resource.RLIMIT_NOFILE)
    ),
    "memory limit": Leak(
        _set_limits(resource.RLIMIT_AS, 2**40), lambda: resource.getrlimit(resource.RLIMIT_AS)
    ),
    "processors": Leak(
        lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        lambda: len(os.sched_getaffinity(0)) > 1 or os.cpu_count() == 1,
    ),
    "recursion limit": Leak(lambda: sys.setrecursionlimit(150), sys.getrecursionlimit),
    "switch interval": Leak(lambda: sys.setswitchinterval(1.0), sys.getswitchinterval),
    "digits": Leak(lambda: sys.set_int_max_str_digits(0), sys.get_int_max_str_digits),
    "trace": Leak(lambda: sys.settrace(lambda *_: None), lambda: sys.gettrace() is None),
    "profile": Leak(lambda: sys.setprofile(lambda *_: None), lambda: sys.getprofile() is None),
    "garbage collection": Leak(gc.disable, gc.isenabled),
    "gc threshold": Leak(lambda: gc.set_threshold(1), gc.get_threshold),
    "gc callbacks": Leak(lambda: gc.callbacks.append(lambda *_: None), lambda: len(gc.callbacks)),
    "locale": Leak(
        lambda: locale.setlocale(locale.LC_ALL, "C"), lambda: locale.setlocale(locale.LC_ALL)
    ),
    "warnings": Leak(lambda: warnings.simplefilter("error"), lambda: len(warnings.filters)),
    "no warnings": Leak(warnings.resetwarnings, lambda: len(warnings.filters)),
    "warnings in the log": Leak(
        lambda: logging.captureWarnings(True), lambda: warnings.showwarning.__module__, True
    ),
    "sum": _patch(builtins, "sum"),
    "len": _patch(builtins, "len"),
    "print": _patch(builtins, "print"),
    "isinstance": _patch(builtins, "isinstance", lambda *_: True),
    "a builtin that equals all": _patch(builtins, "sorted", _EqualToAll()),
    "a function that equals all": _patch(os, "remove", _EqualToAll()),
    "a method that equals all": _patch(pathlib.Path, "write_text", _EqualToAll()),
    "a number that is equal": Leak(
        lambda: setattr(time, "timezone", float(time.timezone)), lambda: type(time.timezone)
    ),
    "a new builtin": Leak(
        lambda: setattr(builtins, "debug", 1), lambda: hasattr(builtins, "debug")
    ),
    "time.sleep": _patch(time, "sleep"),
    "time.time": _patch(time, "time"),
    "datetime": _patch(datetime, "datetime", type("datetime", (datetime.datetime,), {})),
    "json.dumps": _patch(json, "dumps"),
    "JSONEncoder.default": _patch(json.JSONEncoder, "default"),
    "Path.read_text": _patch(pathlib.Path, "read_text"),
    "os.replace": _patch(os, "replace"),
    "os.path.exists": _patch(os.path, "exists"),
    "shutil.copy": _patch(shutil, "copy"),
    "subprocess.run": _patch(subprocess, "run"),
    "socket.getaddrinfo": _patch(socket, "getaddrinfo"),
    "ssl": _patch(ssl, "_create_default_https_context"),
    "math.pi": _patch(math, "pi", 3),
    "statistics.mean": _patch(statistics, "mean"),
    "random.random": _patch(random, "random"),
    "asyncio.sleep": _patch(asyncio, "sleep"),
    "threading.excepthook": _patch(threading, "excepthook"),
    "sys.excepthook": _patch(sys, "excepthook"),
    "platform.system": _patch(platform, "system"),
    "unicodedata.normalize": _patch(unicodedata, "normalize"),
    "Enum.__str__": _patch(enum.Enum, "__str__"),
    "HTTPConnection.debuglevel": _patch(http.client.HTTPConnection, "debuglevel", 1),
    "pandas.read_csv": _patch(pd, "read_csv"),
    "DataFrame.to_csv": _patch(pd.DataFrame, "to_csv"),
    "Series.sum": _patch(pd.Series, "sum"),
    "numpy.sum": _patch(np, "sum"),
    "numpy.linalg.norm": _patch(np.linalg, "norm"),
    "polars.concat": _patch(polars, "concat"),
    "url opener": Leak(
        lambda: urllib.request.install_opener(urllib.request.build_opener()),
        lambda: urllib.request._opener is None,  # type: ignore[attr-defined]
    ),
    "temporary folder": Leak(
        lambda: setattr(tempfile, "tempdir", "/nowhere"), lambda: tempfile.tempdir == "/nowhere"
    ),
    "a module": Leak(_shadow, lambda: hasattr(sys.modules["json"], "dumps"), True),
    "a module that is not installed": Leak(_block, lambda: _is_there("never_imported"), True),
    "a module that is gone": Leak(
        lambda: sys.modules.pop("csv"), lambda: sys.modules.get("csv") is csv, True
    ),
    "module search path": Leak(lambda: sys.path.insert(0, "/nowhere"), lambda: sys.path[0]),
    "arguments": Leak(lambda: sys.argv.append("--fast"), lambda: sys.argv[-1]),
    "import hooks": Leak(
        lambda: sys.meta_path.insert(0, _Finder()), lambda: type(sys.meta_path[0]).__name__
    ),
    "no bytecode": Leak(
        lambda: setattr(sys, "dont_write_bytecode", not sys.dont_write_bytecode),
        lambda: sys.dont_write_bytecode,
    ),
    "traceback limit": Leak(
        lambda: setattr(sys, "tracebacklimit", 0), lambda: hasattr(sys, "tracebacklimit")
    ),
    "decimal": Leak(lambda: setattr(decimal.getcontext(), "prec", 3), _decimals),
    "decimal defaults": Leak(lambda: setattr(decimal.DefaultContext, "prec", 3), _decimals),
    "numpy errors": Leak(lambda: np.seterr(all="raise"), np.geterr),
    "numpy printing": Leak(lambda: np.set_printoptions(precision=1), np.get_printoptions),
    "pandas options": Leak(
        lambda: pd.set_option("display.max_rows", 3), lambda: pd.get_option("display.max_rows")
    ),
    "socket timeout": Leak(lambda: socket.setdefaulttimeout(0.1), socket.getdefaulttimeout),
    "stack size": Leak(lambda: threading.stack_size(2**20), threading.stack_size),
    "start method": Leak(
        lambda: multiprocessing.set_start_method("spawn", force=True),
        lambda: multiprocessing.get_start_method(allow_none=True),
    ),
    "event loop": Leak(_run_loop, _loop),
    "an event loop that has run": Leak(lambda: asyncio.run(asyncio.sleep(0)), _loop),
    "csv size": Leak(lambda: csv.field_size_limit(1), csv.field_size_limit),
    "csv dialects": Leak(lambda: csv.register_dialect("own"), csv.list_dialects),
    "first day": Leak(lambda: calendar.setfirstweekday(6), calendar.firstweekday),
    "fault handler": Leak(faulthandler.enable, faulthandler.is_enabled),
    "memory tracing": Leak(tracemalloc.start, tracemalloc.is_tracing),
    "pickling": Leak(
        lambda: copyreg.pickle(Leak, lambda _: "gone"),
        lambda: Leak in copyreg.dispatch_table,
    ),
    "pickling of complex numbers": Leak(
        lambda: copyreg.pickle(complex, lambda _: (int, (3,))),
        lambda: pickle.loads(pickle.dumps(1j)),
    ),
    "extensions of pickle": Leak(
        lambda: copyreg.add_extension("executors.leaks", "Leak", 240),
        lambda: pickle.dumps(Leak, 2),
    ),
    "adapters of sqlite": Leak(lambda: sqlite3.register_adapter(set, repr), _adapt),
    "converters of sqlite": Leak(
        lambda: sqlite3.register_converter("shop", lambda _: "converted"), _convert
    ),
    "a new type of files": Leak(
        lambda: mimetypes.add_type("text/shop", ".shop"), lambda: mimetypes.guess_type("a.shop")
    ),
    "another type of files": Leak(
        lambda: mimetypes.add_type("text/shop", ".csv"), lambda: mimetypes.guess_type("a.csv")
    ),
    "an ending of files": Leak(
        lambda: mimetypes.add_type("text/plain", ".shop"),
        lambda: mimetypes.guess_all_extensions("text/plain"),
    ),
    "types of files": Leak(
        lambda: mimetypes.types_map.clear(), lambda: mimetypes.guess_type("a.csv")
    ),
    "names of XML": Leak(lambda: ET.register_namespace("shop", "urn:shop"), _xml),
    "errors of codecs": Leak(
        lambda: codecs.register_error("shop", codecs.ignore_errors), lambda: _errors("shop")
    ),
    "strict errors of codecs": Leak(
        lambda: codecs.register_error("strict", codecs.ignore_errors),
        lambda: codecs.lookup_error("strict") is codecs.strict_errors,
    ),
    "a codec": Leak(lambda: codecs.register(_find_codec), lambda: _codec("shop")),
    "formats of archives": Leak(
        lambda: shutil.register_archive_format("shop", lambda *_: "x"), shutil.get_archive_formats
    ),
    "character sets": Leak(
        lambda: email.charset.add_charset("shop"), lambda: "shop" in email.charset.CHARSETS
    ),
    "addresses with a host": Leak(
        lambda: urllib.parse.uses_relative.append("shop"),
        lambda: urllib.parse.urljoin("shop://a/b", "c"),
    ),
    "time zone files": Leak(lambda: zoneinfo.reset_tzpath(("/nowhere",)), lambda: zoneinfo.TZPATH),
    "executable": Leak(
        lambda: multiprocessing.set_executable("/nowhere"), multiprocessing.spawn.get_executable
    ),
    "name of the process": Leak(
        lambda: setattr(multiprocessing.current_process(), "name", "shop"),
        lambda: multiprocessing.current_process().name,
    ),
    "key of the process": Leak(
        lambda: setattr(multiprocessing.current_process(), "authkey", b"shop"),
        lambda: bytes(multiprocessing.current_process().authkey) == b"shop",
    ),
    "name of the main thread": Leak(
        lambda: setattr(threading.main_thread(), "name", "shop"),
        lambda: threading.main_thread().name,
    ),
    "threads of pyarrow": Leak(lambda: pa.set_cpu_count(7), pa.cpu_count),
    "threads of pyarrow that read": Leak(lambda: pa.set_io_thread_count(3), pa.io_thread_count),
    "a variable of C": Leak(lambda: os.putenv("SHOP", "1"), lambda: _getenv(b"SHOP")),
    "another variable of C": Leak(lambda: os.putenv("HOME", "1"), lambda: _getenv(b"HOME")),
    "a variable of C that is gone": Leak(lambda: os.unsetenv("HOME"), lambda: _getenv(b"HOME")),
    "closed output": Leak(lambda: os.close(1), lambda: os.path.exists("/proc/self/fd/1")),
    "closed input": Leak(lambda: os.close(0), lambda: os.path.exists("/proc/self/fd/0")),
    "hidden output": Leak(_dup_over(1), lambda: _target(1)),
    "hidden errors": Leak(_dup_over(2), lambda: _target(2)),
    "other output": Leak(
        lambda: setattr(sys, "stdout", io.StringIO()), lambda: type(sys.stdout).__name__
    ),
    "output that does not wait": Leak(
        lambda: os.set_blocking(1, False), lambda: os.get_blocking(1)
    ),
    "encoding of output": Leak(
        lambda: sys.stdout.reconfigure(encoding="latin-1"),  # type: ignore[union-attr]
        lambda: sys.stdout.encoding,
    ),
    "an open file": Leak(
        _open_file, lambda: [each.name for each in kept if hasattr(each, "name")], True
    ),
    "session": Leak(os.setsid, lambda: os.getsid(0) == os.getpid(), True),
    "niceness": Leak(lambda: os.nice(1), lambda: os.getpriority(os.PRIO_PROCESS, 0)),
    "logging: forced": _logs(lambda: logging.basicConfig(force=True, filename=os.devnull)),
    "logging: disabled": _logs(lambda: logging.disable(logging.CRITICAL)),
    "logging: configured": _logs(_file_config),
    "logging: handler": _logs(lambda: logging.getLogger().addHandler(logging.StreamHandler())),
    "logging: level": _logs(lambda: logging.getLogger("shop").setLevel(logging.CRITICAL)),
    "logging: propagate": _logs(lambda: setattr(logging.getLogger("shop"), "propagate", False)),
    "logging: switched off": _logs(lambda: setattr(logging.getLogger("shop"), "disabled", True)),
    "logging: filter": _logs(lambda: logging.getLogger("shop").addFilter(lambda _: False)),
    "logging: handler's level": _logs(lambda: logging.getLogger().handlers[0].setLevel(50)),
    "logging: handler's format": _logs(
        lambda: logging.getLogger().handlers[0].setFormatter(logging.Formatter("x"))
    ),
    "logging: handler's filter": _logs(
        lambda: logging.getLogger().handlers[0].addFilter(lambda _: False)
    ),
    "logging: level name": _logs(lambda: logging.addLevelName(logging.INFO, "FYI")),
    "logging: exceptions": _logs(lambda: setattr(logging, "raiseExceptions", False)),
    "logging: a new logger": _logs(
        lambda: logging.getLogger("shop.new").addHandler(logging.NullHandler())
    ),
}


def main() -> None:
    """Try each leak in a fork of this process; write what was seen to the file that is named."""
    results = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    configure_logging("info")
    surroundings = WorkerSnapshot()
    for name in LEAKS:
        for ending in ("returns", "raises", "exits"):
            child = os.fork()
            if child == 0:
                os.write(results, _try(name, ending, surroundings))
                os._exit(0)
            os.waitpid(child, 0)


def _try(name: str, ending: str, surroundings: WorkerSnapshot) -> bytes:
    """Return what one job saw and what the next one sees, as a line of JSON."""
    before = look(name)
    request = JobRequest(
        number=1,
        attempt=1,
        function="executors.leaks:make",
        inputs=tuple(
            ValueLocation(storage_type="pickle", content=pickle.dumps(each))
            for each in (name, ending)
        ),
        outputs=(
            WriteTarget(data_node_id="out", edit_id="edit", storage_type="pickle", folder="unused"),
        ),
    )
    outcome = run_request(request, undo=surroundings.restore_names)
    content = outcome.written[0].content if outcome.written else None
    made = str(outcome.reason).partition(": ")[2] if content is None else pickle.loads(content)
    reason = surroundings.restore()
    seen = [name, ending, before, made, look(name), reason]
    return msgspec.json.encode(seen) + b"\n"


if __name__ == "__main__":
    # As a worker imports it; jobs find the functions there.
    importlib.import_module("executors.leaks").main()

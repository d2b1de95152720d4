"""Functions for the tasks of tests; worker processes import them by name."""

import ctypes
import io
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sized
from pathlib import Path
from typing import Any


def nothing(*values: object) -> None:
    pass


def one() -> int:
    return 1


def increment(number: int) -> int:
    return number + 1


def add(left: int, right: int) -> int:
    return left + right


def twice(number: int) -> tuple[int, int]:
    return number, number * 2


def fail(*arguments: object) -> None:
    raise ValueError(f"no luck with {arguments!r}")


def fail_strangely(*arguments: object) -> None:
    print("nul \0")
    raise ValueError("nul \0 and half \ud800 of a character")


def leave(*arguments: object) -> None:
    sys.exit("enough")


def vanish(*arguments: object) -> None:
    os._exit(3)


def kill_itself(*arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def unstorable(*arguments: object) -> object:
    return lambda: None


def speak_ill() -> None:
    print("<script>window.harmed=1</script>")
    raise ValueError("<img src=x onerror='window.harmed=1'>")


def speak() -> None:
    print("from print")
    logging.getLogger("task").warning("from logging")
    os.write(2, b"from the descriptor\n")


def speak_at_length() -> None:
    print("start" + "x" * 200_000 + "end")


def close_its_log() -> None:
    sys.stdout.close()
    sys.stderr.close()
    for descriptor in (1, 2):
        os.close(descriptor)


def hide_its_log() -> None:
    sys.stdout = sys.stderr = io.StringIO()


def close_everything() -> None:
    os.closerange(0, 1024)


def leave_its_folder(path: str) -> None:
    """Go to a folder that is removed at once."""
    Path(path).mkdir()
    os.chdir(path)
    Path(path).rmdir()


def folder() -> str:
    return os.getcwd()


def allocate(path: str) -> None:
    """Take more and more memory; a file names the process."""
    Path(path).write_text(str(os.getpid()))
    taken = []
    while True:
        taken.append(b"x" * 2**20)
        time.sleep(0.001)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def sleep_long() -> None:
    time.sleep(3600)


def hold_interpreter() -> None:
    """Let no other Python code of this process run for five seconds."""
    # Unlike CDLL, it keeps the lock of the interpreter while the function runs.
    ctypes.PyDLL(None).sleep(5)


def speak_and_wait(path: str) -> str:
    print("waiting for it", flush=False)
    wait_for_file(path)
    print("there it is")
    return path


def wait_for_file(path: str) -> str:
    """Return when a file is there: a test opens the gate by making it."""
    while not Path(path).exists():
        time.sleep(0.005)
    return path


def note(path: str) -> str:
    """Add a line to a file, so that a test can count how often the function ran."""
    with Path(path).open("a") as file:
        file.write("ran\n")
    return path


def process_id() -> int:
    return os.getpid()


def mix(*numbers: int) -> int:
    """Make a number that differs for other numbers or another order."""
    mixed = 7
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % 2_147_483_647
    return mixed


def mix_twice(*numbers: int) -> tuple[int, int]:
    return mix(*numbers), mix(*numbers)


def fork_and_vanish(gate: str) -> None:
    """End at once, but leave a child behind that holds everything open."""
    if os.fork() == 0:
        wait_for_file(gate)
    os._exit(0)


def big_table() -> object:
    import pandas as pd

    return pd.DataFrame({"number": range(50_000), "text": "some text"})


def numbers_of(table: Any) -> list[int]:
    numbers: list[int] = table["number"].tolist()
    return numbers


def same(value: object) -> object:
    return value


def stay(path: str) -> None:
    """Do not end when asked to; a file says so."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(path).touch()
    time.sleep(3600)


def tidy_up(path: str) -> None:
    """Run until asked to end, and then leave a file."""

    def end(number: int, frame: object) -> None:
        Path(f"{path}.tidy").touch()
        sys.exit("asked to end")

    signal.signal(signal.SIGTERM, end)
    Path(path).touch()
    time.sleep(3600)


def require_file(path: str) -> str:
    if not Path(path).exists():
        raise FileNotFoundError(path)
    return path


def tell_process(path: str) -> str:
    """Write this process's number into a file, and go on when there is one that lets it."""
    Path(path).write_text(str(os.getpid()))
    return wait_for_file(f"{path}.go")


def tell_parent(path: str) -> str:
    """Write the number of the process that started this one into a file, and wait for another."""
    Path(path).write_text(str(os.getppid()))
    return wait_for_file(f"{path}.go")


def variable(name: str) -> str | None:
    return os.environ.get(name)


def unlike_json() -> dict[str, float]:
    return {"nan": float("nan"), "infinity": float("inf"), "one": 1.0}


def in_order(*numbers: int) -> list[int]:
    return list(numbers)


def span(*numbers: int) -> int:
    return max(numbers) - min(numbers)


def first_given(*values: object) -> object:
    return values[0]


def first_of(values: list[object]) -> object:
    return values[0]


def at_length(*numbers: int) -> list[int]:
    return list(range(50_000))


class SigningEncoder(json.JSONEncoder):
    """Says in an object which process wrote it."""

    def encode(self, o: Any) -> str:
        return super().encode({**o, "by": os.getpid()} if isinstance(o, dict) else o)


def read_drawer(path: str) -> Any:
    return json.loads(Path(path).read_text())


def write_drawer(value: Any, path: str) -> None:
    if value == "refuse":
        raise ValueError("the drawer is stuck")
    Path(path).write_text(json.dumps(value))


def row_count(table: Sized) -> int:
    return len(table)


def compare_without_end(*values: object) -> None:
    Path("comparing").touch()
    time.sleep(3600)


def lengthen(*texts: str) -> str:
    return "".join(text[:8] for text in texts) + "." * 70_000


def trace_itself() -> None:
    """Add a span of its own, as the functions of tasks may."""
    from opentelemetry import trace

    with trace.get_tracer("pipelines").start_as_current_span("of the task"):
        pass


def knows_opentelemetry() -> bool:
    """Return whether this process has imported OpenTelemetry."""
    return "opentelemetry" in sys.modules


class WordlessError(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even this")


def fail_without_words(*arguments: object) -> None:
    raise WordlessError

"""Processes end although a thread is stuck."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scenarist.system.exiting import open_thread_pool

STUCK = """
import threading
from concurrent.futures import ThreadPoolExecutor
from scenarist.system.exiting import exit_soon
ThreadPoolExecutor(1).submit(threading.Event().wait)
print("all is stored")
exit_soon(patience=0.1)
"""

# What the commands call ends, and leaves a thread behind that never does.
STUCK_COMMAND = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from scenarist.cli import main
from scenarist.server import composition
from scenarist.system import exiting

def end_with_stuck_thread(*arguments):
    ThreadPoolExecutor(1).submit(threading.Event().wait)
    print("all is stored")

composition.serve = composition.orchestrate = composition.serve_demo = end_with_stuck_thread
exiting.exit_soon.__kwdefaults__["patience"] = 0.1
main(sys.argv[1:])
"""


def test_a_process_with_a_stuck_thread_ends() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=60, check=True
    )

    assert ended.stdout == "all is stored\n"


@pytest.mark.parametrize(
    "arguments", [["serve", "app.py"], ["orchestrate", "app.py"], ["demo"]], ids=lambda it: it[0]
)
def test_a_stuck_thread_does_not_keep_a_process_that_has_ended_its_work(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "app.py").write_text("")

    ended = subprocess.run(
        [sys.executable, "-c", STUCK_COMMAND, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert ended.stdout == "all is stored\n"


def test_a_pool_waits_for_calls_that_end() -> None:
    is_running, go_on, is_done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        is_running.set()
        go_on.wait()
        is_done.set()

    with open_thread_pool(1, "ending", patience=60) as pool:
        pool.submit(call)
        is_running.wait(10)
        threading.Timer(0.05, go_on.set).start()

    assert is_done.is_set()


def test_a_pool_does_not_wait_for_ever_for_a_call_that_is_stuck() -> None:
    go_on = threading.Event()

    with open_thread_pool(1, "stuck", patience=0.05) as pool:
        call = pool.submit(go_on.wait)

    assert not call.done()
    go_on.set()

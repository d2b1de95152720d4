"""The supervisor of `serve --reload`, with servers that do nothing but start."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenarist.server.reloading import ReloadLink, Supervisor


@contextmanager
def supervised(start: Callable[[ReloadLink], int]) -> Iterator[int]:
    """Run a supervisor in a process of its own; stop it and its servers at the end."""
    pid = os.fork()
    if pid == 0:
        os._exit(Supervisor(start, on_refused=lambda: None).run())
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.005)


def wait_for_looks(pid: int, count: int) -> None:
    """Wait until a process that looks at files again and again has done so some times."""

    def count_waits() -> int:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    last = count_waits() + count
    while count_waits() < last:
        time.sleep(0.005)


def test_a_server_that_may_run_jobs_is_not_killed_when_files_change_again(tmp_path: Path) -> None:
    code = tmp_path / "app.py"
    code.write_text("first = 1")
    first, opened, may_serve, serving = (
        tmp_path / name for name in ("first", "opened", "may_serve", "serving")
    )

    def start(link: ReloadLink) -> int:
        with link.open_listener(("127.0.0.1", 0)):
            if not first.exists():
                first.touch()
            else:
                with opened.open("a") as file:
                    print(os.getpid(), file=file)
                wait_for(may_serve)
                with serving.open("a") as file:
                    print(os.getpid(), file=file)
            link.announce([str(code)], on_retire=lambda: os._exit(0))
            signal.pause()
        return 0

    with supervised(start) as supervisor:
        wait_for(first)
        wait_for_looks(supervisor, 2)
        code.write_text("second = 2")
        wait_for(opened)
        code.write_text("third = 33")
        wait_for_looks(supervisor, 4)
        may_serve.touch()
        wait_for(serving)

    assert serving.read_text().split()[0] == opened.read_text().split()[0]


@pytest.mark.parametrize("is_valid", [True, False])
def test_a_file_that_the_application_writes_when_it_is_loaded_does_not_start_it_again(
    tmp_path: Path, is_valid: bool
) -> None:
    code = tmp_path / "app.py"
    code.write_text("first = 1")
    starts, announced = tmp_path / "starts", tmp_path / "announced"

    def start(link: ReloadLink) -> int:
        (tmp_path / "exported.toml").write_text(f"by = {os.getpid()}")
        is_first = not starts.exists()
        with starts.open("a") as file:
            print(os.getpid(), file=file)
        if not (is_valid or is_first):
            return 1
        with link.open_listener(("127.0.0.1", 0)):
            link.announce([str(code)], on_retire=lambda: os._exit(0))
            announced.touch()
            signal.pause()
        return 0

    with supervised(start) as supervisor:
        wait_for(announced)
        code.write_text("second = 2")
        while len(starts.read_text().split()) < 2:
            time.sleep(0.005)
        wait_for_looks(supervisor, 8)
        settled = starts.read_text()
        wait_for_looks(supervisor, 12)

        assert starts.read_text() == settled

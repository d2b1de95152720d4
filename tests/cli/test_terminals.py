"""What needs a real terminal: being asked, and the live view of a submission."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scenarist import Client
from servers import StartedServer
from signed_in import PASSWORDS, with_users

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A terminal in which one command runs."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self.shown = ""

    def until(self, text: str) -> None:
        while text not in self.shown:
            self._read()

    def type(self, line: str) -> None:
        os.write(self._ours, f"{line}\n".encode())

    def until_the_end(self) -> None:
        try:
            while True:
                self._read()
        except OSError:
            return  # nobody has the other end any more

    def _read(self) -> None:
        self.shown += os.read(self._ours, 4096).decode(errors="replace")


@contextmanager
def running(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[Screen, "subprocess.Popen[bytes]"]]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "scenarist", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "12", **environment},
    ) as process:
        os.close(theirs)
        yield Screen(ours), process
        process.wait()
    os.close(ours)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


def test_who_logs_in_is_asked_and_the_password_is_not_shown(tmp_path: Path) -> None:
    with (
        with_users(tmp_path) as server,
        running(["login", "--url", server.address], {"XDG_CONFIG_HOME": str(tmp_path)}) as (
            screen,
            process,
        ),
    ):
        screen.until("User: ")
        screen.type("rita")
        screen.until("Password: ")
        screen.type(PASSWORDS["rita"])
        screen.until_the_end()

    assert process.returncode == 0
    assert "rita is signed in at" in screen.shown
    assert PASSWORDS["rita"] not in screen.shown


def test_on_a_terminal_a_submission_is_a_bar_and_a_table(server: StartedServer) -> None:
    with Client(server.address) as client:
        scenario = client.scenarios.create("chain")

    arguments = ["scenario", "submit", scenario.id, "--watch"]
    with running(arguments, {"SCENARIST_URL": server.address}) as (screen, process):
        screen.until_the_end()

    words = CODES.sub("", screen.shown)
    assert process.returncode == 0
    assert "2 of 2 jobs" in words
    assert re.search(r"second +COMPLETED", words)
    assert words.rstrip().endswith(" is COMPLETED.")


def test_more_jobs_than_fit_are_counted(tmp_path: Path) -> None:
    with StartedServer(tmp_path, "crowd.py") as server, Client(server.address) as client:
        scenario = client.scenarios.create("crowd")

        arguments = ["scenario", "submit", scenario.id, "--watch"]
        with running(arguments, {"SCENARIST_URL": server.address}) as (screen, process):
            screen.until_the_end()

    assert process.returncode == 0
    assert "20 of 20 jobs" in CODES.sub("", screen.shown)
    assert "and 13 more" in CODES.sub("", screen.shown)

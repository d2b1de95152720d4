"""Telling a process of this machine from all others, and hearing of its end."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from scenarist.orchestrator.process_watch import ProcessWatch, identify_own_process, is_gone
from servers import PATIENCE_SECONDS

TELL = (
    "import sys; from scenarist.orchestrator.process_watch import identify_own_process;"
    "print(identify_own_process(), flush=True); sys.stdin.read()"
)


@pytest.fixture
def child() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def watch() -> Iterator[ProcessWatch]:
    opened = ProcessWatch()
    yield opened
    opened.close()


def test_a_process_that_lives_is_not_gone(child: tuple[subprocess.Popen[str], str]) -> None:
    _, process = child

    assert not is_gone(process)
    assert not is_gone(identify_own_process())


def test_a_process_that_was_killed_is_gone_even_before_its_parent_asks(
    child: tuple[subprocess.Popen[str], str], watch: ProcessWatch
) -> None:
    started, process = child
    watch.watch([process])

    started.kill()
    told = watch.wait(PATIENCE_SECONDS)

    assert told
    assert is_gone(process)
    started.wait()
    assert is_gone(process)


def test_another_process_under_the_same_number_is_another() -> None:
    place, number, started = identify_own_process().rsplit(" ", 2)

    assert is_gone(f"{place} {number} {int(started) - 1}")


@pytest.mark.parametrize("process", ["", "another-boot pid:[1] 1 1"])
def test_of_what_is_elsewhere_nothing_is_known(process: str) -> None:
    assert not is_gone(process)


def test_a_watch_returns_when_it_is_poked_or_when_the_time_is_over(watch: ProcessWatch) -> None:
    watch.watch([identify_own_process(), "another-boot pid:[1] 1 1"])
    watch.interrupt()

    assert not watch.wait(PATIENCE_SECONDS)
    assert not watch.wait(0)


def test_descriptors_of_processes_that_are_watched_no_more_are_closed(
    child: tuple[subprocess.Popen[str], str], watch: ProcessWatch
) -> None:
    before = os.listdir("/proc/self/fd")
    watch.watch([child[1]])
    during = os.listdir("/proc/self/fd")

    watch.watch([])

    assert len(during) == len(before) + 1
    assert len(os.listdir("/proc/self/fd")) == len(before)

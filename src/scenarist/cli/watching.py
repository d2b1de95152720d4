"""Progress of a submission: a live table, or one line per change without a terminal."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scenarist import schemas
from scenarist.cli.exit_codes import get_exit_code
from scenarist.cli.printing import escape_unprintable, print_json, print_line, print_to_stderr
from scenarist.client import WaitTimeoutError
from scenarist.domain.vocabulary import (
    ChangeType,
    EntityKind,
    EntityType,
    JobStatus,
    SubmissionStatus,
)

if TYPE_CHECKING:
    from scenarist.client import Client

_STYLES: dict[str, str] = {
    JobStatus.RUNNING: "bold cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.SKIPPED: "green",
    JobStatus.FAILED: "bold red",
    JobStatus.CANCELED: "yellow",
    JobStatus.ABANDONED: "yellow",
}
_FIRST_STATUSES = [JobStatus.RUNNING, JobStatus.FAILED, JobStatus.PENDING]
"""Statuses that are shown first when not all jobs fit."""

_BAR_WIDTH = 40
_LINES_AROUND = 4


@dataclass(slots=True)
class JobRow:
    """A job, as of the last event about it."""

    task: str
    status: JobStatus
    since: datetime


class _AlarmExpired(BaseException):
    """Raised by the alarm; a BaseException, so that no handler of connection errors catches it."""


class ProgressView(Protocol):
    """Output of the progress."""

    def show(self, status: str, rows: dict[str, JobRow], changed: JobRow | None) -> None: ...


def watch(client: "Client", id: str, *, timeout: float | None, as_json: bool) -> int:
    """Show the progress of a submission until it has ended; return the exit code.

    Raises:
        WaitTimeoutError: It has not ended in time.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    with client.events(submission_id=id) as stream:
        # Read after the stream was opened, so that the stream has every later change.
        submission = client.submissions.get(id)
        with _alarm(id, timeout):
            if as_json:
                _print_events(client, submission, stream)
            elif console.is_terminal:
                with Live(console=console, auto_refresh=False) as live:
                    _follow(client, submission, stream, _LiveView(live, id))
            else:
                _follow(client, submission, stream, _LineView())
        submission = client.submissions.get(id)
    if as_json:
        print_json(submission)
        return get_exit_code(submission)
    print_line(f"Submission {submission.id} is {submission.status}.")
    if submission.status == "FAILED":
        for job in client.jobs.list(submission_id=id, status=JobStatus.FAILED):
            print_to_stderr(f"Job {job.id} failed: {job.reason}")
    return get_exit_code(submission)


def _follow(
    client: "Client",
    submission: schemas.Submission,
    stream: Iterator[schemas.Event | schemas.Gap],
    view: ProgressView,
) -> None:
    rows = _fetch_rows(client, submission)
    status = submission.status.value
    view.show(status, rows, None)
    if submission.status.is_finished:
        return
    for event in stream:
        if isinstance(event, schemas.Gap):
            submission = client.submissions.get(submission.id)
            rows, status = _fetch_rows(client, submission), submission.status.value
            view.show(status, rows, None)
            if submission.status.is_finished:
                return
        elif event.entity_type == EntityKind.SUBMISSION:
            status = event.status or status
            view.show(status, rows, None)
            if _is_end(event):
                return
        elif (row := rows.get(event.entity_id)) and event.status and event.timestamp >= row.since:
            row.status, row.since = JobStatus(event.status), event.timestamp
            view.show(status, rows, row)


def _print_events(
    client: "Client",
    submission: schemas.Submission,
    stream: Iterator[schemas.Event | schemas.Gap],
) -> None:
    if submission.status.is_finished:
        return
    for event in stream:
        print_json(event)
        sys.stdout.flush()
        if isinstance(event, schemas.Gap):
            if client.submissions.get(submission.id).status.is_finished:
                return
        elif event.entity_type == EntityKind.SUBMISSION and _is_end(event):
            return


def _is_end(event: schemas.Event) -> bool:
    if event.change == ChangeType.DELETED:
        return True
    return event.status is not None and SubmissionStatus(event.status).is_finished


def _fetch_rows(client: "Client", submission: schemas.Submission) -> dict[str, JobRow]:
    names = _fetch_task_names(client, submission)
    return {
        job.id: JobRow(
            task=names.get(job.task_id, job.task_id),
            status=job.status,
            since=job.finished_at or job.run_at or job.submitted_at,
        )
        for job in client.jobs.list(submission_id=submission.id)
    }


def _fetch_task_names(client: "Client", submission: schemas.Submission) -> dict[str, str]:
    """Return the config ids of the tasks, by task id."""
    if submission.entity_type is EntityType.TASK:
        task = client.tasks.get(submission.entity_id)
        return {task.id: task.config_id}
    is_whole = submission.entity_type is EntityType.SCENARIO
    owner = {"scenario_id" if is_whole else "sequence_id": submission.entity_id}
    return {task.id: task.config_id for task in client.tasks.list(**owner)}


class _LineView:
    """One line for each change, beginning with its time."""

    def __init__(self) -> None:
        self._is_first = True

    def show(self, status: str, rows: dict[str, JobRow], changed: JobRow | None) -> None:
        for row in rows.values() if self._is_first else [changed] if changed else []:
            print(
                f"{row.since:%Y-%m-%dT%H:%M:%SZ}  {row.status:<9}  {escape_unprintable(row.task)}",
                flush=True,
            )
        self._is_first = False


class _LiveView:
    """A progress bar, and a table of jobs that fits the terminal."""

    def __init__(self, live: Live, id: str) -> None:
        self._live = live
        self._id = id

    def show(self, status: str, rows: dict[str, JobRow], changed: JobRow | None) -> None:
        self._live.update(self._picture(status, list(rows.values())), refresh=True)

    def _picture(self, status: str, rows: list[JobRow]) -> Group:
        ended = sum(row.status.is_finished for row in rows)
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(status, style=_STYLES.get(status, "bold")),
            ProgressBar(
                total=max(len(rows), 1),
                completed=ended,
                width=_BAR_WIDTH,
                complete_style="cyan",
                finished_style="green",
            ),
            Text(f"{ended} of {len(rows)} jobs"),
        )
        table = Table.grid(padding=(0, 2))
        room = max(self._live.console.height - _LINES_AROUND, 1)
        shown = rows if len(rows) <= room else _choose_rows(rows, room - 1)
        for row in shown:
            style = _STYLES.get(row.status, "dim")
            table.add_row(
                Text(escape_unprintable(row.task)),
                Text(row.status.value, style=style),
                Text(f"{row.since:%H:%M:%S}", style="dim"),
            )
        if len(shown) < len(rows):
            table.add_row(Text(f"and {len(rows) - len(shown)} more", style="dim"), "", "")
        return Group(Text(escape_unprintable(self._id), style="dim"), head, table)


def _choose_rows(rows: list[JobRow], room: int) -> list[JobRow]:
    """Choose rows, in their order: running and failed jobs before ended and waiting ones."""
    ranks = {status: rank for rank, status in enumerate(_FIRST_STATUSES)}
    chosen = sorted(range(len(rows)), key=lambda at: ranks.get(rows[at].status, len(ranks)))[:room]
    return [rows[at] for at in sorted(chosen)]


@contextmanager
def _alarm(id: str, seconds: float | None) -> Iterator[None]:
    """Interrupt the block when the time is over."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise _AlarmExpired

    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    except _AlarmExpired:
        raise WaitTimeoutError(f"{id} has not ended after {seconds:g} seconds") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

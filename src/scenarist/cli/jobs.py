"""Commands for jobs."""

from cyclopts import App

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.options import Number, Texts
from scenarist.cli.printing import (
    escape_unprintable,
    print_cancelled,
    print_entity,
    print_json,
    print_rows,
)

group = App(name="job")


@group.command(name="list")
def list_jobs(
    *,
    submission: Texts = None,
    task: Texts = None,
    status: Texts = None,
    version: Texts = None,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """List jobs, newest first; those of one submission in the order of the submission.

    Args:
        submission: Only those of this submission. Can be repeated, like the other filters.
        task: Only those of this task.
        status: Only those with this status, such as FAILED.
        version: Only those of this version of the application.
        limit: The maximum number to list [100; with --json all].
    """
    with open_client(access) as client:
        print_rows(
            client.jobs.list(
                submission_id=submission,
                task_id=task,
                status=status,
                version=version,
                sort=None if submission else "-creation_date",
            ),
            {
                "id": lambda job: job.id,
                "status": lambda job: job.status,
                "attempts": lambda job: job.attempts,
                "submitted": lambda job: job.submitted_at,
                "seconds": lambda job: job.execution_duration,
                "version": lambda job: job.version,
                "reason": lambda job: job.reason,
            },
            as_json=access.json,
            limit=limit,
        )


@group.command
def show(job: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Show a job.

    Args:
        job: Its identifier.
    """
    with open_client(access) as client:
        print_entity(client.jobs.get(job), as_json=access.json)


@group.command
def log(job: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Print the log of a job, attempt by attempt.

    Args:
        job: Its identifier.
    """
    with open_client(access) as client:
        attempts = client.jobs.log(job)
    if access.json:
        print_json(attempts)
        return
    for attempt in attempts:
        if len(attempts) > 1:
            print(f"--- attempt {attempt.attempt}")
        print(
            escape_unprintable(attempt.text, keeping="\n\t"),
            end="" if attempt.text.endswith("\n") else "\n",
        )


@group.command
def cancel(job: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Cancel a job that has not ended; jobs that need its output are abandoned.

    Args:
        job: Its identifier.
    """
    with open_client(access) as client:
        cancelled = client.jobs.cancel(job)
    print_cancelled(cancelled, as_json=access.json)

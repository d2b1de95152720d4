"""Commands for submissions."""

from cyclopts import App

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.options import Number, Texts
from scenarist.cli.printing import print_cancelled, print_entity, print_result, print_rows
from scenarist.cli.submitting import DEFAULT_SUBMIT_FLAGS, Seconds, SubmitFlags, follow_submission

group = App(name="submission")


@group.command(name="list")
def list_submissions(
    *,
    entity: Texts = None,
    status: Texts = None,
    version: Texts = None,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """List submissions, newest first.

    Args:
        entity: Only those of this scenario, sequence or task. Can be repeated, like the other
            filters.
        status: Only those with this status, such as RUNNING.
        version: Only those of this version of the application.
        limit: The maximum number to list [100; with --json all].
    """
    with open_client(access) as client:
        print_rows(
            client.submissions.list(
                entity_id=entity, status=status, version=version, sort="-creation_date"
            ),
            {
                "id": lambda submission: submission.id,
                "of": lambda submission: submission.entity_id,
                "status": lambda submission: submission.status,
                "submitted": lambda submission: submission.submitted_at,
                "ended": lambda submission: submission.finished_at,
                "version": lambda submission: submission.version,
            },
            as_json=access.json,
            limit=limit,
        )


@group.command
def show(submission: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Show a submission.

    Args:
        submission: Its identifier.
    """
    with open_client(access) as client:
        print_entity(client.submissions.get(submission), as_json=access.json)


@group.command
def cancel(submission: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Cancel all jobs of a submission that have not ended.

    Args:
        submission: Its identifier.
    """
    with open_client(access) as client:
        cancelled = client.submissions.cancel(submission)
    print_cancelled(cancelled, as_json=access.json)


@group.command
def pause(submission: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Start no more jobs of a submission; running jobs continue.

    Args:
        submission: Its identifier.
    """
    with open_client(access) as client:
        paused = client.submissions.pause(submission)
    print_result(paused, f"Submission {submission} is paused.", as_json=access.json)


@group.command
def resume(submission: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Start the jobs of a paused submission again.

    Args:
        submission: Its identifier.
    """
    with open_client(access) as client:
        resumed = client.submissions.resume(submission)
    print_result(resumed, f"Submission {submission} is resumed.", as_json=access.json)


@group.command
def retry(
    submission: str,
    /,
    *,
    options: SubmitFlags = DEFAULT_SUBMIT_FLAGS,
    access: Access = DEFAULT_ACCESS,
) -> int:
    """Submit the jobs that did not succeed again, and print the identifier of the new submission.

    Args:
        submission: The identifier of the submission that failed or was cancelled.
    """
    with open_client(access) as client:
        again = client.submissions.retry(
            submission, force=bool(options.force), priority=options.priority or 0
        )
        return follow_submission(client, again, options, access)


@group.command
def watch(submission: str, /, *, timeout: Seconds = None, access: Access = DEFAULT_ACCESS) -> int:
    """Follow a submission until it has ended; the exit code is 1 unless it is COMPLETED.

    Args:
        submission: Its identifier.
        timeout: Stop watching after this number of seconds; the exit code is then 124.
    """
    from scenarist.cli.watching import watch as watch_it

    with open_client(access) as client:
        return watch_it(client, submission, timeout=timeout, as_json=bool(access.json))

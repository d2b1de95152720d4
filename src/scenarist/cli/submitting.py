"""Options and steps of all commands that submit something."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from scenarist.cli.connecting import Access
from scenarist.cli.options import Number, Switch
from scenarist.cli.printing import print_json, print_line

if TYPE_CHECKING:
    from scenarist.client import Client, Submitted

Seconds = Annotated[float | None, Parameter(show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SubmitFlags:
    """How to submit, and whether to wait for the end.

    Args:
        force: Run skippable tasks even when nothing has changed.
        priority: From -1000 to 1000; higher goes first [0].
        wait: Wait until it has ended; the exit code is 1 unless it is COMPLETED.
        watch: Wait, and show the progress.
        timeout: Stop waiting after this number of seconds; the exit code is then 124, and the
            submission continues.
    """

    force: Switch = None
    priority: Number = None
    wait: Switch = None
    watch: Switch = None
    timeout: Seconds = None


DEFAULT_SUBMIT_FLAGS = SubmitFlags()


def submit_and_follow(
    client: "Client",
    submit: "Callable[..., Submitted]",
    id: str,
    options: SubmitFlags,
    access: Access,
    *,
    inputs: Mapping[str, Any],
) -> int:
    """Submit something, wait for its end if the options say so, and return the exit code.

    Args:
        inputs: Values of inputs by name, which are written first.
    """
    submitted = submit(id, inputs=inputs, force=bool(options.force), priority=options.priority or 0)
    return follow_submission(client, submitted, options, access)


def follow_submission(
    client: "Client", submitted: "Submitted", options: SubmitFlags, access: Access
) -> int:
    if options.watch:
        from scenarist.cli.watching import watch

        return watch(client, submitted.id, timeout=options.timeout, as_json=bool(access.json))
    from scenarist.cli.exit_codes import get_exit_code

    submission = submitted.submission
    if options.wait:
        submission = submitted.wait(options.timeout)
    if access.json:
        print_json(submission)
    elif options.wait:
        print_line(f"Submission {submission.id} is {submission.status}.")
    else:
        print_line(submission.id)
    return get_exit_code(submission) if options.wait else 0

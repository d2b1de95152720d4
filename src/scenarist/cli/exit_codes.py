"""Exit codes of commands; errors of the client as one line on standard error."""

from scenarist import schemas
from scenarist.cli.printing import print_to_stderr
from scenarist.client import (
    ClientError,
    DeniedError,
    NotFoundError,
    ThrottledError,
    TransportError,
    UnauthenticatedError,
    UnavailableError,
    WaitTimeoutError,
)

FAILED = 1
NOT_FOUND = 3
UNREACHABLE = 4
NOT_ALLOWED = 5
TIMED_OUT = 124

_CODES: dict[type[ClientError], int] = {
    NotFoundError: NOT_FOUND,
    TransportError: UNREACHABLE,
    UnavailableError: UNREACHABLE,
    ThrottledError: UNREACHABLE,
    UnauthenticatedError: NOT_ALLOWED,
    DeniedError: NOT_ALLOWED,
    WaitTimeoutError: TIMED_OUT,
}


def report_error(error: ClientError) -> int:
    """Print what went wrong, and return the exit code."""
    hint = "; sign in with: scenarist login" if isinstance(error, UnauthenticatedError) else ""
    print_to_stderr(f"scenarist: {str(error).rstrip('.')}{hint}")
    return next((code for family, code in _CODES.items() if isinstance(error, family)), FAILED)


def get_exit_code(submission: schemas.Submission) -> int:
    """Return the exit code for the final status of a submission."""
    return 0 if submission.status == "COMPLETED" else FAILED

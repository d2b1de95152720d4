"""Every error that the client raises, by family.

ClientError
├─ ProblemError            the server refused the request; has the problem
│  ├─ InvalidError         400 and similar: the request is not valid
│  ├─ UnauthenticatedError 401: no credentials, or they have expired
│  ├─ DeniedError          403: the caller lacks the role
│  ├─ NotFoundError        404
│  ├─ ConflictError        409: the current state does not allow it
│  ├─ ChangedError         412: the entity no longer has the tag in ``if_match``
│  ├─ ThrottledError       429: too many attempts
│  └─ UnavailableError     503: try again later
├─ TransportError          no response, or one that is not from a Scenarist server
├─ WaitTimeoutError        a submission or job has not ended in time; a TimeoutError too
├─ TruncatedError          the server returned only the beginning of a value
└─ MissingExtraError       a library is not installed; an ImportError too
"""

from scenarist import schemas


class ClientError(Exception):
    """Base of all errors of the client; its text is a sentence for people."""


class ProblemError(ClientError):
    """The server refused the request; the text is the server's message.

    Args:
        retry_seconds: How long the server asks to wait before a retry; None if it does not.
    """

    # The base class gets both arguments unchanged, so that the error survives pickling.
    def __init__(self, problem: schemas.Problem, retry_seconds: float | None = None) -> None:
        super().__init__(problem, retry_seconds)
        self.problem = problem
        self.retry_seconds = retry_seconds

    def __str__(self) -> str:
        return self.problem.message

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def code(self) -> str:
        """The kind of error, as a stable word for programs."""
        return self.problem.code

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> list[schemas.Fault]:
        """The individual errors, each with its field; empty if there is only one."""
        return self.problem.errors


class InvalidError(ProblemError):
    pass


class UnauthenticatedError(ProblemError):
    pass


class DeniedError(ProblemError):
    pass


class NotFoundError(ProblemError):
    pass


class ConflictError(ProblemError):
    pass


class ChangedError(ProblemError):
    pass


class ThrottledError(ProblemError):
    pass


class UnavailableError(ProblemError):
    pass


class TransportError(ClientError):
    """There was no response. A change may have been made, unless no connection was made."""


class WaitTimeoutError(ClientError, TimeoutError):
    """The submission or job has not ended in time; it continues."""


class TruncatedError(ClientError):
    """The server returned only the beginning of a value.

    Args:
        preview: That beginning.
    """

    def __init__(self, message: str, preview: object) -> None:
        super().__init__(message, preview)
        self.message = message
        self.preview = preview

    def __str__(self) -> str:
        return self.message


class MissingExtraError(ClientError, ImportError):
    """An optional library is not installed."""


_FAMILIES: dict[int, type[ProblemError]] = {
    401: UnauthenticatedError,
    403: DeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: ChangedError,
    429: ThrottledError,
    503: UnavailableError,
}


def to_error(problem: schemas.Problem, retry_seconds: float | None = None) -> ProblemError:
    """Return the error of the family that the status belongs to."""
    other = InvalidError if 400 <= problem.status < 500 else ProblemError
    return _FAMILIES.get(problem.status, other)(problem, retry_seconds)

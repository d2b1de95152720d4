"""Every error that the client raises, by family.

ClientError
├─ ProblemError            the server refused; carries its problem
│  ├─ InvalidError         400 and the like: the request cannot be right
│  ├─ UnauthenticatedError 401: it does not say who asks, or with what is good no more
│  ├─ DeniedError          403: who asks lacks the role
│  ├─ NotFoundError        404
│  ├─ ConflictError        409: the present state forbids it
│  ├─ ChangedError         412: it is not any more as ``if_match`` says
│  ├─ ThrottledError       429: too many tries
│  └─ UnavailableError     503: try again later
├─ TransportError          no answer, or one that is not a server's of ours
├─ WaitTimeoutError        what was waited for has not ended in time; a TimeoutError too
├─ TruncatedError          only the beginning of a value was to be had
└─ MissingExtraError       a library is not installed; an ImportError too
"""

from scenarist import schemas


class ClientError(Exception):
    """Base of all errors of the client; its text is a sentence for people."""


class ProblemError(ClientError):
    """The server's refusal, in its own words.

    Args:
        retry_seconds: How long the server asks to wait before another try, when it does.
    """

    # Both go to the base class as they are: so an error can be pickled, and read again.
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
        """What happened, as a word that stays the same for programs."""
        return self.problem.code

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> list[schemas.Fault]:
        """The single faults, each with its field; empty when there is but one."""
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
    """No answer came. Whether a change was made is not known, unless no connection was made."""


class WaitTimeoutError(ClientError, TimeoutError):
    """It has not ended in time; it goes on."""


class TruncatedError(ClientError):
    """Only the beginning of a value was to be had.

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


def error_of(problem: schemas.Problem, retry_seconds: float | None = None) -> ProblemError:
    """Return the error of the family that the status belongs to."""
    other = InvalidError if 400 <= problem.status < 500 else ProblemError
    return _FAMILIES.get(problem.status, other)(problem, retry_seconds)

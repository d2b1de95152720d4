"""All errors that Scenarist raises deliberately, by family; the API maps families to statuses.

ScenaristError
├─ NotFoundError      the named thing does not exist, or the actor may not see it
├─ ConflictError      it exists, but its current state forbids the operation
│  └─ DamagedError    the file of a value differs from what was written
├─ ChangedError       a precondition of the request no longer holds
├─ InvalidError       the input is invalid, whatever the state
├─ TooLargeError      a value exceeds the limits
├─ UnauthenticatedError  there is no credential, or it is not valid
├─ DeniedError        the actor lacks a permission
├─ ThrottledError     too many attempts; the time to wait is known
└─ UnavailableError   the request is valid; try again later
   └─ InDoubtError    the operation was done in part or in full, or its outcome is unknown
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

FoundT = TypeVar("FoundT")


class ScenaristError(Exception):
    """Base class of all errors: a message for people and a stable code for programs.

    Args:
        message: What was wrong, where, and how to fix it. It is sent to the client unchanged.
        code: Replaces the code of the family, for cases that programs need to distinguish.
        errors: The single faults, each with a ``field`` (a path such as ``tasks[2]``) and a
            ``message``, if one sentence is not enough.
    """

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: Iterable[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = code or self.code
        self.errors = tuple(errors)


class NotFoundError(ScenaristError):
    code: ClassVar[str] = "not_found"


def require_found(found: FoundT | None, kind: str, id: str) -> FoundT:
    """Return what was looked up by an identifier.

    Args:
        found: None or False if there is no such entity.

    Raises:
        NotFoundError: There is none.
    """
    if found is None or found is False:
        raise NotFoundError(f"no {kind} has the identifier {id}")
    return found


class ConflictError(ScenaristError):
    code: ClassVar[str] = "conflict"


class DamagedError(ConflictError):
    """The file of a value was truncated, changed or replaced after it was written."""

    code: ClassVar[str] = "data_node_damaged"


class ChangedError(ScenaristError):
    code: ClassVar[str] = "precondition_failed"


class InvalidError(ScenaristError):
    code: ClassVar[str] = "invalid"


class TooLargeError(ScenaristError):
    code: ClassVar[str] = "value_too_large"


class UnauthenticatedError(ScenaristError):
    code: ClassVar[str] = "credential_invalid"


class DeniedError(ScenaristError):
    code: ClassVar[str] = "permission_missing"


class ThrottledError(ScenaristError):
    """Too many attempts.

    Args:
        retry_seconds: How many seconds to wait before the next attempt.
    """

    code: ClassVar[str] = "too_many_tries"

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class UnavailableError(ScenaristError):
    code: ClassVar[str] = "unavailable"


class InDoubtError(UnavailableError):
    """The operation was done in part or in full, or its outcome is unknown: check before a retry.

    See docs/decisions/0090.
    """

    code: ClassVar[str] = "in_doubt"

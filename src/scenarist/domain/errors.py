"""Every error that Scenarist raises on purpose, by family; the doors map families to statuses.

ScenaristError
├─ NotFoundError      what was named does not exist (or may not be seen)
├─ ConflictError      it exists, and its present state forbids this
│  └─ DamagedError    the file of a value is not as it was written
├─ ChangedError       it is not any more as the client said it must be
├─ InvalidError       what was said cannot be right, whatever the state
├─ TooLargeError      a value would take more than the limits allow
├─ UnauthenticatedError  it is not known who asks: no credential, or one that proves nothing
├─ DeniedError        the actor lacks a permission
├─ ThrottledError     too many tries; the time to wait is known
└─ UnavailableError   nothing is wrong with the request; try again later
   └─ InDoubtError    the same, and it was done in part or in full, or that is not known
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar


class ScenaristError(Exception):
    """Base of all errors with a message for people and a stable code for programs.

    Args:
        message: What was wrong, where, and how to mend it; goes to the client as it is.
        code: Replaces the family's code where programs should tell cases apart.
        errors: The single faults, each with its ``field`` (a path such as ``tasks[2]``)
            and ``message``, when there is more to say than one sentence.
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


class ConflictError(ScenaristError):
    code: ClassVar[str] = "conflict"


class DamagedError(ConflictError):
    """The file of a value was cut, changed or replaced since it was written."""

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
    """Too many tries.

    Args:
        retry_seconds: How long to wait before the next one.
    """

    code: ClassVar[str] = "too_many_tries"

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class UnavailableError(ScenaristError):
    code: ClassVar[str] = "unavailable"


class InDoubtError(UnavailableError):
    """It was done in part or in full, or nobody knows: look before it is tried again.

    See docs/decisions/0090.
    """

    code: ClassVar[str] = "in_doubt"

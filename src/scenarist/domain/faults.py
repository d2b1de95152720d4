"""Faults of values in a request, each with its path, as the errors of one refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scenarist.domain.errors import InvalidError

ValuePath = tuple[str | int, ...]
"""A path within a JSON document: names of objects' entries, and positions in lists."""

_MOST_IN_SENTENCE = 3
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ValueFault:
    """What is wrong with a part of a JSON document."""

    path: ValuePath
    message: str

    def under(self, path: ValuePath) -> "ValueFault":
        """Return the same fault for a document that is a part of a larger one."""
        return ValueFault((*path, *self.path), self.message)


def format_pointer(path: ValuePath) -> str:
    """Return a path as a JSON Pointer (RFC 6901); empty for the whole document."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def format_field(path: ValuePath) -> str:
    """Return a path as other errors have it, such as ``inputs.rows[3].price``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def make_faults_error(
    faults: Sequence[ValueFault], *, what: str, code: str, count: int | None = None
) -> InvalidError:
    """Return the error for all faults of a request.

    Args:
        what: Begins the message, such as ``the inputs are not valid``.
        count: How many faults there are, if more than are given; the message says so.
    """
    shown = [
        f"{_shorten(format_field(fault.path))}: {fault.message}" if fault.path else fault.message
        for fault in faults[:_MOST_IN_SENTENCE]
    ]
    more = (count or len(faults)) - len(shown)
    end = f" (and {more} more)" if more else ""
    return InvalidError(
        f"{what}: {'; '.join(shown)}{end}",
        code=code,
        errors=[_to_error(fault) for fault in faults],
    )


def _to_error(fault: ValueFault) -> Mapping[str, str]:
    return {
        "field": format_field(fault.path),
        "pointer": format_pointer(fault.path),
        "message": fault.message,
    }


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"

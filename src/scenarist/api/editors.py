"""What a client says of an edit: who makes it, and why."""

from typing import Annotated

from litestar.params import QueryParameter

from scenarist.domain.errors import InvalidError

EditorId = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=256,
        description="Who edits; the actor of the request, when left out.",
    ),
]
Comment = Annotated[
    str | None, QueryParameter(max_length=1000, description="Why; kept with the edit.")
]


def checked_text(text: str | None, field: str) -> str | None:
    """Return a text of one line.

    Raises:
        InvalidError: It has characters that cannot be printed.
    """
    if text is not None and not text.isprintable():
        raise InvalidError(
            f"{field} has printable characters only",
            errors=[{"field": field, "message": "has characters that cannot be printed"}],
        )
    return text


def checked_lines(comment: str | None) -> str | None:
    """Return a text of several lines.

    Raises:
        InvalidError: It has characters that cannot be printed.
    """
    for line in (comment or "").splitlines():
        checked_text(line.replace("\t", " "), "comment")
    return comment

"""Query parameters of an edit: who makes it, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from litestar.params import QueryParameter

from scenarist.domain.entities import DataNode
from scenarist.domain.errors import InvalidError
from scenarist.services.value_writer import WriteOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class EditParams:
    """Query parameters of a write: who makes the edit, and why."""

    editor_id: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=256,
            description="Who is editing; defaults to the actor of the request.",
        ),
    ] = None
    comment: Annotated[
        str | None,
        QueryParameter(max_length=1000, description="The reason, which is stored with the edit."),
    ] = None

    def to_options(
        self, expect: Callable[[DataNode, str | None], None] | None = None
    ) -> WriteOptions:
        """Return the options of a write.

        Args:
            expect: See `WriteOptions`.

        Raises:
            InvalidError: A text has characters that are not printable.
        """
        return WriteOptions(
            editor_id=require_printable(self.editor_id, "editor_id"),
            comment=_require_printable_lines(self.comment),
            expect=expect,
        )


def require_printable(text: str | None, field: str) -> str | None:
    """Check a text of one line, and return it.

    Raises:
        InvalidError: It has characters that are not printable.
    """
    if text is not None and not text.isprintable():
        raise InvalidError(
            f"{field} must have only printable characters",
            errors=[{"field": field, "message": "has characters that are not printable"}],
        )
    return text


def _require_printable_lines(comment: str | None) -> str | None:
    """Check a text of several lines, and return it.

    Raises:
        InvalidError: It has characters that are not printable.
    """
    for line in (comment or "").splitlines():
        require_printable(line.replace("\t", " "), "comment")
    return comment

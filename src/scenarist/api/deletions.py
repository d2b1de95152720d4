"""Responses to deletions that also delete other entities."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from litestar.params import QueryParameter

from scenarist import schemas
from scenarist.api.responses import Answer, answer

DryRun = Annotated[
    bool,
    QueryParameter(
        description="Change nothing; return what would be deleted, or why it cannot be deleted."
    ),
]


class Gone(Protocol):
    """Entities that are deleted together, as returned by the services."""

    @property
    def by_kind(self) -> Mapping[str, tuple[str, ...]]: ...


def deleted(what: str, gone: Gone, *, dry_run: bool) -> Answer:
    said = "would be" if dry_run else "was"
    return answer(
        schemas.Deletion(
            message=f"{what} {said} deleted.",
            deleted={kind: list(ids) for kind, ids in gone.by_kind.items()},
        )
    )

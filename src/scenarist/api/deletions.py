"""Responses to deletions that also delete other entities."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from litestar.params import QueryParameter

from scenarist import schemas
from scenarist.api.responses import JsonResponse, respond

DryRun = Annotated[
    bool,
    QueryParameter(
        description="Change nothing; return what would be deleted, or why it cannot be deleted."
    ),
]


class DeletedEntities(Protocol):
    """Entities that are deleted together, as returned by the services."""

    @property
    def by_kind(self) -> Mapping[str, tuple[str, ...]]: ...


def respond_to_delete(what: str, deleted: DeletedEntities, *, dry_run: bool) -> JsonResponse:
    verb = "would be" if dry_run else "was"
    return respond(
        schemas.Deletion(
            message=f"{what} {verb} deleted.",
            deleted={kind: list(ids) for kind, ids in deleted.by_kind.items()},
        )
    )

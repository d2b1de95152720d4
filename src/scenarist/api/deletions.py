"""The answer to a deletion that takes other entities with it."""

from collections.abc import Mapping
from typing import Annotated, Protocol

from litestar.params import QueryParameter

from scenarist import schemas
from scenarist.api.answers import Answer, answer

DryRun = Annotated[
    bool, QueryParameter(description="Change nothing; answer what would be deleted, or why not.")
]


class Gone(Protocol):
    """What goes together, as the services return it."""

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

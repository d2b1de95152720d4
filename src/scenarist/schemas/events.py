"""Messages of the event stream."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.vocabulary import ChangeType, EntityKind


class Event(Struct, kw_only=True, frozen=True):
    id: Annotated[str, Meta(description="Send it as Last-Event-ID to resume.", examples=["1042.0"])]
    timestamp: datetime
    entity_type: EntityKind
    entity_id: str
    change: ChangeType
    actor: Annotated[str | None, Meta(description="Who made the change; null for the server.")]
    actor_id: Annotated[
        str | None,
        Meta(description="Identity of that actor; it does not change when the name does."),
    ]
    status: Annotated[str | None, Meta(description="New status of a job or submission.")]
    submission_id: Annotated[str | None, Meta(description="Submission of a job.")]


class Gap(Struct, kw_only=True, frozen=True):
    """Events may be missing before the ones that follow, because they are no longer kept."""

    oldest: Annotated[str, Meta(description="The oldest event that is kept.", examples=["1042.0"])]

"""What changed, as it goes over the event stream."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from scenarist.domain.vocabulary import Change, Kind


class Event(Struct, kw_only=True, frozen=True):
    id: Annotated[str, Meta(description="For Last-Event-ID.", examples=["1042.0"])]
    timestamp: datetime
    entity_type: Kind
    entity_id: str
    change: Change
    actor: Annotated[str | None, Meta(description="Who asked for it; null for the server itself.")]
    actor_id: Annotated[
        str | None,
        Meta(description="The identity of that actor, which stays when the name changes."),
    ]
    status: Annotated[str | None, Meta(description="Of a job or a submission, its new status.")]
    submission_id: Annotated[str | None, Meta(description="Of a job, its submission.")]


class Gap(Struct, kw_only=True, frozen=True):
    """Changes may be missing before the events that follow: they are not kept any more."""

    oldest: Annotated[str, Meta(description="The first event kept.", examples=["1042.0"])]

"""Webhooks of scenarios and sequences."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from scenarist.schemas.base import Request


class CreateSubscriber(Request, kw_only=True, frozen=True):
    """Asks to be told of each status change of the entity's jobs from now on."""

    url: Annotated[
        str,
        Meta(
            description="Where messages are posted; http or https.",
            examples=["https://example.com/hooks/scenarist"],
        ),
    ]
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="`whsec_` and 24 to 64 bytes in base64; made by the server when left out.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ] = UNSET


class Subscriber(Struct, kw_only=True, frozen=True):
    """A webhook; its secret is shown once, in the answer to its creation."""

    id: str
    entity_id: str
    url: str
    is_active: Annotated[
        bool,
        Meta(
            description="False when its address said 410 Gone or failed too often, or the user or "
            "key that made it is gone."
        ),
    ]
    waiting: Annotated[int, Meta(description="Messages that have not arrived yet.")]
    fault: Annotated[
        str | None,
        Meta(description="Why the last attempt did not arrive, or why it is not told any more."),
    ]
    made_by: Annotated[
        str | None, Meta(description="The name of the user or key that made it, where recorded.")
    ]
    made_by_id: Annotated[str | None, Meta(description="The identity of that actor.")]
    creation_date: datetime


class OneSubscriber(Struct, kw_only=True, frozen=True):
    subscriber: Subscriber


class SubscriberCreated(Struct, kw_only=True, frozen=True):
    message: str
    subscriber: Subscriber
    secret: str

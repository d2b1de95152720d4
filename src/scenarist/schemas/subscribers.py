"""Subscribers: the webhooks of scenarios and sequences."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from scenarist.schemas.base import Request


class CreateSubscriber(Request, kw_only=True, frozen=True):
    """Subscribes a URL to the status changes of the entity's jobs, from now on."""

    url: Annotated[
        str,
        Meta(
            description="URL that receives the messages by POST; http or https.",
            examples=["https://example.com/hooks/scenarist"],
            extra_json_schema={"format": "uri", "pattern": "^https?://."},
        ),
    ]
    secret: Annotated[
        str | UnsetType,
        Meta(
            description="`whsec_` and 24 to 64 bytes in base64; generated if omitted.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ] = UNSET


class Subscriber(Struct, kw_only=True, frozen=True):
    """A webhook. Its secret is returned only once, in the response to its creation."""

    id: str
    entity_id: str
    url: str
    is_active: Annotated[
        bool,
        Meta(
            description="False if its URL returned 410 Gone or failed too often, or if the user "
            "or key that created it no longer exists."
        ),
    ]
    waiting: Annotated[int, Meta(description="Number of messages not delivered yet.")]
    fault: Annotated[
        str | None,
        Meta(description="Why the last delivery failed, or why the webhook is inactive."),
    ]
    made_by: Annotated[
        str | None, Meta(description="Name of the user or key that created it, if recorded.")
    ]
    made_by_id: Annotated[str | None, Meta(description="Identity of that actor.")]
    creation_date: datetime


class OneSubscriber(Struct, kw_only=True, frozen=True):
    subscriber: Subscriber


class SubscriberCreated(Struct, kw_only=True, frozen=True):
    message: str
    subscriber: Subscriber
    secret: str

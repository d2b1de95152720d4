"""Builds webhook messages from events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from scenarist.db import deliveries as delivery_rows
from scenarist.db.deliveries import JobOrigin, NewDelivery
from scenarist.domain.entities import Event
from scenarist.domain.identifiers import make_uuid


@dataclass(frozen=True, slots=True)
class JobChange:
    """A status change of a job: the number and time of its transaction, and the event."""

    number: int
    at: datetime
    event: Event


class _Data(msgspec.Struct, frozen=True):
    job_id: str
    task_id: str
    status: str
    submission_id: str
    entity_id: str
    entity_type: str


class _Message(msgspec.Struct, frozen=True):
    """The payload that the specification recommends: event type, time, data."""

    type: str
    timestamp: datetime
    data: _Data


_encode = msgspec.json.Encoder().encode


def build_messages(
    connection: Connection, changes: Sequence[JobChange], now: datetime
) -> list[NewDelivery]:
    """Return the messages for subscribers about changes, in their order.

    Subscribers of a sequence get those of its submissions; subscribers of a scenario also those of
    its sequences' submissions and of its own tasks.
    """
    origins = delivery_rows.find_origins(connection, [change.event.id for change in changes])
    if not origins:
        return []
    entity_ids = {origin.entity_id for origin in origins.values()}
    entity_ids |= {origin.scenario_id for origin in origins.values() if origin.scenario_id}
    listening = delivery_rows.find_active_subscribers(connection, sorted(entity_ids))
    messages = []
    for change in changes if listening else ():
        origin = origins.get(change.event.id)
        if origin is None:
            continue
        told = listening.get(origin.entity_id, []) + listening.get(origin.scenario_id or "", [])
        messages += [
            NewDelivery(
                id=f"DELIVERY_{make_uuid(now)}",
                subscriber_id=subscriber.id,
                body=_encode_body(change, origin),
            )
            for subscriber in told
            if subscriber.after_event < change.number
        ]
    return messages


def _encode_body(change: JobChange, origin: JobOrigin) -> str:
    event = change.event
    status = event.status or ""
    message = _Message(
        type=f"job.{status.lower()}",
        timestamp=change.at,
        data=_Data(
            job_id=event.id,
            task_id=origin.task_id,
            status=status,
            submission_id=origin.submission_id,
            entity_id=origin.entity_id,
            entity_type=origin.entity_type,
        ),
    )
    return _encode(message).decode()

"""The orchestration of all jobs."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct


class Orchestration(Struct, kw_only=True, frozen=True):
    paused_at: Annotated[datetime | None, Meta(description="Since when no job is begun.")]
    paused_by: str | None


class OneOrchestration(Struct, kw_only=True, frozen=True):
    orchestration: Orchestration


class OrchestrationAnswer(Struct, kw_only=True, frozen=True):
    """What became of the orchestration by the request."""

    message: str
    orchestration: Orchestration

"""State of the orchestration: whether all jobs are paused."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct


class Orchestration(Struct, kw_only=True, frozen=True):
    paused_at: Annotated[
        datetime | None, Meta(description="When all jobs were paused; since then, no job starts.")
    ]
    paused_by: str | None
    version: Annotated[
        str, Meta(description="Version of the application on the server that responds.")
    ]
    other_versions: Annotated[
        list[str],
        Meta(
            description="Other versions of the application that are connected to the database.",
            examples=[["1.0"]],
        ),
    ]
    changed_files: Annotated[
        list[str],
        Meta(
            description="Files of the application that have changed since the server that responds "
            "has loaded them; it goes on with the former code until it is restarted.",
            examples=[["/opt/planning/app.py"]],
        ),
    ]


class OneOrchestration(Struct, kw_only=True, frozen=True):
    orchestration: Orchestration


class OrchestrationAnswer(Struct, kw_only=True, frozen=True):
    """The orchestration after the request."""

    message: str
    orchestration: Orchestration

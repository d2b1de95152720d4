"""Tasks."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from scenarist.schemas.submissions import Submission


class Task(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    owner_id: str | None
    parent_ids: list[str]
    input_ids: list[str]
    output_ids: list[str]
    function_module: str
    function_name: str
    skippable: bool
    timeout_seconds: float | None
    retries: int
    retry_delay_seconds: float
    retry_on: list[str]  #: names of exceptions; empty for all
    retries_after_loss: Annotated[
        int, Meta(description="How often it runs again after its process was lost.")
    ]
    fresh: Annotated[
        bool, Meta(description="Whether each of its jobs runs in a process of its own.")
    ]
    properties: dict[str, Any]
    creation_date: datetime
    version: Annotated[str, Meta(description="Version of the application that created it.")]


class OneTask(Struct, kw_only=True, frozen=True):
    task: Task


class TaskCreated(Struct, kw_only=True, frozen=True):
    message: str
    task: Task


class TaskSubmitted(Struct, kw_only=True, frozen=True):
    message: str
    task: Task
    submission: Submission

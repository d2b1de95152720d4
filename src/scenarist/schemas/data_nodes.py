"""Data nodes, their edits and values."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.domain.selections import MOST_CONDITIONS
from scenarist.domain.vocabulary import Scope
from scenarist.schemas.base import Request


class Operator(Request, kw_only=True, frozen=True):
    """One condition on the rows of a table, or on the objects of a list."""

    key: Annotated[str, Meta(description="The column or field.", examples=["temp_celsius"])]
    operator: Annotated[
        str,
        Meta(
            description="EQUAL, NOT_EQUAL, LESS_THAN, LESS_OR_EQUAL, GREATER_THAN or "
            "GREATER_OR_EQUAL, in upper or lower case.",
            examples=["GREATER_THAN"],
        ),
    ]
    value: Annotated[Any, Meta(examples=[20])]


class DataNodeFilter(Request, kw_only=True, frozen=True):
    """Which rows of a value are read; documented as a body of the GET."""

    operators: Annotated[list[Operator], Meta(max_length=MOST_CONDITIONS)] = field(
        default_factory=list
    )
    join_operator: Annotated[
        str, Meta(description="AND or OR, in upper or lower case.", examples=["OR"])
    ] = "AND"


class Lock(Request, kw_only=True, frozen=True):
    """Keeps others from writing a data node for a while."""

    editor_id: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=256,
                description="Who edits; the actor of the request, when left out.",
                examples=["planning-desk"],
            ),
        ]
        | None
    ) = None
    seconds: Annotated[
        float, Meta(gt=0, le=86400, description="How long it holds; half an hour by default.")
    ] = 1800


class Unlock(Request, kw_only=True, frozen=True):
    """Ends a lock before its time is over."""

    editor_id: (
        Annotated[str, Meta(min_length=1, max_length=256, examples=["planning-desk"])] | None
    ) = None


class Edit(Struct, kw_only=True, frozen=True):
    """One value of a data node: when and by whom it was written."""

    id: str
    data_node_id: str
    timestamp: datetime
    job_id: Annotated[str | None, Meta(description="The job that wrote it.")]
    editor_id: Annotated[
        str | None, Meta(description="Who edited, as the client said: a name that proves nothing.")
    ]
    actor: Annotated[
        str | None,
        Meta(description="The name of the user or key that wrote it over REST; null for a job."),
    ]
    actor_id: Annotated[
        str | None,
        Meta(description="The identity of that actor, which stays when the name changes."),
    ]
    comment: str | None
    size: Annotated[int | None, Meta(description="Bytes.")]
    digest: Annotated[str | None, Meta(examples=["sha256:9f86d081…"])]
    python_type: Annotated[str | None, Meta(examples=["pandas.DataFrame"])]
    preview: Annotated[
        Any | UnsetType,
        Meta(description="The value while it is small, else its beginning; not in lists."),
    ] = UNSET
    is_complete: Annotated[
        bool | UnsetType, Meta(description="Whether the preview is the whole value; not in lists.")
    ] = UNSET


class DataNode(Struct, kw_only=True, frozen=True):
    id: str
    config_id: str
    name: str | None
    scope: Scope
    storage_type: str
    owner_id: str | None
    parent_ids: list[str]
    job_ids: Annotated[
        list[str], Meta(description="Jobs that wrote it, the newest last; the last hundred.")
    ]
    properties: Annotated[dict[str, Any], Meta(description="Without secrets.")]
    validity_days: Annotated[
        int | None, Meta(description="Whole days of the validity period, as documented.")
    ]
    validity_seconds: Annotated[
        float | None, Meta(description="The rest of the validity period, in seconds.")
    ]
    last_edit_id: str | None
    last_edit_date: datetime | None
    expiration_date: Annotated[
        datetime | None, Meta(description="When the validity period of its value ends.")
    ]
    is_writable: Annotated[
        bool,
        Meta(
            description="Whether its values can be written over REST at all: not when it is "
            "declared read-only, or its storage has nothing that writes."
        ),
    ]
    edit_in_progress: Annotated[
        bool,
        Meta(
            description="An editor has locked it, a worker writes it for one, or a job that has "
            "not ended writes it."
        ),
    ]
    editor_id: Annotated[str | None, Meta(description="That editor or job.")]
    lock_holder: Annotated[
        str | None, Meta(description="The name of the user or key that holds the lock.")
    ]
    lock_holder_id: Annotated[str | None, Meta(description="The identity of that actor.")]
    editor_expiration_date: Annotated[
        datetime | None,
        Meta(
            description="When the lock of an editor ends; without one, when a write by a worker "
            "ends at the latest."
        ),
    ]
    replaced_by: Annotated[
        str | None,
        Meta(description="The data node that has written to the same place since, if any."),
    ]
    creation_date: datetime
    version: str


class OneDataNode(Struct, kw_only=True, frozen=True):
    datanode: DataNode


class DataNodeAnswer(Struct, kw_only=True, frozen=True):
    """What became of a data node by the request."""

    message: str
    datanode: DataNode


class OneEdit(Struct, kw_only=True, frozen=True):
    edit: Edit


class DataNodeWritten(Struct, kw_only=True, frozen=True):
    message: str
    edit_id: str


class Value(Struct, kw_only=True, frozen=True):
    """A data node's value; with ``truncated`` when it is only the preview its writer made."""

    data: Any
    truncated: bool | UnsetType = UNSET

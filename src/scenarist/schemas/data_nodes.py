"""Data nodes, their locks, edits and values."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from scenarist.domain.selections import MAX_CONDITIONS
from scenarist.domain.vocabulary import Scope
from scenarist.schemas.base import Request


class Operator(Request, kw_only=True, frozen=True):
    """A condition on the rows of a table, or on the objects of a list."""

    key: Annotated[str, Meta(description="Name of the column or field.", examples=["temp_celsius"])]
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
    """Selects the rows of a value to read; documented as the body of the GET."""

    operators: Annotated[list[Operator], Meta(max_length=MAX_CONDITIONS)] = field(
        default_factory=list
    )
    join_operator: Annotated[
        str, Meta(description="AND or OR, in upper or lower case.", examples=["OR"])
    ] = "AND"


class Lock(Request, kw_only=True, frozen=True):
    """Locks a data node: for a limited time, only the holder of the lock can write it."""

    editor_id: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=256,
                description="Name of the editor; defaults to the actor of the request.",
                examples=["planning-desk"],
            ),
        ]
        | None
    ) = None
    seconds: Annotated[
        float, Meta(gt=0, le=86400, description="Duration of the lock; 30 minutes by default.")
    ] = 1800


class Unlock(Request, kw_only=True, frozen=True):
    """Releases a lock before it expires."""

    editor_id: (
        Annotated[str, Meta(min_length=1, max_length=256, examples=["planning-desk"])] | None
    ) = None


class Edit(Struct, kw_only=True, frozen=True):
    """One value of a data node: when it was written, and by whom."""

    id: str
    data_node_id: str
    timestamp: datetime
    job_id: Annotated[str | None, Meta(description="The job that wrote it.")]
    editor_id: Annotated[
        str | None, Meta(description="Name of the editor as given by the client; not verified.")
    ]
    actor: Annotated[
        str | None,
        Meta(description="Name of the user or key that wrote it over REST; null for a job."),
    ]
    actor_id: Annotated[
        str | None,
        Meta(description="Identity of that actor; it does not change when the name does."),
    ]
    comment: str | None
    size: Annotated[int | None, Meta(description="Size in bytes.")]
    digest: Annotated[str | None, Meta(examples=["sha256:9f86d081…"])]
    python_type: Annotated[str | None, Meta(examples=["pandas.DataFrame"])]
    version: Annotated[
        str | None,
        Meta(
            description="Version of the application that wrote it; null if another program did, or "
            "if it was written before versions were recorded."
        ),
    ]
    preview: Annotated[
        Any | UnsetType,
        Meta(description="The value if it is small, else its beginning; not in lists."),
    ] = UNSET
    is_complete: Annotated[
        bool | UnsetType, Meta(description="Whether the preview is the whole value; not in lists.")
    ] = UNSET


class DataNode(Struct, kw_only=True, frozen=True):
    """A data node. Only the response to a GET of one has the last two fields."""

    id: str
    config_id: str
    name: str | None
    scope: Scope
    storage_type: str
    owner_id: str | None
    parent_ids: list[str]
    job_ids: Annotated[list[str], Meta(description="The last 100 jobs that wrote it, newest last.")]
    properties: Annotated[dict[str, Any], Meta(description="Properties, without secrets.")]
    validity_days: Annotated[
        int | None, Meta(description="Validity period: whole days, as documented.")
    ]
    validity_seconds: Annotated[
        float | None, Meta(description="Validity period: the remaining seconds beyond whole days.")
    ]
    last_edit_id: str | None
    last_edit_date: datetime | None
    expiration_date: Annotated[
        datetime | None, Meta(description="End of the validity period of its value.")
    ]
    is_writable: Annotated[
        bool,
        Meta(
            description="Whether its values can be written over REST at all: false if it is "
            "declared read-only, or if its storage has no function or query that writes."
        ),
    ]
    edit_in_progress: Annotated[
        bool,
        Meta(
            description="Whether an editor has locked it, a worker is writing it for an editor, "
            "or an unfinished job will write it."
        ),
    ]
    editor_id: Annotated[
        str | None, Meta(description="The editor or the job of the edit in progress.")
    ]
    lock_holder: Annotated[
        str | None, Meta(description="Name of the user or key that holds the lock.")
    ]
    lock_holder_id: Annotated[str | None, Meta(description="Identity of that actor.")]
    editor_expiration_date: Annotated[
        datetime | None,
        Meta(
            description="When the editor's lock expires; without a lock, when a write by a "
            "worker ends at the latest."
        ),
    ]
    replaced_by: Annotated[
        str | None,
        Meta(description="The data node that has since written to the same place, if any."),
    ]
    creation_date: datetime
    version: Annotated[str, Meta(description="Version of the application that created it.")]
    is_stale: Annotated[
        bool | UnsetType | None,
        Meta(
            description="Whether its value was made from other values of the inputs, or by other "
            "code, than a job would use now; null without a value, if no task writes it, and if "
            "that cannot be told."
        ),
    ] = UNSET
    stale_because: Annotated[
        str | UnsetType | None,
        Meta(
            description="Which change it does not reflect; null if it is not stale.",
            examples=["data node 'growth' was written at 2026-03-01T12:00:00Z by ines"],
        ),
    ] = UNSET


class OneDataNode(Struct, kw_only=True, frozen=True):
    datanode: DataNode


class DataNodeAnswer(Struct, kw_only=True, frozen=True):
    """The data node after the request."""

    message: str
    datanode: DataNode


class OneEdit(Struct, kw_only=True, frozen=True):
    edit: Edit


class DataNodeWritten(Struct, kw_only=True, frozen=True):
    message: str
    edit_id: str


class Value(Struct, kw_only=True, frozen=True):
    """The value of a data node; ``truncated`` is set when only a preview is available."""

    data: Any
    truncated: bool | UnsetType = UNSET

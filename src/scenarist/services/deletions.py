"""Common parts of deletions: refuse unfinished submissions, log events, remove files."""

from collections.abc import Collection, Iterable

import structlog
from sqlalchemy import Connection

from scenarist.db import eligibility
from scenarist.db.deletions import Cascade
from scenarist.domain.entities import Event
from scenarist.domain.errors import ConflictError
from scenarist.domain.permissions import ActorRef
from scenarist.domain.vocabulary import ChangeType, EntityKind
from scenarist.storage import registry

_log = structlog.get_logger(__name__)


def refuse_unfinished(connection: Connection, what: str, ids: Iterable[str]) -> None:
    """Refuse to delete entities while a submission of them, or of their tasks, has not ended.

    Args:
        what: The entity to delete, as the message names it.

    Raises:
        ConflictError: There is such a submission; the message names it.
    """
    under_way = eligibility.find_unfinished_submission(connection, ids)
    if under_way is not None:
        raise ConflictError(
            f"{what} has a submission under way, {under_way}; cancel it or wait until it has ended",
            code="submission_under_way",
        )


def make_deletion_events(cascade: Cascade, actor: ActorRef) -> list[Event]:
    """Return the events of everything that a cascade deletes."""
    return [
        Event(kind=kind, id=entity_id, change=ChangeType.DELETED, actor=actor)
        for kind, ids in (
            (EntityKind.JOB, cascade.jobs),
            (EntityKind.SUBMISSION, cascade.submissions),
            (EntityKind.SEQUENCE, cascade.sequences),
            (EntityKind.SCENARIO, cascade.scenarios),
            (EntityKind.TASK, cascade.tasks),
            (EntityKind.DATA_NODE, cascade.data_nodes),
            (EntityKind.CYCLE, cascade.cycles),
        )
        for entity_id in ids
    ]


def remove_files(uris: Iterable[str], *, of_deleted: Collection[str] = ()) -> None:
    """Remove files of values whose records are deleted; call this after the commit.

    A file that cannot be removed is logged and left, since nothing refers to it any more.

    Args:
        of_deleted: Data nodes that are deleted too, so that nothing writes to their folders any
            more: these are removed if they are empty.
    """
    whole: list[str] = []
    others: list[str] = []
    for uri in uris:
        (whole if _folder_name(uri) in of_deleted else others).append(uri)
    left = registry.remove_files(whole, with_folders=True)
    left |= registry.remove_files(others, with_folders=False)
    for uri, reason in left.items():
        _log.warning("file not removed", file=uri, reason=reason)


def _folder_name(uri: str) -> str:
    return uri.replace("\\", "/").rsplit("/", 2)[-2]

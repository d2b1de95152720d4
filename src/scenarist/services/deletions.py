"""Common parts of deletions: refuse unfinished submissions, log events, remove files."""

from collections.abc import Iterable

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


def remove_files(uris: Iterable[str], *, with_folders: bool = True) -> None:
    """Remove files of values whose records are deleted; call this after the commit.

    A file that cannot be removed is logged and left, since nothing refers to it any more.

    Args:
        with_folders: Also remove the folders of their data nodes; only if those are deleted too.
    """
    for uri, reason in registry.remove_files(uris, with_folders=with_folders).items():
        _log.warning("file not removed", file=uri, reason=reason)

"""Pruning: deletes ended submissions, old logs and superseded edits after their retention."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection

from scenarist.db import audit, deletions
from scenarist.db import pruning as rows
from scenarist.db.engine import Database
from scenarist.db.jobs import caching
from scenarist.db.pruning import FinishedSubmission, OldEdit
from scenarist.db.sharing import count_users
from scenarist.domain.identifiers import EditId
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.retention import PruneCounts, Retention
from scenarist.services.deletions import remove_files
from scenarist.storage.files.orphans import (
    NodeFolder,
    edit_id_of,
    find_request_files,
    iter_node_folders,
    remove_empty_folder,
)

T = TypeVar("T")

# Rows deleted in one transaction, so that other writers wait only briefly.
_ROWS_PER_TRANSACTION = 500
_EDITS_PER_CHECK = 5_000  # edits checked at a time for unfinished jobs that read them
_FOLDERS_PER_CHECK = 200
# Pause between transactions for other writers: as long as the last one took, at least this long.
_MIN_PAUSE_SECONDS = 0.01
# Longer than any request that uses a temporary file.
_MAX_REQUEST_TIME = timedelta(hours=6)


class PruningService:
    """Deletes ended submissions, old records and unreferenced files in short transactions.

    Each transaction leaves the records consistent, and rows are deleted before their files. Pruning
    can thus be killed at any moment, and several processes can prune at once. See decision 44.

    Args:
        folder: Where values are stored, unless their config names a path.
        pause: Sleeps for a number of seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        folder: str,
        now: Callable[[], datetime],
        pause: Callable[[float], Any],
    ) -> None:
        self._database = database
        self._folder = folder
        self._now = now
        self._pause = pause

    def prune(self, actor: Actor, retention: Retention, *, is_dry_run: bool = False) -> PruneCounts:
        """Delete what a retention does not keep; a dry run only counts it.

        Unfinished jobs and everything that they need stay: the newest edit of each data node, and
        edits that are inputs of these jobs.

        Raises:
            UnavailableError: The database or the storage folder is not available. What was deleted
                until then stays deleted; the next run deletes the rest.
        """
        actor.require(Permission.ADMINISTER)
        now = self._now()
        if actor.origin is not None and not is_dry_run:
            self._database.write(
                lambda connection: audit.record_allowed(connection, actor, None, now)
            )
        run = _PruningRun(self._database, self._pause, is_dry_run=is_dry_run)
        if retention.jobs is not None:
            run.prune_submissions(now - retention.jobs)
        if retention.logs is not None:
            run.prune_logs(now - retention.logs)
        if retention.events is not None:
            run.prune_events(now - retention.events)
        if retention.audit is not None:
            run.prune_audit(now - retention.audit)
        if retention.edits is not None:
            run.prune_edits(retention.edits)
        run.prune_cache()
        if retention.leftovers is not None:
            run.prune_orphans(self._folder, now - retention.leftovers)
        run.prune_request_files(self._folder, now - _MAX_REQUEST_TIME)
        return run.pruned


class _PruningRun:
    """One run of pruning, with a method per kind."""

    def __init__(
        self, database: Database, pause: Callable[[float], Any], *, is_dry_run: bool
    ) -> None:
        self._database = database
        self._pause = pause
        self._is_dry_run = is_dry_run
        self._deleted_users: Counter[EditId] = Counter()  # of files, by the edit they were for
        self.pruned = PruneCounts()

    def prune_submissions(self, before: datetime) -> None:
        for some in _group_by_size(rows.iter_finished_submissions(self._database.reader, before)):
            ids = [item.id for item in some]
            gone, jobs = self._delete_unless_dry(
                partial(deletions.delete_submissions, submission_ids=ids),
                (len(some), sum(item.jobs for item in some)),
            )
            self.pruned.submissions += gone
            self.pruned.jobs += jobs

    def prune_logs(self, before: datetime) -> None:
        for some in _batch(
            rows.iter_old_logs(self._database.reader, before), _ROWS_PER_TRANSACTION
        ):
            work = partial(rows.delete_logs, found=some)
            self.pruned.logs += self._delete_unless_dry(work, len(some))

    def prune_events(self, before: datetime) -> None:
        for some in _batch(
            rows.iter_old_events(self._database.reader, before), _ROWS_PER_TRANSACTION
        ):
            work = partial(rows.delete_events, last=some[-1])
            self.pruned.events += self._delete_unless_dry(work, len(some))

    def prune_audit(self, before: datetime) -> None:
        if not self._is_dry_run:
            self._database.write(lambda connection: audit.set_kept_from(connection, before))
        for some in _batch(audit.iter_old(self._database.reader, before), _ROWS_PER_TRANSACTION):
            work = partial(audit.delete, numbers=some)
            self.pruned.audit += self._delete_unless_dry(work, len(some))

    def prune_edits(self, kept: int) -> None:
        reader = self._database.reader
        for found in _batch(rows.iter_superseded_edits(reader, kept), _EDITS_PER_CHECK):
            # Only the newest edit becomes the input of a job. An edit that is superseded, and is
            # not the input of an unfinished job now, will never be one again.
            promised = rows.find_promised(reader, [edit.id for edit in found])
            free = [edit for edit in found if edit.id not in promised]
            for some in _batch(free, _ROWS_PER_TRANSACTION):
                gone, files = (
                    (len(some), self._find_unneeded(some))
                    if self._is_dry_run
                    else self._delete(partial(rows.delete_edits, old=some))
                )
                self.pruned.edits += gone
                self.pruned.files += len(files)
                self._remove(files)

    def prune_cache(self) -> None:
        """Forget outputs in the cache whose bytes no edit has any more."""
        for some in _batch(caching.iter_lost_keys(self._database.reader), _ROWS_PER_TRANSACTION):
            work = partial(caching.delete_keys, keys=some)
            self.pruned.cached += self._delete_unless_dry(work, len(some))

    def _find_unneeded(self, old: Sequence[OldEdit]) -> list[str]:
        """Return the files that no edit would need any more once these are deleted as well."""
        files = [edit.file for edit in old if edit.file is not None]
        users = count_users(self._database.reader, files)
        unneeded = []
        for file in files:
            self._deleted_users[file.stored_for] += 1
            if self._deleted_users[file.stored_for] == users[file.stored_for]:
                del self._deleted_users[file.stored_for]
                unneeded.append(file.uri)
        return unneeded

    def prune_orphans(self, folder: str, before: datetime) -> None:
        for some in _batch(iter_node_folders(folder, before), _FOLDERS_PER_CHECK):
            # Read after listing the files: records committed in between refer to their files.
            reader, ids = self._database.reader, [item.data_node_id for item in some]
            busy = rows.find_being_written(reader, ids)
            edit_ids = [edit_id_of(path) for item in some for path in item.old_files]
            files = rows.find_recorded_files(reader, ids, edit_ids)
            recorded = {os.path.basename(uri) for uri in files}
            known = rows.find_known_data_nodes(reader, ids)
            for item in some:
                if item.data_node_id not in busy:
                    self._clear_folder(item, recorded, is_known=item.data_node_id in known)

    def prune_request_files(self, folder: str, before: datetime) -> None:
        left = find_request_files(folder, before)
        self.pruned.leftovers += len(left)
        self._remove(left)

    def _clear_folder(self, item: NodeFolder, recorded: set[str], *, is_known: bool) -> None:
        left = [path for path in item.old_files if os.path.basename(path) not in recorded]
        self.pruned.leftovers += len(left)
        self._remove(left)
        # Somebody may be about to write into the folder of an existing data node.
        if not is_known and item.is_old and not self._is_dry_run:
            remove_empty_folder(item.path)

    def _remove(self, files: Sequence[str]) -> None:
        if not self._is_dry_run:
            remove_files(files)

    def _delete_unless_dry(self, work: Callable[[Connection], T], otherwise: T) -> T:
        return otherwise if self._is_dry_run else self._delete(work)

    def _delete(self, work: Callable[[Connection], T]) -> T:
        """Call *work* in a transaction of its own, then pause so that others can write."""
        started = time.monotonic()
        done = self._database.write(work)
        self._pause(max(time.monotonic() - started, _MIN_PAUSE_SECONDS))
        return done


def _batch(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def _group_by_size(found: Iterable[FinishedSubmission]) -> Iterator[list[FinishedSubmission]]:
    """Group submissions so that one transaction can delete each group; large ones alone."""
    some: list[FinishedSubmission] = []
    size = 0
    for item in found:
        weight = item.jobs + 1
        if some and size + weight > _ROWS_PER_TRANSACTION:
            yield some
            some, size = [], 0
        some.append(item)
        size += weight
    if some:
        yield some

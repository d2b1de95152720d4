"""What may be done about growth: deleting what has ended, as long ago as a retention says."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection

from scenarist.db import audit, deletions
from scenarist.db import pruning as rows
from scenarist.db.engine import Database
from scenarist.db.pruning import EndedSubmission
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.retention import Pruned, Retention
from scenarist.services.deletions import remove_files
from scenarist.storage.leftovers import (
    NodeFolder,
    files_of_requests,
    node_folders,
    remove_folder,
)

T = TypeVar("T")

_AT_ONCE = 500  # rows that one transaction deletes, so that whoever writes waits little
_LOOKED_AT = 5_000  # edits that are compared with what jobs were promised at a time
_FOLDERS_AT_ONCE = 200
# Others write between two transactions: as long as one took, and at least so long.
_SHORTEST_PAUSE_SECONDS = 0.01
# Longer than any request with a file of its own goes on.
_LONGEST_REQUEST = timedelta(hours=6)


class PruningService:
    """Deletes what has ended, and files that no record points at, in many short transactions.

    Each of them leaves the records whole, and takes rows away before their files go. So it may be
    killed at any moment, and run by several at once.

    Args:
        folder: Where values go whose place the system names.
        pause: Waits for some seconds.
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

    def prune(self, actor: Actor, retention: Retention, *, is_dry_run: bool = False) -> Pruned:
        """Delete what a retention does not keep; a dry run only counts it.

        What has not ended is not touched, nor what it needs: the newest edit of a data node, and
        edits that jobs were promised as input, stay.

        Raises:
            UnavailableError: The database or the storage folder is in trouble. What went until
                then is gone, and the rest goes the next time.
        """
        actor.require(Permission.ADMINISTER)
        now = self._now()
        if actor.origin is not None and not is_dry_run:
            self._database.write(lambda connection: audit.add_done(connection, actor, None, now))
        run = _Run(self._database, self._pause, is_dry_run=is_dry_run)
        if retention.jobs is not None:
            run.submissions(now - retention.jobs)
        if retention.logs is not None:
            run.logs(now - retention.logs)
        if retention.events is not None:
            run.events(now - retention.events)
        if retention.audit is not None:
            run.audit(now - retention.audit)
        if retention.edits is not None:
            run.edits(retention.edits)
        if retention.leftovers is not None:
            run.leftovers(self._folder, now - retention.leftovers)
        run.requests(self._folder, now - _LONGEST_REQUEST)
        return run.pruned


class _Run:
    """One pruning, kind by kind."""

    def __init__(
        self, database: Database, pause: Callable[[float], Any], *, is_dry_run: bool
    ) -> None:
        self._database = database
        self._pause = pause
        self._is_dry_run = is_dry_run
        self.pruned = Pruned()

    def submissions(self, before: datetime) -> None:
        for some in _by_size(rows.ended_submissions(self._database.reader, before)):
            ids = [item.id for item in some]
            gone, jobs = self._delete(
                partial(deletions.delete_submissions, submission_ids=ids),
                (len(some), sum(item.jobs for item in some)),
            )
            self.pruned.submissions += gone
            self.pruned.jobs += jobs

    def logs(self, before: datetime) -> None:
        for some in _in_parts(rows.old_logs(self._database.reader, before), _AT_ONCE):
            self.pruned.logs += self._delete(partial(rows.delete_logs, found=some), len(some))

    def events(self, before: datetime) -> None:
        for some in _in_parts(rows.old_events(self._database.reader, before), _AT_ONCE):
            work = partial(rows.delete_events, last=some[-1])
            self.pruned.events += self._delete(work, len(some))

    def audit(self, before: datetime) -> None:
        if not self._is_dry_run:
            self._database.write(lambda connection: audit.keep_from(connection, before))
        for some in _in_parts(audit.old(self._database.reader, before), _AT_ONCE):
            self.pruned.audit += self._delete(partial(audit.delete, numbers=some), len(some))

    def edits(self, kept: int) -> None:
        reader = self._database.reader
        for found in _in_parts(rows.superseded_edits(reader, kept), _LOOKED_AT):
            # Jobs are promised the newest edit only. What was superseded before this look, and
            # stands in no promise now, will stand in none.
            promised = rows.promised(reader, [edit.id for edit in found])
            free = [edit for edit in found if edit.id not in promised]
            for some in _in_parts(free, _AT_ONCE):
                ids = [edit.id for edit in some]
                files = [edit.file for edit in some if edit.file is not None]
                self.pruned.edits += self._delete(
                    partial(rows.delete_edits, edit_ids=ids), len(some)
                )
                self.pruned.files += len(files)
                self._remove(files)

    def leftovers(self, folder: str, before: datetime) -> None:
        for some in _in_parts(node_folders(folder, before), _FOLDERS_AT_ONCE):
            # After the files were seen: what was committed meanwhile points at its file.
            reader, ids = self._database.reader, [item.data_node_id for item in some]
            busy = rows.being_written(reader, ids)
            recorded = {os.path.basename(uri) for uri in rows.recorded_files(reader, ids)}
            known = rows.known_data_nodes(reader, ids)
            for item in some:
                if item.data_node_id not in busy:
                    self._clear(item, recorded, is_known=item.data_node_id in known)

    def requests(self, folder: str, before: datetime) -> None:
        left = files_of_requests(folder, before)
        self.pruned.leftovers += len(left)
        self._remove(left)

    def _clear(self, item: NodeFolder, recorded: set[str], *, is_known: bool) -> None:
        left = [path for path in item.old_files if os.path.basename(path) not in recorded]
        self.pruned.leftovers += len(left)
        self._remove(left)
        # Of a data node that there is, somebody may be about to write into its folder.
        if not is_known and item.is_old and not self._is_dry_run:
            remove_folder(item.path)

    def _remove(self, files: Sequence[str]) -> None:
        if not self._is_dry_run:
            remove_files(files, with_folders=False)

    def _delete(self, work: Callable[[Connection], T], otherwise: T) -> T:
        """Do the work in a transaction of its own, and let others write after it."""
        if self._is_dry_run:
            return otherwise
        started = time.monotonic()
        done = self._database.write(work)
        self._pause(max(time.monotonic() - started, _SHORTEST_PAUSE_SECONDS))
        return done


def _in_parts(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def _by_size(found: Iterable[EndedSubmission]) -> Iterator[list[EndedSubmission]]:
    """Yield submissions together that have no more jobs than one transaction deletes, or one."""
    some: list[EndedSubmission] = []
    size = 0
    for item in found:
        weight = item.jobs + 1
        if some and size + weight > _AT_ONCE:
            yield some
            some, size = [], 0
        some.append(item)
        size += weight
    if some:
        yield some

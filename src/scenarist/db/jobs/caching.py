"""The cache of outputs: what jobs have computed, found again by cache key (decision 114)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from scenarist.db.among import any_of, text_rows
from scenarist.db.each import execute_many
from scenarist.db.jobs.claim import BLOCK, Claim
from scenarist.db.sql import Query
from scenarist.db.tables import cached_outputs, edits, job_waits, jobs
from scenarist.domain.caching import Content
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import EditId, JobId
from scenarist.domain.outcomes import Figure

_ORDER = "ORDER"
_PAGE = 500

FindBytes = Callable[[str, int | None], bool]
"""Whether the bytes of a value are still in a file, by its URI and its recorded size."""

_CONTENTS = Query(
    select(edits.c.id, edits.c.digest, edits.c.python_type, edits.c.kept_as).where(
        any_of(edits.c.id, "ids")
    )
)
_BYTES = (
    edits.c.id,
    edits.c.uri,
    edits.c.size,
    edits.c.digest,
    edits.c.python_type,
    edits.c.figures,
)
_FIND = Query(
    select(cached_outputs.c.key, cached_outputs.c.job_id, cached_outputs.c.stored_for, *_BYTES)
    .outerjoin(edits, edits.c.id == cached_outputs.c.stored_for)
    .where(any_of(cached_outputs.c.key, "keys"))
    .order_by(cached_outputs.c.key, cached_outputs.c.position)
)
_deleted = text_rows("ids")
_SHARERS = Query(
    select(
        _deleted.c.value,
        select(edits.c.id)
        .where(edits.c.shared_from == _deleted.c.value)
        .limit(1)
        .scalar_subquery()
        .label("sharer"),
    )
)
_FIND_BYTES = Query(select(*_BYTES).where(any_of(edits.c.id, "ids")))
_NEW = insert_or_update(cached_outputs)
_RECORD = _NEW.on_conflict_do_update(
    index_elements=[cached_outputs.c.key, cached_outputs.c.position],
    set_={"stored_for": _NEW.excluded.stored_for, "job_id": _NEW.excluded.job_id},
)
# Written like the condition of the partial index.
_RUNNING = Query(
    select(jobs.c.cache_key, jobs.c.number).where(
        jobs.c.status == literal_column("'RUNNING'"),
        jobs.c.cache_key.is_not(None),
        any_of(jobs.c.cache_key, "keys"),
    )
)
_SET_KEY = (
    update(jobs).where(jobs.c.number == bindparam("of")).values(cache_key=bindparam("cache_key"))
)
_SET_ORIGIN = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"))
    .values(cache_key=bindparam("cache_key"), cached_from=bindparam("cached_from"))
)
_WAIT_BEHIND = insert(job_waits).values(
    job_number=bindparam("of"), kind=_ORDER, for_job=bindparam("other"), for_data_node=None
)
_KEYS = (
    select(cached_outputs.c.key)
    .where(cached_outputs.c.key > bindparam("after"))
    .distinct()
    .order_by(cached_outputs.c.key)
    .limit(_PAGE)
)
_DELETE = delete(cached_outputs).where(any_of(cached_outputs.c.key, "keys"))
_DELETE_ALL = delete(cached_outputs)


@dataclass(frozen=True, slots=True)
class CachedOutput:
    """An output in the cache: an edit that has its bytes, with its figures."""

    edit_id: EditId
    content: Content
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class CachedOutputs:
    """The outputs that a job with a cache key has computed, in order."""

    job_id: JobId
    outputs: tuple[CachedOutput, ...]


def find_contents(connection: Connection, edit_ids: Sequence[str]) -> dict[str, Content]:
    """Return the contents of the values of edits."""
    rows = _CONTENTS.fetch(connection, {"ids": list(dict.fromkeys(edit_ids))})
    return {edit_id: Content(*columns) for edit_id, *columns in rows}


def find_cached(
    connection: Connection, keys: Sequence[str], has_bytes: FindBytes
) -> dict[str, CachedOutputs]:
    """Return the outputs in the cache whose bytes are all still there, by cache key."""
    rows = _FIND.fetch(connection, {"keys": list(dict.fromkeys(keys))})
    sharers = _find_sharers(connection, [row.stored_for for row in rows if row.id is None])
    found: dict[str, CachedOutputs] = {}
    for (key, job_id), each in groupby(rows, key=lambda row: (row.key, row.job_id)):
        outputs = []
        for row in each:
            edit = row if row.id is not None else sharers.get(row.stored_for)
            if edit is None or (edit.uri is not None and not has_bytes(edit.uri, edit.size)):
                break
            content = Content(edit.digest, edit.python_type)
            outputs.append(CachedOutput(EditId(edit.id), content, edit.figures or {}))
        else:
            found[key] = CachedOutputs(JobId(job_id), tuple(outputs))
    return found


def _find_sharers(connection: Connection, deleted: Sequence[str]) -> dict[str, Any]:
    """Return an edit that has the bytes of each deleted one, if there is any."""
    if not deleted:
        return {}
    sharers = dict(_SHARERS.fetch(connection, {"ids": list(dict.fromkeys(deleted))}))
    ids = [sharer for sharer in sharers.values() if sharer is not None]
    known = {row.id: row for row in _FIND_BYTES.fetch(connection, {"ids": ids})}
    return {edit_id: known[sharer] for edit_id, sharer in sharers.items() if sharer in known}


def record_outputs(connection: Connection, computed: Mapping[str, Sequence[Edit]]) -> None:
    """Record what completed jobs have computed, in place of what earlier ones have.

    Args:
        computed: The outputs of each job in order, by cache key.
    """
    rows = [
        {"key": key, "position": position, "stored_for": edit.value_id, "job_id": edit.job_id}
        for key, outputs in computed.items()
        for position, edit in enumerate(outputs)
    ]
    if rows:
        connection.execute(_RECORD, rows)


def find_running(
    connection: Connection, keys: Sequence[str], exclude: Sequence[int]
) -> dict[str, int]:
    """Return a running job with each of the cache keys, by key; keys without one are omitted.

    Args:
        exclude: Numbers of jobs that do not count.
    """
    rows = _RUNNING.fetch(connection, {"keys": list(keys)})
    own = set(exclude)
    return {key: number for key, number in rows if number not in own}


def set_keys(connection: Connection, claims: Sequence[Claim]) -> None:
    """Record the cache keys of jobs that run now, so that others with the same key wait."""
    rows = [{"of": claim.number, "cache_key": claim.cache_key} for claim in claims]
    execute_many(connection, _SET_KEY, rows)


def set_origins(connection: Connection, origins: Sequence[tuple[int, str, JobId]]) -> None:
    """Record from which jobs outputs were taken.

    Args:
        origins: The number and the cache key of each job, with the job that had computed them.
    """
    rows = [{"of": of, "cache_key": key, "cached_from": job} for of, key, job in origins]
    execute_many(connection, _SET_ORIGIN, rows)


def block_behind(connection: Connection, behind: Sequence[tuple[Claim, int]]) -> None:
    """Unclaim jobs that this transaction claimed; each waits until a running job has ended."""
    rows = [{"of": claim.number, "other": other} for claim, other in behind]
    if rows:
        connection.execute(BLOCK, [{"of": row["of"]} for row in rows])
        connection.execute(_WAIT_BEHIND, rows)


def iter_lost_keys(reader: Connection) -> Iterator[str]:
    """Yield the cache keys of outputs whose bytes no edit has any more."""
    after = ""
    while keys := list(reader.execute(_KEYS, {"after": after}).scalars()):
        known = find_cached(reader, keys, lambda uri, size: True)
        yield from (key for key in keys if key not in known)
        after = keys[-1]


def delete_keys(connection: Connection, keys: Sequence[str]) -> int:
    """Delete outputs from the cache whose bytes no edit has any more; return how many keys."""
    known = find_cached(connection, keys, lambda uri, size: True)
    lost = [key for key in keys if key not in known]
    connection.execute(_DELETE, {"keys": lost})
    return len(lost)


def clear(connection: Connection) -> int:
    """Forget all outputs in the cache, which stay the values of their data nodes.

    Returns:
        How many outputs were in the cache.
    """
    return connection.execute(_DELETE_ALL).rowcount

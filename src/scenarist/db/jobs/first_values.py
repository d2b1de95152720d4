"""Jobs that wait for the first value of a data node, and their ordering once it exists.

A job that waits for a first value has no holds on its inputs, so it never blocks a writer. The
position of its reads among the writes to places where values are replaced is decided when its last
missing first value is there (decision 76).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from scenarist.db.among import any_of
from scenarist.db.data_nodes import READ, WRITE
from scenarist.db.jobs.claim import NO_JOB
from scenarist.db.jobs.enqueue import DATA, INPUT, ORDER, PLACE
from scenarist.db.notify import notifications
from scenarist.db.notify.notifications import Topic
from scenarist.db.tables import data_nodes, job_holds, job_inputs, job_waits, jobs
from scenarist.domain.identifiers import JobId, SubmissionId
from scenarist.domain.lifecycle import JobEvent, next_status
from scenarist.domain.locations import is_replaced_in_place
from scenarist.domain.vocabulary import JobStatus

_ADD_WAITS = insert(job_waits)
_ADD_HOLDS = insert(job_holds).inline()
_RELEASE = (
    delete(job_waits)
    .where(any_of(job_waits.c.for_data_node, "nodes"))
    .returning(job_waits.c.job_number)
)
_last_edit = (
    select(data_nodes.c.last_edit_id)
    .where(data_nodes.c.id == job_inputs.c.data_node_id)
    .scalar_subquery()
)
_SET_EDIT = (
    update(job_inputs)
    .where(
        any_of(job_inputs.c.job_number, "numbers"),
        any_of(job_inputs.c.data_node_id, "nodes"),
        job_inputs.c.edit_id.is_(None),
        job_inputs.c.producer.is_(None),
    )
    .values(edit_id=_last_edit)
)
_FORGET_READS = delete(job_holds).where(
    any_of(job_holds.c.job_number, "numbers"), job_holds.c.mode == READ
)
_mine = job_holds.alias("mine")
_theirs = job_holds.alias("theirs")
_is_at_one_place = func.coalesce(_mine.c.place, _mine.c.data_node_id) == func.coalesce(
    _theirs.c.place, _theirs.c.data_node_id
)
# Waits of jobs that waited only because the other job was to read what they replace: they do not
# read its output, and it does not write where they read or write.
_FORGET_WAITS_FOR_READS = (
    delete(job_waits)
    .where(
        any_of(job_waits.c.for_job, "numbers"),
        job_waits.c.kind == ORDER,
        ~exists().where(
            job_inputs.c.job_number == job_waits.c.job_number,
            job_inputs.c.producer == job_waits.c.for_job,
        ),
        ~exists().where(
            _mine.c.job_number == job_waits.c.job_number,
            _theirs.c.job_number == job_waits.c.for_job,
            _theirs.c.mode == WRITE,
            _is_at_one_place,
        ),
    )
    .returning(job_waits.c.job_number)
)
_other_wait = job_waits.alias("other_wait")
_TO_PLACE = (
    select(
        job_inputs.c.job_number,
        job_inputs.c.position,
        job_inputs.c.data_node_id,
        data_nodes.c.storage_type,
        data_nodes.c.properties,
        PLACE.label("place"),
    )
    .join(data_nodes, data_nodes.c.id == job_inputs.c.data_node_id)
    .where(
        any_of(job_inputs.c.job_number, "numbers"),
        ~exists().where(
            _other_wait.c.job_number == job_inputs.c.job_number, _other_wait.c.kind == INPUT
        ),
    )
    .order_by(job_inputs.c.job_number, job_inputs.c.position)
)
_OTHER_WRITERS = (
    select(job_holds.c.job_number, job_holds.c.data_node_id, jobs.c.status)
    .join(jobs, jobs.c.number == job_holds.c.job_number)
    .where(job_holds.c.mode == WRITE, job_holds.c.job_number != bindparam("of"))
    .order_by(job_holds.c.number)
)
_WRITERS = _OTHER_WRITERS.where(job_holds.c.data_node_id == bindparam("node"))
_WRITERS_AT = _OTHER_WRITERS.where(job_holds.c.place == bindparam("place"))
_WAITED_FOR = select(job_waits.c.for_job).where(
    any_of(job_waits.c.job_number, "numbers"), job_waits.c.for_job.is_not(None)
)
_INPUT = update(job_inputs).where(
    job_inputs.c.job_number == bindparam("of"), job_inputs.c.position == bindparam("at")
)
_READ_LAST_EDIT = _INPUT.values(edit_id=_last_edit)
_READ_FROM = _INPUT.values(edit_id=None, producer=bindparam("by"))
_HAS_WAIT = select(job_waits.c.kind).where(
    job_waits.c.job_number == bindparam("of"), job_waits.c.for_job == bindparam("by")
)
_WAITERS = (
    select(job_waits.c.job_number, job_waits.c.for_data_node)
    .where(any_of(job_waits.c.for_data_node, "nodes"), job_waits.c.kind == INPUT)
    .order_by(job_waits.c.job_number)
)
_WAITS_OF = select(job_waits.c.job_number, job_waits.c.kind, job_waits.c.for_job).where(
    any_of(job_waits.c.job_number, "numbers"), job_waits.c.for_job.is_not(None)
)
_FOLLOWERS = select(job_waits.c.job_number).where(any_of(job_waits.c.for_job, "numbers"))
_PRODUCERS = select(job_inputs.c.producer).where(
    job_inputs.c.job_number == bindparam("of"), job_inputs.c.producer.is_not(None)
)
_FORGET_WAITS = delete(job_waits).where(
    job_waits.c.job_number == bindparam("of"), any_of(job_waits.c.for_job, "numbers")
)
# Holds of jobs at the places where another job writes, if they come before that job's hold.
_HELD_BEFORE = (
    select(
        _theirs.c.number,
        _theirs.c.job_number,
        _theirs.c.data_node_id,
        _theirs.c.mode,
        _theirs.c.place,
        (_mine.c.data_node_id == _theirs.c.data_node_id).label("is_of_one_node"),
    )
    .join(_mine, _is_at_one_place)
    .where(
        _mine.c.job_number == bindparam("of"),
        _mine.c.mode == WRITE,
        any_of(_theirs.c.job_number, "numbers"),
        _theirs.c.number < _mine.c.number,
    )
    .order_by(_theirs.c.number)
)
_FORGET_HOLD = delete(job_holds).where(job_holds.c.number == bindparam("hold"))
_READ_FROM_PASSING = (
    update(job_inputs)
    .where(
        job_inputs.c.job_number == bindparam("of"),
        job_inputs.c.data_node_id == bindparam("node"),
        or_(job_inputs.c.producer.is_(None), ~any_of(job_inputs.c.producer, "numbers")),
    )
    .values(edit_id=None, producer=bindparam("by"))
)
_HOLD_BACK = (
    update(jobs)
    .where(jobs.c.number == bindparam("of"), jobs.c.status == literal_column("'PENDING'"))
    .values(status=next_status(JobStatus.PENDING, JobEvent.HELD_BACK))
    .returning(jobs.c.id, jobs.c.submission_id)
)


@dataclass(frozen=True, slots=True)
class WaitChanges:
    """Waits that each job has lost (negative: gained), and the jobs that are BLOCKED again."""

    removed: Counter[int] = field(default_factory=Counter)
    blocked_again: list[tuple[JobId, SubmissionId]] = field(default_factory=list)


def await_values(
    connection: Connection, missing: Sequence[tuple[int, str]], wait_changes: WaitChanges
) -> None:
    """Make jobs wait for data nodes that have no value and no unfinished writer.

    The holds on their inputs are deleted.

    Args:
        missing: Pairs of a job's number and a data node that it reads.
        wait_changes: The changed waits are added to it.
    """
    notifications.publish(connection, Topic.FILES)
    waits = list(dict.fromkeys(missing))
    connection.execute(
        _ADD_WAITS,
        [
            {"job_number": number, "kind": INPUT, "for_job": None, "for_data_node": node}
            for number, node in waits
        ],
    )
    numbers = list({number for number, _ in waits})
    connection.execute(_FORGET_READS, {"numbers": numbers})
    wait_changes.removed.update(
        connection.execute(_FORGET_WAITS_FOR_READS, {"numbers": numbers}).scalars()
    )
    wait_changes.removed.subtract(number for number, _ in waits)


def provide_values(connection: Connection, nodes: Sequence[str], wait_changes: WaitChanges) -> None:
    """Release the jobs that waited for the first value of data nodes, which now have one.

    Args:
        wait_changes: The changed waits are added to it.
    """
    released = Counter(connection.execute(_RELEASE, {"nodes": nodes}).scalars())
    if not released:
        return
    wait_changes.removed.update(released)
    numbers = list(released)
    connection.execute(_SET_EDIT, {"numbers": numbers, "nodes": nodes})
    for number, position, node_id, storage_type, properties, place in connection.execute(
        _TO_PLACE, {"numbers": numbers}
    ).fetchall():
        if is_replaced_in_place(storage_type, properties):
            _order_read(connection, number, position, node_id, place, wait_changes)


def move_writers_first(
    connection: Connection, nodes: Sequence[str], wait_changes: WaitChanges
) -> None:
    """Move a job that writes an awaited data node before the jobs that wait for the value.

    This is possible where it waits for them only because both write, or one replaces what the other
    reads. If it reads the output of one of them, it stays behind them, and only another writer can
    provide the value.

    Args:
        wait_changes: The changed waits are added to it.
    """
    for number, node_id in connection.execute(_WAITERS, {"nodes": list(nodes)}).fetchall():
        writers = connection.execute(_WRITERS, {"node": node_id, "of": number})
        for writer, *_ in writers.fetchall():
            if _move_writer_before(connection, writer, number, wait_changes):
                break


def _move_writer_before(
    connection: Connection, writer: int, number: int, wait_changes: WaitChanges
) -> bool:
    """Move a writer before a job and all that wait for that job; return whether it precedes it."""
    behind = _find_dependents(connection, number, writer)
    waits = {
        other: kind
        for _, kind, other in connection.execute(_WAITS_OF, {"numbers": [writer]})
        if other in behind
    }
    producers = set(connection.execute(_PRODUCERS, {"of": writer}).scalars())
    if DATA in waits.values() or producers & behind:
        return False
    if not waits:
        return True
    kept = _find_awaited_through(connection, set(waits), behind)
    connection.execute(_FORGET_WAITS, {"of": writer, "numbers": list(waits)})
    wait_changes.removed[writer] += len(waits)
    for other in sorted(kept - {writer}):
        if writer not in _find_all_awaited(connection, other):
            _add_wait(connection, writer, other, wait_changes)
    values = {"of": writer, "numbers": list(behind)}
    for hold in connection.execute(_HELD_BEFORE, values).fetchall():
        other = hold.job_number
        _add_wait(connection, other, writer, wait_changes)
        connection.execute(_FORGET_HOLD, {"hold": hold.number})
        _add_hold(connection, other, hold.data_node_id, hold.mode, hold.place)
        if hold.mode == READ and hold.is_of_one_node:
            connection.execute(
                _READ_FROM_PASSING,
                {"of": other, "node": hold.data_node_id, "by": writer, "numbers": list(behind)},
            )
    return True


def _find_dependents(connection: Connection, number: int, writer: int) -> set[int]:
    """Return a job and its direct and indirect dependents, not following those of the writer."""
    found: set[int] = set()
    to_visit = {number}
    while to_visit:
        found |= to_visit
        followers = connection.execute(_FOLLOWERS, {"numbers": list(to_visit)}).scalars()
        to_visit = set(followers) - found - {writer}
    return found


def _find_awaited_through(connection: Connection, numbers: set[int], through: set[int]) -> set[int]:
    """Return the jobs outside *through* that jobs wait for, directly or by way of *through*."""
    found: set[int] = set()
    seen: set[int] = set()
    while numbers:
        seen |= numbers
        rows = connection.execute(_WAITS_OF, {"numbers": list(numbers)})
        awaited = {other for _, _, other in rows if other != NO_JOB}
        found |= awaited - through
        numbers = (awaited & through) - seen
    return found


def _order_read(
    connection: Connection,
    number: int,
    position: int,
    node_id: str,
    place: str,
    wait_changes: WaitChanges,
) -> None:
    """Order the read of a value that is replaced in place among the writes to its place.

    The read comes after each writer that is running or that the job waits for anyway, and before
    all others. So everything that it waits for can finish, and no cycle of waits arises.
    """
    writers = connection.execute(_WRITERS_AT, {"place": place, "of": number}).fetchall()
    awaited = _find_all_awaited(connection, number) if writers else set()
    before = [
        count
        for count, writer in enumerate(writers, 1)
        if writer.status == JobStatus.RUNNING or writer.job_number in awaited
    ]
    count = before[-1] if before else 0
    _add_hold(connection, number, node_id, READ, place)
    own = [writer.job_number for writer in writers[:count] if writer.data_node_id == node_id]
    if own:
        connection.execute(_READ_FROM, {"of": number, "at": position, "by": own[-1]})
        _add_wait(connection, number, own[-1], wait_changes)
    else:
        connection.execute(_READ_LAST_EDIT, {"of": number, "at": position})
    if count:
        _add_wait(connection, number, writers[count - 1].job_number, wait_changes)
    if count < len(writers):
        _add_wait(connection, writers[count].job_number, number, wait_changes)


def _add_hold(
    connection: Connection, number: int, node_id: str, mode: str, place: str | None
) -> None:
    hold = {"job_number": number, "data_node_id": node_id, "mode": mode, "place": place}
    connection.execute(_ADD_HOLDS, hold)


def _add_wait(connection: Connection, number: int, other: int, wait_changes: WaitChanges) -> None:
    """Make a job wait for another one, unless it already does."""
    if connection.execute(_HAS_WAIT, {"of": number, "by": other}).first() is not None:
        return
    connection.execute(
        _ADD_WAITS,
        {"job_number": number, "kind": ORDER, "for_job": other, "for_data_node": None},
    )
    wait_changes.removed[number] -= 1
    for job_id, submission_id in connection.execute(_HOLD_BACK, {"of": number}):
        wait_changes.blocked_again.append((JobId(job_id), SubmissionId(submission_id)))


def _find_all_awaited(connection: Connection, number: int) -> set[int]:
    """Return all jobs that a job waits for, directly or indirectly."""
    found: set[int] = set()
    to_visit = {number}
    while to_visit:
        rows = connection.execute(_WAITED_FOR, {"numbers": list(to_visit)})
        to_visit = set(rows.scalars()) - found
        found |= to_visit
    return found

"""Output of running jobs so far, stored in the rows that will contain their complete logs."""

from collections.abc import Mapping

from sqlalchemy import Connection, Integer, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from scenarist.db.tables import job_logs, jobs
from scenarist.domain.vocabulary import JobStatus

# Locks the job's row, so that a completion recorded at the same time wins.
_RUNNING = (
    select(
        jobs.c.number,
        bindparam("attempt", type_=Integer).label("attempt"),
        bindparam("log", type_=Text).label("text"),
    )
    .where(
        jobs.c.number == bindparam("of"),
        jobs.c.attempt == bindparam("attempt", type_=Integer),
        jobs.c.status == JobStatus.RUNNING,
    )
    .with_for_update()
)
_NEW = insert_or_update(job_logs).from_select(["job_number", "attempt", "text"], _RUNNING)
_KEEP = _NEW.on_conflict_do_update(
    index_elements=[job_logs.c.job_number, job_logs.c.attempt], set_={"text": _NEW.excluded.text}
)


def store_logs(connection: Connection, outputs: Mapping[tuple[int, int], str]) -> None:
    """Replace the logs of attempts, given by job number and attempt.

    The logs of attempts that are no longer running stay as they are.
    """
    rows = [
        {"of": number, "attempt": attempt, "log": text}
        for (number, attempt), text in sorted(outputs.items())
    ]
    if rows:
        connection.execute(_KEEP, rows)

"""Tables, the same on SQLite and PostgreSQL.

``id`` is the identifier that users see. ``number`` counts rows in the order of creation: lists are
paged by it, and jobs are claimed by it. Times are microseconds since 1970 in UTC.
"""

from scenarist.db.tables.columns import metadata
from scenarist.db.tables.entities import (
    cached_outputs,
    cycles,
    data_nodes,
    edits,
    places,
    scenario_data_nodes,
    scenario_outcomes,
    scenario_tags,
    scenario_tasks,
    scenarios,
    sequence_tasks,
    sequences,
    task_data_nodes,
    tasks,
)
from scenarist.db.tables.events import (
    chores,
    deliveries,
    event_readers,
    events,
    listeners,
    subscribers,
)
from scenarist.db.tables.identities import (
    audit,
    audit_retention,
    credential_changes,
    keys,
    revoked_tokens,
    sessions,
    tries,
    users,
)
from scenarist.db.tables.jobs import (
    holders,
    job_holds,
    job_inputs,
    job_logs,
    job_waits,
    jobs,
    orchestration,
    servers,
    submissions,
)

__all__ = [
    "audit",
    "audit_retention",
    "cached_outputs",
    "chores",
    "credential_changes",
    "cycles",
    "data_nodes",
    "deliveries",
    "edits",
    "event_readers",
    "events",
    "holders",
    "job_holds",
    "job_inputs",
    "job_logs",
    "job_waits",
    "jobs",
    "keys",
    "listeners",
    "metadata",
    "orchestration",
    "places",
    "revoked_tokens",
    "scenario_data_nodes",
    "scenario_outcomes",
    "scenario_tags",
    "scenario_tasks",
    "scenarios",
    "sequence_tasks",
    "sequences",
    "servers",
    "sessions",
    "submissions",
    "subscribers",
    "task_data_nodes",
    "tasks",
    "tries",
    "users",
]

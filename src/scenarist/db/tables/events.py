"""Tables of the event log, its readers, webhooks, and the listeners to commits."""

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    text,
)

from scenarist.db.tables.columns import (
    Count,
    Text,
    TimestampColumn,
    created_at_column,
    id_column,
    metadata,
    number_column,
)

# One row per transaction that changed something: a JSON list of its changes, in order.
events = Table(
    "events",
    metadata,
    number_column(),
    created_at_column(),
    Column("changes", Text, nullable=False),
    sqlite_autoincrement=True,
)

subscribers = Table(
    "subscribers",
    metadata,
    number_column(),
    id_column(),
    Column("entity_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("after_event", Count, nullable=False),  # receives only later events
    Column("is_active", Integer, nullable=False),
    created_at_column(),
    Column("made_by", Text),  # the name of the actor; next, its identity
    Column("made_by_id", Text),
    Column("stopped", Text),  # why it was deactivated, if not by a message that failed
    Index("ix_subscribers_entity_id", "entity_id"),
    Index("ix_subscribers_made_by_id", "made_by_id"),
    sqlite_autoincrement=True,
)

# Undelivered messages. A delivered message is deleted; one that was given up has no due_at.
deliveries = Table(
    "deliveries",
    metadata,
    number_column(),
    id_column(),
    Column("subscriber_id", Text, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False),
    Column("body", Text, nullable=False),
    created_at_column(),
    Column("attempts", Integer, nullable=False),
    Column("due_at", TimestampColumn),
    Column("fault", Text),  # why the last attempt failed
    Index("ix_deliveries_subscriber_id_number", "subscriber_id", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_deliveries_due",
    deliveries.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

# Cursors of readers of the event log that must not miss any event.
event_readers = Table(
    "event_readers",
    metadata,
    Column("name", Text, nullable=False),
    Column("event_number", Count, nullable=False),
    PrimaryKeyConstraint("name"),
)

# Periodic work that one server does for all of them, and when one last began it.
chores = Table(
    "chores",
    metadata,
    Column("name", Text, nullable=False),
    Column("begun_at", TimestampColumn, nullable=False),
    PrimaryKeyConstraint("name"),
)

# On PostgreSQL: the processes that are notified of commits, each on its own channel.
# See db/notify/postgresql.py.
listeners = Table(
    "listeners",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("session", Integer, nullable=False),  # the backend process ID of the session
)

"""What changed, and who is told of it."""

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
    Moment,
    Text,
    created_at_column,
    id_column,
    metadata,
    number_column,
)

# One row for each transaction that changed something: a JSON list of the changes in order.
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
    Column("after_event", Count, nullable=False),  # told only of what happened later
    Column("is_active", Integer, nullable=False),
    created_at_column(),
    Column("made_by", Text),  # the name of the actor, and its identity
    Column("made_by_id", Text),
    Column("stopped", Text),  # why it is told nothing any more, when no message says so
    Index("ix_subscribers_entity_id", "entity_id"),
    Index("ix_subscribers_made_by_id", "made_by_id"),
    sqlite_autoincrement=True,
)

# Messages that have not arrived yet; one that arrived is deleted, one given up is not due again.
deliveries = Table(
    "deliveries",
    metadata,
    number_column(),
    id_column(),
    Column("subscriber_id", Text, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False),
    Column("body", Text, nullable=False),
    created_at_column(),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("fault", Text),  # why the last attempt did not arrive
    Index("ix_deliveries_subscriber_id_number", "subscriber_id", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_deliveries_due",
    deliveries.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)

# How far a reader of the events has come, who may not miss any.
event_readers = Table(
    "event_readers",
    metadata,
    Column("name", Text, nullable=False),
    Column("event_number", Count, nullable=False),
    PrimaryKeyConstraint("name"),
)

# What one of the servers does now and then for all of them, and when one last began to.
chores = Table(
    "chores",
    metadata,
    Column("name", Text, nullable=False),
    Column("begun_at", Moment, nullable=False),
    PrimaryKeyConstraint("name"),
)

# On PostgreSQL: who is told of commits, each on a channel of its own (db/postgresql_bells.py).
listeners = Table(
    "listeners",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("session", Integer, nullable=False),  # the process of PostgreSQL that serves it
)

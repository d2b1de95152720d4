"""Who may come in, and what they did."""

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
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

users = Table(
    "users",
    metadata,
    number_column(),
    Column("name", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", Text),  # none: nobody can sign in with a password kept here
    Column("is_declared", Integer, nullable=False),
    Column("is_password_declared", Integer, nullable=False),
    created_at_column(),
    UniqueConstraint("name", "realm", name="uq_users_name_realm"),
    sqlite_autoincrement=True,
)

# The identifier in a token is hashed, so that nobody who reads the table can make a token.
sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", Text, nullable=False),
    Column("user_number", Count, ForeignKey("users.number", ondelete="CASCADE"), nullable=False),
    created_at_column(),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("id_hash"),
    Index("ix_sessions_user_number", "user_number"),
    Index("ix_sessions_expires_at", "expires_at"),
)

keys = Table(
    "keys",
    metadata,
    number_column(),
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("roles", JSON, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("made_by_id", Text),
    Column("maker_number", Count, ForeignKey("users.number", ondelete="CASCADE")),
    created_at_column(),
    Column("expires_at", Moment, nullable=False),
    Index("ix_keys_maker_number", "maker_number"),
    sqlite_autoincrement=True,
)

# Tokens of an issuer elsewhere that were signed out here, until they expire by themselves.
revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("digest", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest"),
    Index("ix_revoked_tokens_expires_at", "expires_at"),
)

# Tries to sign in that failed, or have not been judged yet, in a stretch of time.
tries = Table(
    "tries",
    metadata,
    Column("who", Text, nullable=False),
    Column("tally", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("who"),
    Index("ix_tries_since", "since"),
)

# One row: how often something was changed that makes a credential good no more. The migrations add
# the triggers that count it.
credential_changes = Table(
    "credential_changes",
    metadata,
    Column("number", Count, primary_key=True, autoincrement=False),
)

# One row: from when on the rows of the audit are kept; the pruning of older ones moves it on.
audit_retention = Table(
    "audit_retention",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kept_from", Moment, nullable=False),
)

# The migrations add triggers: a row can neither be changed, nor deleted before its time is over.
audit = Table(
    "audit",
    metadata,
    number_column(),
    created_at_column(),
    Column("actor", Text),
    Column("actor_id", Text),  # the identity; the name is for people
    Column("key_id", Text),
    Column("address", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("entity_id", Text),
    Column("is_allowed", Integer, nullable=False),
    Column("reason", Text),
    Index("ix_audit_created_at_number", "created_at", "number"),
    Index("ix_audit_actor_created_at_number", "actor", "created_at", "number"),
    Index("ix_audit_key_id_created_at_number", "key_id", "created_at", "number"),
    Index("ix_audit_entity_id_created_at_number", "entity_id", "created_at", "number"),
    Index("ix_audit_operation_created_at_number", "operation", "created_at", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_audit_refused",
    audit.c.created_at,
    audit.c.number,
    sqlite_where=text("is_allowed = 0"),
    postgresql_where=text("is_allowed = 0"),
)

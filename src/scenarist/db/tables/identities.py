"""Tables of users, credentials, sign-in attempts and the audit."""

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
    Text,
    TimestampColumn,
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
    Column("password_hash", Text),  # NULL: no sign-in with a password stored here
    Column("is_declared", Integer, nullable=False),
    Column("is_password_declared", Integer, nullable=False),
    created_at_column(),
    UniqueConstraint("name", "realm", name="uq_users_name_realm"),
    sqlite_autoincrement=True,
)

# Only a hash of the identifier in a token is stored, so that reading the table yields no token.
sessions = Table(
    "sessions",
    metadata,
    Column("id_hash", Text, nullable=False),
    Column("user_number", Count, ForeignKey("users.number", ondelete="CASCADE"), nullable=False),
    created_at_column(),
    Column("expires_at", TimestampColumn, nullable=False),
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
    Column("expires_at", TimestampColumn, nullable=False),
    Index("ix_keys_maker_number", "maker_number"),
    sqlite_autoincrement=True,
)

# Tokens of external issuers that were revoked here by signing out, until they expire.
revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("digest", Text, nullable=False),
    Column("expires_at", TimestampColumn, nullable=False),
    PrimaryKeyConstraint("digest"),
    Index("ix_revoked_tokens_expires_at", "expires_at"),
)

# Sign-in attempts in the present time window that failed or are still being checked.
tries = Table(
    "tries",
    metadata,
    Column("who", Text, nullable=False),
    Column("tally", Integer, nullable=False),
    Column("since", TimestampColumn, nullable=False),
    PrimaryKeyConstraint("who"),
    Index("ix_tries_since", "since"),
)

# One row: a counter of changes that may invalidate a credential. The migrations add the triggers
# that increment it.
credential_changes = Table(
    "credential_changes",
    metadata,
    Column("number", Count, primary_key=True, autoincrement=False),
)

# One row: the time from which audit rows are kept; pruning advances it and deletes older rows.
audit_retention = Table(
    "audit_retention",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kept_from", TimestampColumn, nullable=False),
)

# The migrations add triggers: a row cannot be changed, nor deleted before its retention has passed.
audit = Table(
    "audit",
    metadata,
    number_column(),
    created_at_column(),
    Column("actor", Text),
    Column("actor_id", Text),  # the identity; `actor` is a name for people
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

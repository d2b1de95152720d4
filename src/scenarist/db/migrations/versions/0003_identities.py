"""Users, sessions, keys of machines, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_CHANGES = (
    ("users", "UPDATE"),
    ("users", "DELETE"),
    ("sessions", "DELETE"),
    ("keys", "UPDATE"),
    ("keys", "DELETE"),
    ("revoked_tokens", "INSERT"),
)
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _add_users()
    _add_credentials()
    _add_audit()
    _count_changes()


def _add_users() -> None:
    op.create_table(
        "users",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("realm", _TEXT, nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("password_hash", _TEXT),
        sa.Column("is_declared", sa.Integer(), nullable=False),
        sa.Column("is_password_declared", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_users")),
        sa.UniqueConstraint("name", "realm", name=op.f("uq_users_name_realm")),
        sqlite_autoincrement=True,
    )


def _add_credentials() -> None:
    op.create_table(
        "sessions",
        sa.Column("id_hash", _TEXT, nullable=False),
        sa.Column("user_number", _COUNT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_number"],
            ["users.number"],
            name=op.f("fk_sessions_user_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_sessions")),
    )
    op.create_table(
        "keys",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("secret_hash", _TEXT, nullable=False),
        sa.Column("made_by", _TEXT, nullable=False),
        sa.Column("maker_number", _COUNT),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["maker_number"],
            ["users.number"],
            name=op.f("fk_keys_maker_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_keys")),
        sa.UniqueConstraint("id", name=op.f("uq_keys_id")),
        sa.UniqueConstraint("name", name=op.f("uq_keys_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_revoked_tokens")),
    )
    op.create_table(
        "tries",
        sa.Column("who", _TEXT, nullable=False),
        sa.Column("tally", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", name=op.f("pk_tries")),
    )
    for table, column in (
        ("sessions", "user_number"),
        ("sessions", "expires_at"),
        ("keys", "maker_number"),
        ("revoked_tokens", "expires_at"),
        ("tries", "since"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])


def _add_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("actor", _TEXT),
        sa.Column("key_id", _TEXT),
        sa.Column("address", _TEXT, nullable=False),
        sa.Column("operation", _TEXT, nullable=False),
        sa.Column("entity_id", _TEXT),
        sa.Column("is_allowed", sa.Integer(), nullable=False),
        sa.Column("reason", _TEXT),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    for first in ([], ["actor"], ["key_id"], ["entity_id"], ["operation"]):
        columns = [*first, "created_at", "number"]
        op.create_index(f"ix_audit_{'_'.join(columns)}", "audit", columns)
    op.create_index(
        "ix_audit_refused",
        "audit",
        ["created_at", "number"],
        sqlite_where=sa.text("is_allowed = 0"),
        postgresql_where=sa.text("is_allowed = 0"),
    )
    _keep_audit()


def _count_changes() -> None:
    """Count the changes that may invalidate a credential."""
    op.create_table(
        "credential_changes",
        sa.Column("number", _COUNT, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_credential_changes")),
    )
    op.execute("INSERT INTO credential_changes (number) VALUES (0)")
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    count = "UPDATE credential_changes SET number = number + 1"
    if not is_sqlite:
        op.execute(
            "CREATE FUNCTION count_credential_changes() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {count}; RETURN NULL; END $$"
        )
    for table, verb in _CHANGES:
        trigger = f"CREATE TRIGGER {table}_{verb.lower()}_counts AFTER {verb} ON {table} "
        if is_sqlite:
            op.execute(f"{trigger} BEGIN {count}; END")
        else:
            op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION count_credential_changes()")


def _keep_audit() -> None:
    """Protect the rows against accidental changes and deletions."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_keeps_on_{verb.lower()} BEFORE {verb} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_keeps() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is only added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_keeps()"
    )

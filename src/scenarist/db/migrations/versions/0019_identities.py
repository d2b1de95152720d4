"""Identities of actors, owners of webhooks, and the retention of the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COLUMNS = (
    ("edits", "author"),
    ("edits", "author_id"),
    ("data_nodes", "lock_holder"),
    ("data_nodes", "lock_holder_id"),
    ("audit", "actor_id"),
    ("keys", "made_by_id"),
    ("subscribers", "made_by"),
    ("subscribers", "made_by_id"),
    ("subscribers", "stopped"),
)
_IS_KEPT = "OLD.created_at >= (SELECT kept_from FROM audit_retention)"


def upgrade() -> None:
    for table, column in _COLUMNS:
        op.add_column(table, sa.Column(column, _TEXT))
    op.create_index("ix_subscribers_made_by_id", "subscribers", ["made_by_id"])
    op.create_table(
        "audit_retention",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kept_from", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_retention")),
    )
    op.execute("INSERT INTO audit_retention (number, kept_from) VALUES (0, 0)")
    _let_old_rows_go()


def _let_old_rows_go() -> None:
    """Allow deleting only rows that are older than the retention."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_keeps_on_delete")
        op.execute(
            f"CREATE TRIGGER audit_keeps_on_delete BEFORE DELETE ON audit WHEN {_IS_KEPT} "
            "BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION audit_keeps() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'DELETE' AND NOT ({_IS_KEPT}) THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'the audit is only added to'; END $$"
    )

"""Versions of the application: of edits, as a filter of lists, and of the connected processes."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("edits", sa.Column("version", _TEXT))
    for table in ("sequences", "tasks", "data_nodes", "submissions", "jobs"):
        op.create_index(f"ix_{table}_version_number", table, ["version", "number"])
    op.create_index(
        "ix_scenarios_version_created_at_number", "scenarios", ["version", "created_at", "number"]
    )
    op.create_table(
        "servers",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.Column("process", _TEXT, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
    )

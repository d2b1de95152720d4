"""Submissions that are paused, and the orchestration of all jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_CLAIMABLE = "status = 'PENDING' AND paused_at IS NULL"


def upgrade() -> None:
    op.add_column("submissions", sa.Column("paused_at", sa.BigInteger()))
    op.add_column("jobs", sa.Column("paused_at", sa.BigInteger()))
    op.drop_index("ix_jobs_pending", "jobs")
    op.create_index(
        "ix_jobs_pending",
        "jobs",
        [sa.text("priority DESC"), "number"],
        sqlite_where=sa.text(_CLAIMABLE),
        postgresql_where=sa.text(_CLAIMABLE),
    )
    op.create_table(
        "orchestration",
        sa.Column("paused_at", sa.BigInteger()),
        sa.Column("paused_by", _TEXT),
    )
    op.execute("INSERT INTO orchestration (paused_at, paused_by) VALUES (NULL, NULL)")

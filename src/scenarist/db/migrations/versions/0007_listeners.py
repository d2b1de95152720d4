"""Listeners: the processes that are notified of the commits of others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "listeners",
        sa.Column("channel", sa.Text().with_variant(sa.Text(collation="C"), "postgresql")),
        sa.Column("session", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_listeners"),
    )

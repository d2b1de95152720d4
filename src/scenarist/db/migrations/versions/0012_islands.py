"""How often a task runs again after a loss, and whether its jobs have processes of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column(
        "tasks",
        sa.Column("retries_after_loss", sa.Integer(), server_default=sa.text("2"), nullable=False),
    )
    op.add_column(
        "tasks", sa.Column("fresh", sa.Boolean(), server_default=sa.false(), nullable=False)
    )

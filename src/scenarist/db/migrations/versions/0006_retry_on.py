"""The exceptions after which a task is retried."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "tasks", sa.Column("retry_on", sa.JSON(), server_default=sa.text("'[]'"), nullable=False)
    )

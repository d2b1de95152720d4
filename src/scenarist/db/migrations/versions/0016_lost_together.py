"""A counter of attempts that were lost together with all that ran beside them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("lost_together", sa.Integer(), nullable=False, server_default="0")
    )

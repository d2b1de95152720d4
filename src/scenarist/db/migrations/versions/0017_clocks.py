"""Retries whose delay ends when the clock is set back."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("waits_after", sa.BigInteger()))

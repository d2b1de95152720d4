"""Since when each job may run, so that its wait for a worker can be measured."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("pending_since", sa.BigInteger()))

"""From when each job may run, so that how long it waits for a worker can be told."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("pending_since", sa.BigInteger()))

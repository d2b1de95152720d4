"""The span that a submission was made in, so that its jobs are in the same trace."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "submissions",
        sa.Column("traceparent", sa.Text().with_variant(sa.Text(collation="C"), "postgresql")),
    )

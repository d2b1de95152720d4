"""The leases of orchestrators."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "holders",
        sa.Column("id", _TEXT),
        sa.Column("process", _TEXT, nullable=False),
        sa.Column("lease", sa.Float(), nullable=False),
        sa.Column("renewals", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("renewed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_holders"),
    )

"""Indexes for PostgreSQL: the rows of an owner in the order of their creation."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table, column in (("deliveries", "subscriber_id"), ("jobs", "submission_id")):
        op.drop_index(f"ix_{table}_{column}", table)
        op.create_index(f"ix_{table}_{column}_number", table, [column, "number"])

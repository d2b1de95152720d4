"""What PostgreSQL does not find by itself: the rows of one owner in the order of their making."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for table, column in (("deliveries", "subscriber_id"), ("jobs", "submission_id")):
        op.drop_index(f"ix_{table}_{column}", table)
        op.create_index(f"ix_{table}_{column}_number", table, [column, "number"])

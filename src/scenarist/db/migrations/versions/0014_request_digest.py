"""Idempotency keys belong to their actor, and to one request."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("submissions", sa.Column("request_digest", _TEXT))

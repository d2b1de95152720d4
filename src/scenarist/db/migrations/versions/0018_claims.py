"""Write claims of workers, separate from the locks of editors."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_IS_CLAIMED = "claimed_by IS NOT NULL"


def upgrade() -> None:
    op.add_column("data_nodes", sa.Column("claimed_by", _TEXT))
    op.add_column("data_nodes", sa.Column("claimed_until", sa.BigInteger()))
    op.create_index(
        "ix_data_nodes_claimed",
        "data_nodes",
        ["claimed_until"],
        sqlite_where=sa.text(_IS_CLAIMED),
        postgresql_where=sa.text(_IS_CLAIMED),
    )

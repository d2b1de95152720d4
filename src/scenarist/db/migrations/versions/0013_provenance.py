"""The provenance of values, and the state of the file that a user named."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("edits", sa.Column("stamp", _TEXT))
    op.add_column("edits", sa.Column("made_of", _TEXT))

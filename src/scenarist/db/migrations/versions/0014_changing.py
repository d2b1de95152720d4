"""Applications that change: the code of jobs, the places of values, the wiring of tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_OWNER = "coalesce(owner_id, '')"
_HAS_PLACE = "place IS NOT NULL"


def upgrade() -> None:
    op.add_column("data_nodes", sa.Column("declaration", _TEXT))
    op.add_column("data_nodes", sa.Column("place", _TEXT))
    op.add_column("edits", sa.Column("kept_as", sa.JSON()))
    op.add_column("edits", sa.Column("code_digest", _TEXT))
    op.add_column("jobs", sa.Column("function", _TEXT))
    op.add_column("jobs", sa.Column("code_digest", _TEXT))
    op.add_column("tasks", sa.Column("wiring", _TEXT, nullable=False, server_default=""))
    op.drop_index("uq_tasks_config_id_owner_id", "tasks")
    op.create_index(
        "uq_tasks_config_id_owner_id_wiring",
        "tasks",
        ["config_id", sa.text(_OWNER), "wiring"],
        unique=True,
    )
    op.add_column("job_holds", sa.Column("place", _TEXT))
    op.execute("UPDATE job_holds SET place = data_node_id")
    op.create_index(
        "ix_job_holds_place_number",
        "job_holds",
        ["place", "number"],
        sqlite_where=sa.text(_HAS_PLACE),
        postgresql_where=sa.text(_HAS_PLACE),
    )
    op.create_table(
        "places",
        sa.Column("place", _TEXT),
        sa.Column("edit_id", _TEXT, nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_places"),
    )

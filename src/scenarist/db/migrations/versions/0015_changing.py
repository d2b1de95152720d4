"""Applications that change: the code of jobs, the places of values, the wiring of tasks."""

import json
from hashlib import blake2b
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

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
    _fill_in_wiring()
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
        sa.Column("stamp", _TEXT),
        sa.PrimaryKeyConstraint("place", name="pk_places"),
    )


def _fill_in_wiring() -> None:
    """Record what tasks are made of: config ids and scopes of inputs and outputs, in order."""
    connection = op.get_bind()
    ends = connection.execute(
        sa.text(
            "SELECT t.number, e.direction, d.config_id, d.scope FROM tasks t"
            " LEFT JOIN task_data_nodes e ON e.task_id = t.id"
            " LEFT JOIN data_nodes d ON d.id = e.data_node_id"
            " ORDER BY t.number, e.position"
        )
    )
    rows = []
    for number, group in groupby(ends.fetchall(), key=lambda row: row.number):
        wired = [(row.direction, [row.config_id, row.scope]) for row in group if row.direction]
        parts = [[end for to, end in wired if to == way] for way in ("INPUT", "OUTPUT")]
        digest = blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()
        rows.append({"of": number, "wiring": digest})
    if rows:
        connection.execute(sa.text("UPDATE tasks SET wiring = :wiring WHERE number = :of"), rows)

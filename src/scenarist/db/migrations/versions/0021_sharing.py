"""Forks of scenarios, edits that share the bytes of others, and the cache of outputs."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("scenarios", sa.Column("forked_from", _TEXT))
    op.add_column("edits", sa.Column("shared_from", _TEXT))
    for name, table, columns in (
        (
            "ix_scenarios_forked_from_created_at_number",
            "scenarios",
            ["forked_from", "created_at", "number"],
        ),
        ("ix_edits_shared_from", "edits", ["shared_from"]),
    ):
        is_there = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, table, columns, sqlite_where=is_there, postgresql_where=is_there)
    op.add_column("jobs", sa.Column("cache_key", _TEXT))
    op.add_column("jobs", sa.Column("cached_from", _TEXT))
    is_running = sa.text("status = 'RUNNING' AND cache_key IS NOT NULL")
    op.create_index(
        "ix_jobs_cache_key",
        "jobs",
        ["cache_key"],
        sqlite_where=is_running,
        postgresql_where=is_running,
    )
    op.create_table(
        "cached_outputs",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stored_for", _TEXT, nullable=False),
        sa.Column("job_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", "position", name=op.f("pk_cached_outputs")),
    )

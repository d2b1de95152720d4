"""Lists by date and status, tags, locks, cancelling and retrying, events and subscribers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = "status IN ('BLOCKED', 'PENDING')"
_ENDED = "status IN ('COMPLETED', 'FAILED', 'CANCELED', 'SKIPPED', 'ABANDONED')"
_BY_DATE = ("cycles", "scenarios", "data_nodes", "tasks", "sequences", "submissions", "jobs")


def upgrade() -> None:
    _add_columns()
    _add_indexes()
    _add_tags()
    _add_events()


def _add_columns() -> None:
    op.drop_index("ix_scenarios_config_id_number", "scenarios")
    op.drop_column("scenarios", "tags")  # nothing could set a tag so far
    op.add_column(
        "cycles", sa.Column("properties", sa.JSON(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("data_nodes", sa.Column("locked_by", _TEXT))
    op.add_column("data_nodes", sa.Column("locked_until", sa.BigInteger()))
    op.add_column("submissions", sa.Column("retry_of", _TEXT))
    op.add_column("jobs", sa.Column("cancel_requested_at", sa.BigInteger()))


def _add_indexes() -> None:
    for table in _BY_DATE:
        op.create_index(f"ix_{table}_created_at_number", table, ["created_at", "number"])
    for table, *columns in (
        ("scenarios", "config_id", "created_at", "number"),
        ("scenarios", "cycle_id", "created_at", "number"),
        ("scenarios", "is_primary", "created_at", "number"),
        ("cycles", "frequency", "created_at", "number"),
        ("data_nodes", "config_id", "number"),
        ("data_nodes", "scope", "number"),
        ("data_nodes", "storage_type", "number"),
        ("tasks", "config_id", "number"),
        ("sequences", "scenario_id", "number"),
        ("sequences", "name", "number"),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, columns)
    op.create_index(
        "ix_scenarios_name_number", "scenarios", [sa.text("coalesce(name, '')"), "number"]
    )
    op.drop_index("ix_jobs_blocked", "jobs")
    for name, table, columns, condition in (
        ("ix_edits_of_jobs", "edits", ["data_node_id", "id"], "job_id IS NOT NULL"),
        ("ix_data_nodes_locked", "data_nodes", ["locked_until"], "locked_by IS NOT NULL"),
        ("ix_submissions_ended", "submissions", ["status", "number"], "status IS NOT NULL"),
        ("ix_jobs_waiting", "jobs", ["status", "number"], _WAITING),
        ("ix_jobs_ended", "jobs", ["status", "number"], _ENDED),
    ):
        op.create_index(
            name,
            table,
            columns,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def _add_tags() -> None:
    op.create_table(
        "scenario_tags",
        sa.Column("scenario_id", _TEXT, nullable=False),
        sa.Column("tag", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("number", _COUNT, nullable=False),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["scenarios.id"],
            name=op.f("fk_scenario_tags_scenario_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scenario_id", "tag", name=op.f("pk_scenario_tags")),
    )
    op.create_index(
        "ix_scenario_tags_tag_created_at_number", "scenario_tags", ["tag", "created_at", "number"]
    )


def _add_events() -> None:
    op.create_table(
        "events",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changes", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscribers",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("entity_id", _TEXT, nullable=False),
        sa.Column("url", _TEXT, nullable=False),
        sa.Column("secret", _TEXT, nullable=False),
        sa.Column("after_event", _COUNT, nullable=False),
        sa.Column("is_active", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("id", name=op.f("uq_subscribers_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_entity_id", "subscribers", ["entity_id"])
    op.create_table(
        "deliveries",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("subscriber_id", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("fault", _TEXT),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_deliveries_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("id", name=op.f("uq_deliveries_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_subscriber_id", "deliveries", ["subscriber_id"])
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "event_readers",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("event_number", _COUNT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_readers")),
    )

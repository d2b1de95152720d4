"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "cycles",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("frequency", _TEXT, nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_cycles")),
        sa.UniqueConstraint("frequency", "start_at", name=op.f("uq_cycles_frequency_start_at")),
        sa.UniqueConstraint("id", name=op.f("uq_cycles_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "data_nodes",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("config_id", _TEXT, nullable=False),
        sa.Column("owner_id", _TEXT, nullable=True),
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("storage_type", _TEXT, nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("validity_seconds", sa.Float(), nullable=True),
        sa.Column("last_edit_id", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_data_nodes")),
        sa.UniqueConstraint("id", name=op.f("uq_data_nodes_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_data_nodes_owner_id", "data_nodes", ["owner_id"], unique=False)
    op.create_table(
        "submissions",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("entity_id", _TEXT, nullable=False),
        sa.Column("entity_type", _TEXT, nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("idempotency_key", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("status", _TEXT, nullable=True),
        sa.Column("unfinished", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("canceled", sa.Integer(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_submissions")),
        sa.UniqueConstraint("id", name=op.f("uq_submissions_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_submissions_idempotency_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_submissions_entity_id_number", "submissions", ["entity_id", "number"], unique=False
    )
    op.create_index(
        "ix_submissions_under_way",
        "submissions",
        ["number"],
        unique=False,
        sqlite_where=sa.text("status IS NULL"),
        postgresql_where=sa.text("status IS NULL"),
    )
    op.create_table(
        "tasks",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("config_id", _TEXT, nullable=False),
        sa.Column("owner_id", _TEXT, nullable=True),
        sa.Column("function", _TEXT, nullable=False),
        sa.Column("skippable", sa.Boolean(), nullable=False),
        sa.Column("timeout_seconds", sa.Float(), nullable=True),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("retry_delay_seconds", sa.Float(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tasks")),
        sa.UniqueConstraint("id", name=op.f("uq_tasks_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tasks_owner_id", "tasks", ["owner_id"], unique=False)
    op.create_table(
        "edits",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", _TEXT, nullable=True),
        sa.Column("actor", _TEXT, nullable=True),
        sa.Column("comment", _TEXT, nullable=True),
        sa.Column("uri", _TEXT, nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("digest", _TEXT, nullable=True),
        sa.Column("python_type", _TEXT, nullable=True),
        sa.Column("rendition", _TEXT, nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["data_node_id"],
            ["data_nodes.id"],
            name=op.f("fk_edits_data_node_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edits")),
    )
    op.create_index("ix_edits_data_node_id_id", "edits", ["data_node_id", "id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("number", _COUNT, autoincrement=False, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("task_id", _TEXT, nullable=False),
        sa.Column("submission_id", _TEXT, nullable=False),
        sa.Column("submit_entity_id", _TEXT, nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("force", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("lost", sa.Integer(), nullable=False),
        sa.Column("holder_id", _TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("run_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("stacktrace", _TEXT, nullable=True),
        sa.Column("reason", _TEXT, nullable=True),
        sa.Column("version", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_jobs_submission_id")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
    )
    op.create_index(
        "ix_jobs_blocked",
        "jobs",
        ["number"],
        unique=False,
        sqlite_where=sa.text("status = 'BLOCKED'"),
        postgresql_where=sa.text("status = 'BLOCKED'"),
    )
    op.create_index(
        "ix_jobs_pending",
        "jobs",
        [sa.literal_column("priority DESC"), "number"],
        unique=False,
        sqlite_where=sa.text("status = 'PENDING'"),
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_index(
        "ix_jobs_running",
        "jobs",
        ["holder_id"],
        unique=False,
        sqlite_where=sa.text("status = 'RUNNING'"),
        postgresql_where=sa.text("status = 'RUNNING'"),
    )
    op.create_index("ix_jobs_submission_id", "jobs", ["submission_id"], unique=False)
    op.create_index("ix_jobs_task_id_number", "jobs", ["task_id", "number"], unique=False)
    op.create_table(
        "scenarios",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("config_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=True),
        sa.Column("cycle_id", _TEXT, nullable=True),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(["cycle_id"], ["cycles.id"], name=op.f("fk_scenarios_cycle_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_scenarios")),
        sa.UniqueConstraint("id", name=op.f("uq_scenarios_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_scenarios_config_id_number", "scenarios", ["config_id", "number"], unique=False
    )
    op.create_index(
        "uq_scenarios_primary",
        "scenarios",
        ["cycle_id"],
        unique=True,
        sqlite_where=sa.text("is_primary"),
        postgresql_where=sa.text("is_primary"),
    )
    op.create_table(
        "task_data_nodes",
        sa.Column("task_id", _TEXT, nullable=False),
        sa.Column("direction", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["data_node_id"], ["data_nodes.id"], name=op.f("fk_task_data_nodes_data_node_id")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_task_data_nodes_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "task_id", "direction", "position", name=op.f("pk_task_data_nodes")
        ),
    )
    op.create_index(
        "ix_task_data_nodes_data_node_id", "task_data_nodes", ["data_node_id"], unique=False
    )
    op.create_table(
        "job_holds",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("job_number", _COUNT, nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.Column("mode", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_number"],
            ["jobs.number"],
            name=op.f("fk_job_holds_job_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_job_holds")),
    )
    op.create_index(
        "ix_job_holds_data_node_id_number", "job_holds", ["data_node_id", "number"], unique=False
    )
    op.create_index("ix_job_holds_job_number", "job_holds", ["job_number"], unique=False)
    op.create_table(
        "job_inputs",
        sa.Column("job_number", _COUNT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.Column("edit_id", _TEXT, nullable=True),
        sa.Column("producer", _COUNT, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_number"],
            ["jobs.number"],
            name=op.f("fk_job_inputs_job_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_number", "position", name=op.f("pk_job_inputs")),
    )
    op.create_index(
        "ix_job_inputs_producer",
        "job_inputs",
        ["producer"],
        unique=False,
        sqlite_where=sa.text("producer IS NOT NULL"),
        postgresql_where=sa.text("producer IS NOT NULL"),
    )
    op.create_table(
        "job_logs",
        sa.Column("job_number", _COUNT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("text", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_number"], ["jobs.number"], name=op.f("fk_job_logs_job_number"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_number", "attempt", name=op.f("pk_job_logs")),
    )
    op.create_table(
        "job_waits",
        sa.Column("job_number", _COUNT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("for_job", _COUNT, nullable=True),
        sa.Column("for_data_node", _TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["job_number"],
            ["jobs.number"],
            name=op.f("fk_job_waits_job_number"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_job_waits_for_data_node",
        "job_waits",
        ["for_data_node"],
        unique=False,
        sqlite_where=sa.text("for_data_node IS NOT NULL"),
        postgresql_where=sa.text("for_data_node IS NOT NULL"),
    )
    op.create_index(
        "ix_job_waits_for_job",
        "job_waits",
        ["for_job"],
        unique=False,
        sqlite_where=sa.text("for_job IS NOT NULL"),
        postgresql_where=sa.text("for_job IS NOT NULL"),
    )
    op.create_index("ix_job_waits_job_number", "job_waits", ["job_number"], unique=False)
    op.create_table(
        "scenario_data_nodes",
        sa.Column("scenario_id", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["data_node_id"], ["data_nodes.id"], name=op.f("fk_scenario_data_nodes_data_node_id")
        ),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["scenarios.id"],
            name=op.f("fk_scenario_data_nodes_scenario_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scenario_id", "position", name=op.f("pk_scenario_data_nodes")),
    )
    op.create_index(
        "ix_scenario_data_nodes_data_node_id", "scenario_data_nodes", ["data_node_id"], unique=False
    )
    op.create_table(
        "scenario_tasks",
        sa.Column("scenario_id", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("task_id", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["scenarios.id"],
            name=op.f("fk_scenario_tasks_scenario_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_scenario_tasks_task_id")),
        sa.PrimaryKeyConstraint("scenario_id", "position", name=op.f("pk_scenario_tasks")),
    )
    op.create_index("ix_scenario_tasks_task_id", "scenario_tasks", ["task_id"], unique=False)
    op.create_table(
        "sequences",
        sa.Column("number", _COUNT, autoincrement=True, nullable=False),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("scenario_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["scenarios.id"],
            name=op.f("fk_sequences_scenario_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sequences")),
        sa.UniqueConstraint("id", name=op.f("uq_sequences_id")),
        sa.UniqueConstraint("scenario_id", "name", name=op.f("uq_sequences_scenario_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sequence_tasks",
        sa.Column("sequence_id", _TEXT, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("task_id", _TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["sequence_id"],
            ["sequences.id"],
            name=op.f("fk_sequence_tasks_sequence_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_sequence_tasks_task_id")),
        sa.PrimaryKeyConstraint("sequence_id", "position", name=op.f("pk_sequence_tasks")),
    )
    op.create_index("ix_sequence_tasks_task_id", "sequence_tasks", ["task_id"], unique=False)
    op.create_index(
        "uq_data_nodes_config_id_owner_id",
        "data_nodes",
        ["config_id", sa.text("coalesce(owner_id, '')")],
        unique=True,
    )

    op.create_index(
        "uq_tasks_config_id_owner_id",
        "tasks",
        ["config_id", sa.text("coalesce(owner_id, '')")],
        unique=True,
    )

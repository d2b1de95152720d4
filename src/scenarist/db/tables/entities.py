"""Tables of scenarios, cycles, sequences, tasks, data nodes and edits."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    func,
    text,
)

from scenarist.db.tables.columns import (
    Count,
    Seconds,
    Text,
    TimestampColumn,
    created_at_column,
    id_column,
    metadata,
    number_column,
    properties_column,
    version_column,
)
from scenarist.domain.outcomes import LIMIT

cycles = Table(
    "cycles",
    metadata,
    number_column(),
    id_column(),
    Column("name", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("start_at", TimestampColumn, nullable=False),
    Column("end_at", TimestampColumn, nullable=False),
    created_at_column(),
    Column("properties", JSON, nullable=False, server_default=text("'{}'")),
    UniqueConstraint("frequency", "start_at"),
    Index("ix_cycles_created_at_number", "created_at", "number"),
    Index("ix_cycles_frequency_created_at_number", "frequency", "created_at", "number"),
    sqlite_autoincrement=True,
)

scenarios = Table(
    "scenarios",
    metadata,
    number_column(),
    id_column(),
    Column("config_id", Text, nullable=False),
    Column("name", Text),
    Column("cycle_id", Text, ForeignKey("cycles.id")),
    Column("is_primary", Boolean(create_constraint=False), nullable=False),
    properties_column(),
    created_at_column(),
    version_column(),
    Column("forked_from", Text),  # the scenario that it was forked from, which may be deleted
    # What a search looks through: name, tags and identifier (domain/searching.py).
    Column("searched_text", Text, nullable=False, server_default=text("''")),
    # Creation dates may be chosen by clients, so their order is not that of the numbers.
    Index("ix_scenarios_created_at_number", "created_at", "number"),
    Index("ix_scenarios_config_id_created_at_number", "config_id", "created_at", "number"),
    Index("ix_scenarios_cycle_id_created_at_number", "cycle_id", "created_at", "number"),
    Index("ix_scenarios_is_primary_created_at_number", "is_primary", "created_at", "number"),
    Index("ix_scenarios_version_created_at_number", "version", "created_at", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_scenarios_forked_from_created_at_number",
    scenarios.c.forked_from,
    scenarios.c.created_at,
    scenarios.c.number,
    sqlite_where=text("forked_from IS NOT NULL"),
    postgresql_where=text("forked_from IS NOT NULL"),
)
Index("ix_scenarios_name_number", func.coalesce(scenarios.c.name, text("''")), scenarios.c.number)
Index(
    "uq_scenarios_primary",
    scenarios.c.cycle_id,
    unique=True,
    sqlite_where=text("is_primary"),
    postgresql_where=text("is_primary"),
)

# created_at and number repeat the scenario's, so that the scenarios of a tag are indexed in order.
scenario_tags = Table(
    "scenario_tags",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("tag", Text, nullable=False),
    created_at_column(),
    Column("number", Count, nullable=False),
    PrimaryKeyConstraint("scenario_id", "tag"),
    Index("ix_scenario_tags_tag_created_at_number", "tag", "created_at", "number"),
)

data_nodes = Table(
    "data_nodes",
    metadata,
    number_column(),
    id_column(),
    Column("config_id", Text, nullable=False),
    Column("owner_id", Text),
    Column("scope", Text, nullable=False),
    Column("storage_type", Text, nullable=False),
    properties_column(),
    Column("validity_seconds", Seconds),
    Column("last_edit_id", Text),
    created_at_column(),
    version_column(),
    Column("locked_by", Text),  # the editor that has locked it
    Column("locked_until", TimestampColumn),
    Column("lock_holder", Text),  # the name of the actor with the lock; next, its identity
    Column("lock_holder_id", Text),
    Column("claimed_by", Text),  # the editor for whom a worker writes it
    Column("claimed_until", TimestampColumn),
    Column("declaration", Text),  # a digest of its declaration
    Column("place", Text),  # a digest of where its value is replaced in place
    Index("ix_data_nodes_owner_id", "owner_id"),
    Index("ix_data_nodes_created_at_number", "created_at", "number"),
    Index("ix_data_nodes_config_id_number", "config_id", "number"),
    Index("ix_data_nodes_scope_number", "scope", "number"),
    Index("ix_data_nodes_storage_type_number", "storage_type", "number"),
    Index("ix_data_nodes_version_number", "version", "number"),
    sqlite_autoincrement=True,
)
Index(
    "ix_data_nodes_locked",
    data_nodes.c.locked_until,
    sqlite_where=text("locked_by IS NOT NULL"),
    postgresql_where=text("locked_by IS NOT NULL"),
)
Index(
    "ix_data_nodes_claimed",
    data_nodes.c.claimed_until,
    sqlite_where=text("claimed_by IS NOT NULL"),
    postgresql_where=text("claimed_by IS NOT NULL"),
)
Index(
    "uq_data_nodes_config_id_owner_id",
    data_nodes.c.config_id,
    func.coalesce(data_nodes.c.owner_id, text("''")),
    unique=True,
)

edits = Table(
    "edits",
    metadata,
    Column("id", Text, primary_key=True),
    Column("data_node_id", Text, ForeignKey("data_nodes.id", ondelete="CASCADE"), nullable=False),
    created_at_column(),
    Column("job_id", Text),
    Column("actor", Text),  # the editor, as given by the client
    Column("comment", Text),
    Column("uri", Text),
    Column("content", LargeBinary),
    Column("size", BigInteger),
    Column("digest", Text),
    Column("python_type", Text),
    Column("rendition", Text),
    Column("is_complete", Boolean(create_constraint=False), nullable=False),
    Column("kept_as", JSON(none_as_null=True)),  # how to read it, if the data node has moved since
    Column("code_digest", Text),  # of the code that made it
    Column("stamp", Text),  # of a file that the user named: see storage/files/named.py
    Column("author", Text),  # the name of the actor that wrote it; next, its identity
    Column("author_id", Text),
    Column("made_of", Text),  # digests of tasks and the edits that they read: domain/freshness.py
    Column("version", Text),  # of the application that wrote it; NULL if another program did
    Column("shared_from", Text),  # the edit whose bytes it shares, which may be deleted
    Column("figures", JSON(none_as_null=True)),  # numbers or reasons, by JSON Pointer
    Index("ix_edits_data_node_id_id", "data_node_id", "id"),
)
Index(
    "ix_edits_of_jobs",
    edits.c.data_node_id,
    edits.c.id,
    sqlite_where=text("job_id IS NOT NULL"),
    postgresql_where=text("job_id IS NOT NULL"),
)
Index(
    "ix_edits_shared_from",
    edits.c.shared_from,
    sqlite_where=text("shared_from IS NOT NULL"),
    postgresql_where=text("shared_from IS NOT NULL"),
)

# The outputs that the last job with a cache key has computed, in order; see docs/decisions/0114.
cached_outputs = Table(
    "cached_outputs",
    metadata,
    Column("key", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("stored_for", Text, nullable=False),  # the edit whose bytes they are
    Column("job_id", Text, nullable=False),
    PrimaryKeyConstraint("key", "position"),
)

# The last write, by a job or over REST, to each place that several data nodes may share. The row is
# deleted when another program is found to have written there since.
places = Table(
    "places",
    metadata,
    Column("place", Text, primary_key=True),
    Column("edit_id", Text, nullable=False),
    Column("data_node_id", Text, nullable=False),
    Column("stamp", Text),  # of the file, where it is one
)

tasks = Table(
    "tasks",
    metadata,
    number_column(),
    id_column(),
    Column("config_id", Text, nullable=False),
    Column("owner_id", Text),
    Column("function", Text, nullable=False),
    Column("skippable", Boolean(create_constraint=False), nullable=False),
    Column("timeout_seconds", Seconds),
    Column("retries", Integer, nullable=False),
    Column("retry_delay_seconds", Seconds, nullable=False),
    properties_column(),
    created_at_column(),
    version_column(),
    Column(
        "retry_on", JSON, nullable=False, server_default=text("'[]'")
    ),  # names of exceptions; empty means all
    Column("retries_after_loss", Integer, nullable=False, server_default=text("2")),
    Column("fresh", Boolean(create_constraint=False), nullable=False, server_default=false()),
    # A digest of what it reads and writes, so that a shared task that is later declared with other
    # data nodes becomes a different task.
    Column("wiring", Text, nullable=False, server_default=text("''")),
    Index("ix_tasks_owner_id", "owner_id"),
    Index("ix_tasks_created_at_number", "created_at", "number"),
    Index("ix_tasks_config_id_number", "config_id", "number"),
    Index("ix_tasks_version_number", "version", "number"),
    sqlite_autoincrement=True,
)
Index(
    "uq_tasks_config_id_owner_id_wiring",
    tasks.c.config_id,
    func.coalesce(tasks.c.owner_id, text("''")),
    tasks.c.wiring,
    unique=True,
)

task_data_nodes = Table(
    "task_data_nodes",
    metadata,
    Column("task_id", Text, ForeignKey("tasks.id", ondelete="CASCADE"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, ForeignKey("data_nodes.id"), nullable=False),
    PrimaryKeyConstraint("task_id", "direction", "position"),
    # With the direction: among all tasks that use a data node, few write it.
    Index("ix_task_data_nodes_data_node_id_direction", "data_node_id", "direction"),
)

scenario_tasks = Table(
    "scenario_tasks",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    PrimaryKeyConstraint("scenario_id", "position"),
    Index("ix_scenario_tasks_task_id", "task_id"),
)

scenario_data_nodes = Table(
    "scenario_data_nodes",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("data_node_id", Text, ForeignKey("data_nodes.id"), nullable=False),
    PrimaryKeyConstraint("scenario_id", "position"),
    Index("ix_scenario_data_nodes_data_node_id", "data_node_id"),
)

# The present number of each outcome of each scenario, as taken from an edit; config_id and number
# repeat the scenario's, so that the scenarios of a config are indexed in the order of an outcome.
scenario_outcomes = Table(
    "scenario_outcomes",
    metadata,
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("config_id", Text, nullable=False),
    Column("number", Count, nullable=False),
    Column("data_node_id", Text, ForeignKey("data_nodes.id", ondelete="CASCADE"), nullable=False),
    Column("pointer", Text, nullable=False),
    Column("value", Double),
    Column("reason", Text),  # why there is no value
    Column("edit_id", Text),  # of which value; NULL if the data node had none
    PrimaryKeyConstraint("scenario_id", "name"),
    Index("ix_scenario_outcomes_data_node_id", "data_node_id"),
)
# Scenarios without a value come last in both directions.
Index(
    "ix_scenario_outcomes_ascending",
    scenario_outcomes.c.config_id,
    scenario_outcomes.c.name,
    func.coalesce(scenario_outcomes.c.value, text(repr(LIMIT))),
    scenario_outcomes.c.number,
)
Index(
    "ix_scenario_outcomes_descending",
    scenario_outcomes.c.config_id,
    scenario_outcomes.c.name,
    func.coalesce(scenario_outcomes.c.value, text(repr(-LIMIT))),
    scenario_outcomes.c.number,
)

sequences = Table(
    "sequences",
    metadata,
    number_column(),
    id_column(),
    Column("scenario_id", Text, ForeignKey("scenarios.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    properties_column(),
    created_at_column(),
    version_column(),
    UniqueConstraint("scenario_id", "name"),
    Index("ix_sequences_created_at_number", "created_at", "number"),
    Index("ix_sequences_scenario_id_number", "scenario_id", "number"),
    Index("ix_sequences_name_number", "name", "number"),
    Index("ix_sequences_version_number", "version", "number"),
    sqlite_autoincrement=True,
)

sequence_tasks = Table(
    "sequence_tasks",
    metadata,
    Column("sequence_id", Text, ForeignKey("sequences.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("task_id", Text, ForeignKey("tasks.id"), nullable=False),
    PrimaryKeyConstraint("sequence_id", "position"),
    Index("ix_sequence_tasks_task_id", "task_id"),
)

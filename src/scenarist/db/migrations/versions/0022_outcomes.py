"""Outcomes of scenarios, and the numbers that edits keep for them."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LIMIT = "1.7976931348623157e+308"


def upgrade() -> None:
    op.add_column("edits", sa.Column("figures", sa.JSON()))
    op.create_table(
        "scenario_outcomes",
        sa.Column("scenario_id", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("config_id", _TEXT, nullable=False),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("data_node_id", _TEXT, nullable=False),
        sa.Column("pointer", _TEXT, nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("reason", _TEXT),
        sa.Column("edit_id", _TEXT),
        sa.ForeignKeyConstraint(
            ["scenario_id"],
            ["scenarios.id"],
            name=op.f("fk_scenario_outcomes_scenario_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["data_node_id"],
            ["data_nodes.id"],
            name=op.f("fk_scenario_outcomes_data_node_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scenario_id", "name", name=op.f("pk_scenario_outcomes")),
    )
    op.create_index("ix_scenario_outcomes_data_node_id", "scenario_outcomes", ["data_node_id"])
    for name, missing in (("ascending", _LIMIT), ("descending", f"-{_LIMIT}")):
        op.create_index(
            f"ix_scenario_outcomes_{name}",
            "scenario_outcomes",
            ["config_id", "name", sa.text(f"coalesce(value, {missing})"), "number"],
        )

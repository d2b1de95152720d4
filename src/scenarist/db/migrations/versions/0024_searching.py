"""A text for each scenario in which it is searched: its name, its tags and its identifier."""

import sqlalchemy as sa
from alembic import op

from scenarist.domain.searching import make_searched_text

revision = "0024"
down_revision = "0023"

_BATCH = 1000  # scenarios in one round trip
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column(
        "scenarios", sa.Column("searched_text", _TEXT, nullable=False, server_default=sa.text("''"))
    )
    fill_in(op.get_bind())


def fill_in(connection: sa.Connection) -> None:
    scenarios = sa.table(
        "scenarios", *(sa.column(name) for name in ("number", "id", "name", "searched_text"))
    )
    tags = sa.table("scenario_tags", sa.column("scenario_id"), sa.column("tag"))
    tags_of: dict[str, list[str]] = {}
    for scenario_id, tag in connection.execute(sa.select(tags.c.scenario_id, tags.c.tag)):
        tags_of.setdefault(scenario_id, []).append(tag)
    found = connection.execute(
        sa.select(scenarios.c.number, scenarios.c.id, scenarios.c.name)
    ).all()
    change = (
        sa.update(scenarios)
        .where(scenarios.c.number == sa.bindparam("of"))
        .values(searched_text=sa.bindparam("text"))
    )
    for first in range(0, len(found), _BATCH):
        texts = [
            {"of": number, "text": make_searched_text([name, *sorted(tags_of.get(id_, ())), id_])}
            for number, id_, name in found[first : first + _BATCH]
        ]
        connection.execute(change, texts)

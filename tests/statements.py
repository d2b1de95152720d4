"""Notes the statements that a database is given, and asks it how it would find the rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import event

from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.db.tables import metadata
from scenarist.domain.listings import PageRequest

T = TypeVar("T")

GROWING = tuple(metadata.tables)


@dataclass
class Statements:
    """What was said to a database, each with the parameters of its first time."""

    database: Database
    said: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def plans(self) -> dict[str, list[str]]:
        """Return the steps that the database takes for each statement."""
        return {statement: self._plan(statement) for statement in dict.fromkeys(self.said)}

    def _plan(self, statement: str) -> list[str]:
        rows = self.database.reader.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", self.parameters[statement]
        )
        return [row.detail for row in rows]


@contextmanager
def noted(database: Database) -> Iterator[Statements]:
    """Note all statements that are made meanwhile, on whatever connection."""
    statements = Statements(database)

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        first = parameters[0] if many and isinstance(parameters[0], tuple) else parameters
        statements.said.append(statement)
        statements.parameters.setdefault(statement, tuple(first))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


def scanned(plan: Sequence[str], tables: Sequence[str]) -> list[str]:
    """Return the steps of a plan that look through all rows of a table, by an index or not."""
    return [step for step in plan if step.startswith("SCAN ") and step.split()[1] in tables]


def check_two_pages(
    database: Database, fetch: Callable[[PageRequest], Page[T]], request: PageRequest
) -> None:
    """Read a page and the next one: rows are found in their order, from the cursor on."""
    with noted(database) as statements:
        first = fetch(request)
        assert first.following is not None
        second = fetch(
            PageRequest(
                limit=1,
                sort=request.sort,
                is_descending=request.is_descending,
                after=first.following,
            )
        )
    assert second.items != first.items
    plans = statements.plans()
    lists = {statement: plan for statement, plan in plans.items() if "page_number" in statement}
    assert len(lists) == 2
    for statement, plan in lists.items():
        assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)
    late, plan = list(lists.items())[-1]
    assert not scanned(plan, GROWING), (late, plan)
    for statement in plans.keys() - lists.keys():
        assert not scanned(plans[statement], GROWING), (statement, plans[statement])

"""Notes the statements that a database is given, and asks it how it would find the rows."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import Connection, event

from scenarist.db import sql
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.db.tables import metadata
from scenarist.domain.listings import PageRequest

T = TypeVar("T")

_PARAMETER = re.compile(r"%\((\w+)\)s")

GROWING = tuple(metadata.tables)


@dataclass
class Statements:
    """What was said to a database, each with the parameters of its first time."""

    database: Database
    said: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def plans(self, *, in_order: bool = False) -> dict[str, list[str]]:
        """Return the steps that the database takes for each statement.

        Args:
            in_order: Whether PostgreSQL, too, shall rather find rows in order than sort them.
        """
        return {
            statement: plan_of(
                self.database, statement, self.parameters[statement], in_order=in_order
            )
            for statement in dict.fromkeys(self.said)
        }


def plan_of(
    database: Database,
    statement: str,
    parameters: Any,
    *,
    in_order: bool = False,
    without: Sequence[str] = ("seqscan", "hashjoin", "mergejoin", "material"),
) -> list[str]:
    """Return the steps that the database takes for a statement, in SQLite's words.

    PostgreSQL would rather read, and sort, all of the small tables of a test. So it is asked what
    it does when it must not: then it uses an index wherever there is one that serves.
    """
    reader = database.reader
    if reader.dialect.name == "sqlite":
        rows = reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row.detail for row in rows]
    ways = [*without, "sort"] if in_order else without
    numbers: dict[str, int] = {}
    numbered = _PARAMETER.sub(
        lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", statement
    ).replace("%%", "%")
    with psycopg.connect(database_address(database), autocommit=True) as connection:
        for way in ways:
            connection.execute(f"SET enable_{way} = off".encode())
        explained = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}".encode())
        ((plan,),) = explained.fetchall()
    return list(_steps(plan[0]["Plan"]))


def plans_as_they_are(database: Database, statement: str, parameters: Any) -> list[str]:
    """Return the steps that are taken for these parameters and, on PostgreSQL, for any others.

    Unlike `plan_of`, nothing is forbidden: the tables must be large enough to tell.
    """
    reader = database.reader
    if reader.dialect.name == "sqlite":
        return plan_of(database, statement, parameters)
    explained = reader.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    steps = list(_steps(explained.scalar_one()[0]["Plan"]))
    return steps + plan_of(database, statement, parameters, without=())


def database_address(database: Database) -> str:
    """Return what the driver of PostgreSQL takes to connect."""
    url = database.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)


def _steps(node: Mapping[str, Any], above: str = "") -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    inner = node.get("Plans", [])
    # A subplan sorts what belongs to one row, which SQLite finds in order.
    if kind in {"Sort", "Incremental Sort"} and node.get("Parent Relationship") != "SubPlan":
        if inner and inner[0]["Node Type"] in {"Append", "Merge Append"}:
            yield "MERGE (UNION ALL)"
        yield "USE TEMP B-TREE FOR ORDER BY"
    elif kind == "Seq Scan":
        yield f"SCAN {table}"
    elif kind in {"Index Scan", "Index Only Scan"}:
        is_end = above == "Limit" and "Filter" not in node
        way = "SEARCH" if is_end or "Index Cond" in node else "SCAN"
        yield f"{way} {table} USING INDEX {node['Index Name']}"
    elif kind == "Bitmap Heap Scan":
        for index in inner:
            way = "SEARCH" if "Index Cond" in index or "Plans" in index else "SCAN"
            yield f"{way} {table} USING INDEX {index.get('Index Name', 'of several')}"
    for child in inner:
        yield from _steps(child, kind)


def first_of(parameters: Any, is_many: bool) -> Any:
    """Return the parameters of a statement, or of its first time when it was said many times."""
    is_list = is_many and not isinstance(parameters[0], str)
    return parameters[0] if is_list else parameters


@contextmanager
def noted(database: Database) -> Iterator[Statements]:
    """Note all statements that are made meanwhile, on whatever connection."""
    statements = Statements(database)

    def note(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, many: bool) -> None:
        statements.said.append(statement)
        statements.parameters.setdefault(statement, first_of(parameters, many))

    event.listen(database._engine, "before_cursor_execute", note)
    try:
        with noted_on_driver(database, lambda said, given: note(0, 0, said, given, 0, False)):
            yield statements
    finally:
        event.remove(database._engine, "before_cursor_execute", note)


@contextmanager
def noted_on_driver(database: Database, note: Callable[[str, Any], None]) -> Iterator[None]:
    """Note the statements that go to the driver without SQLAlchemy."""
    execute = sql.execute_on_driver

    def execute_noted(
        connection: Connection, statement: str, parameters: Any, *, is_many: bool = False
    ) -> Any:
        if connection.engine is database._engine:
            note(statement, first_of(parameters, is_many))
        return execute(connection, statement, parameters, is_many=is_many)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "execute_on_driver", execute_noted)
        yield


def scanned(plan: Sequence[str], tables: Sequence[str]) -> list[str]:
    """Return the steps of a plan that look through all rows of a table, by an index or not."""
    return [step for step in plan if step.startswith("SCAN ") and step.split()[1] in tables]


def sorts_of_rows(plan: Sequence[str]) -> int:
    """Count the sorts of a plan, but not those that merge pages which were read in their order."""
    merges = sum(
        step == "USE TEMP B-TREE FOR ORDER BY" and before.startswith(("SCAN anon_", "MERGE"))
        for before, step in itertools.pairwise(plan)
    )
    return sum("TEMP B-TREE" in step for step in plan) - merges


def check_two_pages(
    database: Database, fetch: Callable[[PageRequest], Page[T]], request: PageRequest
) -> None:
    """Read a page and the next one: rows are found in their order, from the cursor on."""
    with noted(database) as statements:
        first = fetch(request)
        assert first.next_position is not None
        second = fetch(
            PageRequest(
                limit=1,
                sort=request.sort,
                is_descending=request.is_descending,
                after=first.next_position,
            )
        )
    assert second.items != first.items
    plans = statements.plans()
    ordered = statements.plans(in_order=True)
    lists = {statement: plan for statement, plan in ordered.items() if "page_number" in statement}
    assert len(lists) == 2
    for statement, plan in lists.items():
        assert sorts_of_rows(plan) == 0, (statement, plan)
    late, plan = list(lists.items())[-1]
    assert not scanned(plan, GROWING), (late, plan)
    for statement in plans.keys() - lists.keys():
        assert not scanned(plans[statement], GROWING), (statement, plans[statement])

"""Rows of outcomes: the present number of each outcome of each scenario.

A row is changed in the transaction that changes the value of its data node. Which edit it was taken
from is stored with it: a program that does not know the outcome may have written another since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from scenarist.db.among import any_of, is_one_of
from scenarist.db.each import execute_many
from scenarist.db.paging import ValueFilter
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    scenario_data_nodes,
    scenario_outcomes,
    scenario_tasks,
    scenarios,
    task_data_nodes,
)
from scenarist.domain.entities import Edit
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.outcomes import LIMIT, DeclaredOutcome, Figure, OutcomeRange, find_figure
from scenarist.system.json_decoding import decode_json

_FOUND_THERE = "another program wrote the value, and it has not been looked into"
_TOO_LARGE = (
    "the value was written without a look for this outcome, and is too large for one now; the next "
    "run or write gives it a value"
)

_rows = scenario_outcomes
_RECORD = (
    update(_rows)
    .where(_rows.c.data_node_id == bindparam("node"), _rows.c.pointer == bindparam("at"))
    .values(value=bindparam("value"), reason=bindparam("reason"), edit_id=bindparam("edit_id"))
)
_RECORD_FOUND = (
    update(_rows)
    .where(_rows.c.data_node_id == bindparam("node"))
    .values(value=bindparam("value"), reason=bindparam("reason"), edit_id=bindparam("edit_id"))
)
_READ = Query(
    select(
        _rows.c.scenario_id,
        _rows.c.name,
        _rows.c.pointer,
        _rows.c.value,
        _rows.c.reason,
        _rows.c.edit_id,
        _rows.c.data_node_id,
        data_nodes.c.config_id,
        data_nodes.c.last_edit_id,
    )
    .join(data_nodes, data_nodes.c.id == _rows.c.data_node_id)
    .where(any_of(_rows.c.scenario_id, "ids"))
)
# The data node of a config that a scenario has, through its tasks or by itself.
_of_tasks = (
    select(func.min(data_nodes.c.id))
    .select_from(scenario_tasks)
    .join(task_data_nodes, task_data_nodes.c.task_id == scenario_tasks.c.task_id)
    .join(data_nodes, data_nodes.c.id == task_data_nodes.c.data_node_id)
    .where(
        scenario_tasks.c.scenario_id == scenarios.c.id,
        data_nodes.c.config_id == bindparam("node_config"),
    )
    .correlate(scenarios)
)
_additional = (
    select(func.min(data_nodes.c.id))
    .select_from(scenario_data_nodes)
    .join(data_nodes, data_nodes.c.id == scenario_data_nodes.c.data_node_id)
    .where(
        scenario_data_nodes.c.scenario_id == scenarios.c.id,
        data_nodes.c.config_id == bindparam("node_config"),
    )
    .correlate(scenarios)
)
_LACKING = select(
    scenarios.c.id,
    bindparam("name", type_=_rows.c.name.type).label("name"),
    scenarios.c.config_id,
    scenarios.c.number,
    func.coalesce(_of_tasks.scalar_subquery(), _additional.scalar_subquery()).label("node_id"),
    bindparam("pointer", type_=_rows.c.pointer.type).label("pointer"),
).where(~exists().where(_rows.c.scenario_id == scenarios.c.id, _rows.c.name == bindparam("name")))


def _make_adding(lacking: Select[Any]) -> Insert:
    """Return the statement that adds rows for scenarios without them, if they have the node."""
    columns = ("scenario_id", "name", "config_id", "number", "data_node_id", "pointer")
    found = lacking.subquery()
    wanted = select(found).where(found.c.node_id.is_not(None))
    return insert(_rows).from_select(columns, wanted, include_defaults=False)


_ADD_OF_ONE = _make_adding(_LACKING.where(scenarios.c.id == bindparam("scenario_id")))
_ADD_OF_CONFIG = _make_adding(_LACKING.where(scenarios.c.config_id == bindparam("config_id")))
_FORGET_ALL = delete(_rows).where(_rows.c.scenario_id == bindparam("of"))
_FORGET = delete(_rows).where(
    _rows.c.config_id == bindparam("config_id"),
    _rows.c.name == bindparam("name"),
    or_(
        _rows.c.pointer != bindparam("pointer"),
        ~exists().where(
            data_nodes.c.id == _rows.c.data_node_id,
            data_nodes.c.config_id == bindparam("node_config"),
        ),
    ),
)
_IS_OUTDATED = _rows.c.edit_id.is_distinct_from(data_nodes.c.last_edit_id)
_FIND_OUTDATED = Query(
    select(_rows.c.scenario_id)
    .join(data_nodes, data_nodes.c.id == _rows.c.data_node_id)
    .where(
        _rows.c.config_id == bindparam("config_id"),
        _rows.c.name == bindparam("name"),
        _IS_OUTDATED,
    )
)
_OUTDATED = (
    select(
        _rows.c.scenario_id,
        _rows.c.name,
        _rows.c.pointer,
        _rows.c.edit_id,
        edits.c.id.label("present_id"),
        edits.c.figures,
        edits.c.is_complete,
        edits.c.rendition.is_(None).label("is_found"),
        case((edits.c.is_complete, edits.c.rendition)).label("rendition"),
    )
    .join(data_nodes, data_nodes.c.id == _rows.c.data_node_id)
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .where(_IS_OUTDATED)
)
_OUTDATED_OF_ONE = _OUTDATED.where(_rows.c.scenario_id == bindparam("scenario_id"))
_OUTDATED_OF_SOME = _OUTDATED.where(
    any_of(_rows.c.scenario_id, "ids"), _rows.c.name == bindparam("name")
)
_REFRESH = (
    update(_rows)
    .where(
        _rows.c.scenario_id == bindparam("of"),
        _rows.c.name == bindparam("called"),
        # A job or a write may have recorded a newer one meanwhile.
        func.coalesce(_rows.c.edit_id, "") == bindparam("taken_from"),
    )
    .values(value=bindparam("value"), reason=bindparam("reason"), edit_id=bindparam("edit_id"))
)


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """The number of an outcome, with the data node and the place that it was taken from.

    Args:
        is_present: Whether it was taken from the present value of the data node.
        has_value: Whether the data node has a value.
    """

    pointer: str
    value: float | None
    reason: str | None
    data_node_id: DataNodeId
    node_config: str
    is_present: bool
    has_value: bool


def record_figures(
    connection: Connection, taken: Mapping[DataNodeId, tuple[EditId, Mapping[str, Figure]]]
) -> None:
    """Record the figures of the present values of data nodes.

    Args:
        taken: The newest edit of each data node, with its figures.
    """
    execute_many(
        connection,
        _RECORD,
        [
            {"node": node_id, "at": pointer, "edit_id": edit_id, **_to_columns(figure)}
            for node_id, (edit_id, figures) in taken.items()
            for pointer, figure in figures.items()
        ],
    )


def record_found(connection: Connection, found: Sequence[Edit]) -> None:
    """Record that the newest values of data nodes were not looked into: they were found there."""
    execute_many(
        connection,
        _RECORD_FOUND,
        [
            {"node": edit.data_node_id, "edit_id": edit.id, **_to_columns(_FOUND_THERE)}
            for edit in found
        ],
    )


def read(connection: Connection, scenario_ids: Sequence[str]) -> dict[tuple[str, str], OutcomeRow]:
    """Return the rows of scenarios, by scenario and name."""
    return {
        (row.scenario_id, row.name): OutcomeRow(
            row.pointer,
            row.value,
            row.reason,
            DataNodeId(row.data_node_id),
            row.config_id,
            row.edit_id == row.last_edit_id,
            row.last_edit_id is not None,
        )
        for row in _READ.fetch(connection, {"ids": list(scenario_ids)})
    }


def renew(
    connection: Connection, scenario_id: str, outcomes: Mapping[str, DeclaredOutcome]
) -> None:
    """Give a scenario outcomes in place of those that it has, with the figures of its values."""
    connection.execute(_FORGET_ALL, {"of": scenario_id})
    connection.execute(
        _ADD_OF_ONE,
        [{"scenario_id": scenario_id, **_to_place(name, item)} for name, item in outcomes.items()],
    )
    of = {"scenario_id": scenario_id}
    _refresh(connection, connection.execute(_OUTDATED_OF_ONE, of).fetchall())


def add_missing(connection: Connection, config_id: str, name: str, outcome: DeclaredOutcome) -> int:
    """Add an outcome to the scenarios of a config that lack it, or have it from another place.

    `refresh_some` gives it values.

    Returns:
        How many scenarios got it.
    """
    place = {"config_id": config_id, **_to_place(name, outcome)}
    connection.execute(_FORGET, place)
    counted = {"preserve_rowcount": True}
    return connection.execute(_ADD_OF_CONFIG, place, execution_options=counted).rowcount


def find_outdated(reader: Connection, config_id: str, name: str) -> list[str]:
    """Return the scenarios whose present values were not looked into for an outcome."""
    rows = _FIND_OUTDATED.fetch(reader, {"config_id": config_id, "name": name})
    return [scenario_id for (scenario_id,) in rows]


def refresh_some(connection: Connection, name: str, scenario_ids: Sequence[str]) -> None:
    """Take figures of an outcome from present values that were not looked into yet."""
    of = {"name": name, "ids": list(scenario_ids)}
    _refresh(connection, connection.execute(_OUTDATED_OF_SOME, of).fetchall())


def _refresh(connection: Connection, rows: Sequence[Any]) -> None:
    execute_many(
        connection,
        _REFRESH,
        [
            {
                "of": row.scenario_id,
                "called": row.name,
                "taken_from": row.edit_id or "",
                "edit_id": row.present_id,
                **_to_columns(_find_figure(row)),
            }
            for row in rows
        ],
    )


def outcome_key(*, is_descending: bool) -> ColumnElement[float]:
    """Return the key by which rows of one outcome are sorted: those without a value come last."""
    last = -LIMIT if is_descending else LIMIT
    return func.coalesce(_rows.c.value, literal_column(repr(last)))


def match_outcome(name: str, config_ids: Sequence[str]) -> ValueFilter:
    """Return the filter that a row is of an outcome of one of some scenario configs."""
    is_named = _rows.c.name == name
    return ValueFilter(
        [and_(_rows.c.config_id == config_id, is_named) for config_id in config_ids],
        and_(is_one_of(_rows.c.config_id, config_ids), is_named),
    )


def is_within(bounds: OutcomeRange, *, is_descending: bool) -> ColumnElement[bool]:
    """Return the condition that a row of a sorted list has a value within bounds."""
    key = outcome_key(is_descending=is_descending)
    return and_(
        _rows.c.value.is_not(None),
        *([] if bounds.least is None else [key >= bounds.least]),
        *([] if bounds.most is None else [key <= bounds.most]),
    )


def has_outcome_within(
    scenario_id: ColumnElement[Any], name: str, bounds: OutcomeRange
) -> ColumnElement[bool]:
    """Return the condition that a scenario has an outcome with a value within bounds."""
    other = _rows.alias("other_outcome")
    return exists().where(
        other.c.scenario_id == scenario_id,
        other.c.name == name,
        other.c.value.is_not(None),
        *([] if bounds.least is None else [other.c.value >= bounds.least]),
        *([] if bounds.most is None else [other.c.value <= bounds.most]),
    )


def _find_figure(row: Any) -> Figure | None:
    """Return the figure of a present edit: as it was taken, or from its rendition."""
    if row.present_id is None:
        return None
    if row.figures and row.pointer in row.figures:
        figure: Figure = row.figures[row.pointer]
        return figure
    if row.is_found:
        return _FOUND_THERE
    if row.rendition is None:
        return _TOO_LARGE
    return find_figure(decode_json(row.rendition), row.pointer)


def _to_place(name: str, outcome: DeclaredOutcome) -> dict[str, Any]:
    return {"name": name, "pointer": outcome.pointer, "node_config": outcome.data_node}


def _to_columns(figure: Figure | None) -> dict[str, Any]:
    if isinstance(figure, str):
        return {"value": None, "reason": figure}
    return {"value": figure, "reason": None}

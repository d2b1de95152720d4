"""Where values come from: which tasks wrote them, and what these tasks read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import ColumnElement, Connection, and_, case, literal_column, select

from scenarist.db.among import any_of
from scenarist.db.data_nodes import LastEdit
from scenarist.db.jobs.recipes import RecipeCache, TaskRecipe
from scenarist.db.json_columns import decoded_list
from scenarist.db.places import IS_REPLACED
from scenarist.db.sql import Query
from scenarist.db.tables import (
    data_nodes,
    edits,
    job_inputs,
    jobs,
    places,
    scenario_tasks,
    task_data_nodes,
)
from scenarist.db.tasks import OUTPUT
from scenarist.domain.explanations import ValueWrite
from scenarist.domain.identifiers import DataNodeId, EditId, JobId, TaskId
from scenarist.domain.permissions import ref_of
from scenarist.domain.short_reads import require_thread

MAX_WRITERS = 100
"""Most tasks that are considered as writers of a data node whose job is not known."""

_MAX_STEPS_ON_LOOP = 20  # which take 2 ms, as `MAX_COUNTS` does

_NODES = Query(
    select(
        data_nodes.c.id,
        data_nodes.c.config_id,
        data_nodes.c.owner_id,
        edits.c.id.label("edit_id"),
        edits.c.created_at,
        edits.c.made_of,
        edits.c.stamp,
        edits.c.job_id,
        edits.c.code_digest,
        edits.c.kept_as.is_not(None).label("has_moved"),
        edits.c.actor,
        edits.c.author,
        edits.c.author_id,
        case((IS_REPLACED, places.c.data_node_id)).label("replaced_by"),
    )
    .outerjoin(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(places, places.c.place == data_nodes.c.place)
    .where(any_of(data_nodes.c.id, "ids"))
)
_made_by = task_data_nodes.alias("made_by")


def _is_part(task_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a task is part of a scenario: no upgrade has detached it.

    For EXISTS, PostgreSQL may read the whole table of links.
    """
    found = select(scenario_tasks.c.position).where(scenario_tasks.c.task_id == task_id)
    return found.limit(literal_column("1")).scalar_subquery().is_not(None)


_WRITERS = Query(
    select(
        data_nodes.c.id,
        _made_by.c.task_id,
        _is_part(_made_by.c.task_id).label("is_part"),
        decoded_list(
            select(task_data_nodes.c.task_id.label("item"))
            .where(
                task_data_nodes.c.data_node_id == data_nodes.c.id,
                task_data_nodes.c.direction == OUTPUT,
                _is_part(task_data_nodes.c.task_id),
            )
            .correlate(data_nodes)
            .limit(literal_column(str(MAX_WRITERS + 1)))
        ).label("task_ids"),
    )
    .join(edits, edits.c.id == data_nodes.c.last_edit_id)
    .outerjoin(jobs, jobs.c.id == edits.c.job_id)
    .outerjoin(
        _made_by,
        and_(
            _made_by.c.task_id == jobs.c.task_id,
            _made_by.c.direction == OUTPUT,
            _made_by.c.data_node_id == data_nodes.c.id,
        ),
    )
    .where(any_of(data_nodes.c.id, "ids"))
)
_WRITES = Query(
    select(
        edits.c.id,
        data_nodes.c.config_id,
        edits.c.created_at,
        edits.c.job_id,
        edits.c.actor,
        edits.c.author,
        edits.c.author_id,
    )
    .join(data_nodes, data_nodes.c.id == edits.c.data_node_id)
    .where(any_of(edits.c.id, "ids"))
)
_READ = Query(
    select(jobs.c.id, job_inputs.c.data_node_id, job_inputs.c.edit_id)
    .join(jobs, jobs.c.number == job_inputs.c.job_number)
    .where(any_of(jobs.c.id, "ids"))
)


@dataclass(frozen=True, slots=True)
class ValueSource:
    """A data node with its newest edit, if it has one."""

    id: DataNodeId
    config_id: str
    owner_id: str | None
    edit: LastEdit | None
    write: ValueWrite
    replaced_by: DataNodeId | None  #: the data node whose write to the same place came later

    @property
    def mark(self) -> tuple[EditId | None, bool, bool]:
        """What changes whenever its value does."""
        edit = self.edit
        return (
            None if edit is None else edit.id,
            edit is not None and edit.has_moved,
            self.replaced_by is not None,
        )


@dataclass(slots=True)
class ValueSources:
    """Data nodes, the tasks that may have written their values, and all that these depend on.

    Args:
        writers: Tasks by data node; None where they are too many to tell.
    """

    nodes: dict[DataNodeId, ValueSource] = field(default_factory=dict)
    writers: dict[DataNodeId, Sequence[TaskId] | None] = field(default_factory=dict)
    recipes: dict[TaskId, TaskRecipe] = field(default_factory=dict)


def read_value_sources(
    connection: Connection,
    recipes: RecipeCache,
    data_node_ids: Iterable[DataNodeId],
    *,
    task_ids: Sequence[TaskId] = (),
    owner_id: str | None = None,
) -> ValueSources:
    """Return where the values of data nodes come from: two or three statements for each step back.

    Args:
        task_ids: All tasks that write data nodes of *owner_id*, so that most need no look-up.
    """
    sources = ValueSources()
    wanted = [*data_node_ids, *_add_recipes(connection, sources, recipes, task_ids)]
    written_by: dict[DataNodeId, list[TaskId]] = {}
    for task_id, recipe in sources.recipes.items():
        for end in recipe.outputs:
            written_by.setdefault(end.data_node_id, []).append(task_id)
    for step in count():
        new = [node for node in dict.fromkeys(wanted) if node not in sources.nodes]
        if not new:
            break
        if step == _MAX_STEPS_ON_LOOP:
            require_thread()
        found = find_nodes(connection, new)
        sources.nodes |= found
        unknown = []
        for node in found.values():
            own_writers = written_by.get(node.id, ())
            is_own = owner_id is not None and node.owner_id == owner_id
            if node.edit is None or (is_own and len(own_writers) <= 1):
                sources.writers[node.id] = own_writers
            else:
                unknown.append(node.id)
        writers = find_writers(connection, unknown) if unknown else {}
        sources.writers |= writers
        more = {task_id for tasks in writers.values() for task_id in tasks or ()}
        wanted = list(_add_recipes(connection, sources, recipes, more - sources.recipes.keys()))
    return sources


def find_nodes(
    connection: Connection, data_node_ids: Sequence[DataNodeId]
) -> dict[DataNodeId, ValueSource]:
    """Return data nodes with their newest edits, by data node."""
    return {
        row.id: ValueSource(
            id=row.id,
            config_id=row.config_id,
            owner_id=row.owner_id,
            edit=None
            if row.edit_id is None
            else LastEdit(
                id=row.edit_id,
                created_at=row.created_at,
                made_of=row.made_of,
                stamp=row.stamp,
                job_id=row.job_id,
                code_digest=row.code_digest,
                has_moved=bool(row.has_moved),
            ),
            write=ValueWrite(
                row.config_id,
                row.created_at,
                row.job_id,
                row.actor,
                ref_of(row.author, row.author_id),
            ),
            replaced_by=row.replaced_by,
        )
        for row in _NODES.fetch(connection, {"ids": list(data_node_ids)})
    }


def find_read_edits(
    connection: Connection, job_ids: Sequence[JobId]
) -> dict[JobId, dict[DataNodeId, EditId | None]]:
    """Return the edits that jobs have read, by job and data node."""
    read: dict[JobId, dict[DataNodeId, EditId | None]] = {}
    for job_id, node_id, edit_id in _READ.fetch(connection, {"ids": list(job_ids)}):
        read.setdefault(job_id, {})[node_id] = edit_id
    return read


def find_writes(connection: Connection, edit_ids: Sequence[EditId]) -> dict[EditId, ValueWrite]:
    """Return who wrote some edits, and when, by edit."""
    return {
        edit_id: ValueWrite(config_id, at, job_id, actor, ref_of(author, author_id))
        for edit_id, config_id, at, job_id, actor, author, author_id in _WRITES.fetch(
            connection, {"ids": list(edit_ids)}
        )
    }


def find_writers(
    connection: Connection, data_node_ids: Sequence[DataNodeId]
) -> Mapping[DataNodeId, Sequence[TaskId] | None]:
    """Return the task whose job wrote each value or, where that is not known, all that may have.

    Where an upgrade has detached the task, those of scenarios that write the data node now take its
    place. None stands for more than `MAX_WRITERS` tasks. Data nodes without a value are omitted.
    """
    found: dict[DataNodeId, Sequence[TaskId] | None] = {}
    for node_id, task_id, is_part, task_ids in _WRITERS.fetch(
        connection, {"ids": list(data_node_ids)}
    ):
        if task_id is not None and (is_part or not task_ids):
            found[node_id] = (task_id,)
        else:
            found[node_id] = None if len(task_ids) > MAX_WRITERS else tuple(sorted(set(task_ids)))
    return found


def _add_recipes(
    connection: Connection, sources: ValueSources, recipes: RecipeCache, task_ids: Iterable[TaskId]
) -> Iterator[DataNodeId]:
    """Add the recipes of tasks; yield the data nodes that they read."""
    known = recipes.read(connection, wanted) if (wanted := list(task_ids)) else {}
    for task_id in wanted:
        if (recipe := known.get(task_id)) is not None:
            sources.recipes[task_id] = recipe
            for end in recipe.inputs:
                yield end.data_node_id

"""Whether values were made from what their inputs are now, and if not, since which change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy import Connection

from scenarist.db.eligibility import Marks
from scenarist.db.jobs.recipes import RecipeCache, TaskRecipe
from scenarist.db.jobs.skipping import make_output
from scenarist.db.value_sources import (
    ValueSource,
    ValueSources,
    find_nodes,
    find_read_edits,
    find_writers,
    read_value_sources,
)
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import NodeStaleness, Scenario
from scenarist.domain.explanations import (
    MAX_CHANGES,
    WrittenOutputs,
    describe_write,
    explain_run,
    join_changes,
)
from scenarist.domain.freshness import (
    CurrentOutput,
    RunReason,
    digest_provenance,
    find_changed_inputs,
    find_run_reason,
)
from scenarist.domain.identifiers import DataNodeId, EditId, JobId, ScenarioId, TaskId
from scenarist.domain.short_reads import require_thread

_CACHE_LIMIT = 256
_MAX_ON_LOOP = 50  # data nodes, for which it takes a millisecond to find what is stale

_Causes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StaleNode:
    """A stale data node, and why it is stale, in a sentence."""

    config_id: str
    because: str


@dataclass(frozen=True, slots=True)
class Staleness:
    """Which data nodes are stale, and why.

    Data nodes without a value, those that no task writes, and those of which nobody can tell are
    neither stale nor fresh.
    """

    stale: Mapping[DataNodeId, StaleNode] = field(default_factory=dict)
    fresh: frozenset[DataNodeId] = frozenset()

    def find(self, data_node_id: DataNodeId) -> NodeStaleness:
        found = self.stale.get(data_node_id)
        if found is not None:
            return NodeStaleness(is_stale=True, because=found.because)
        return NodeStaleness(is_stale=False if data_node_id in self.fresh else None, because=None)


_NONE = Staleness()


@dataclass(frozen=True, slots=True)
class _Known:
    """The staleness of a scenario, as long as nothing changes.

    Args:
        key: A digest of what it is made of, and of the marks of its data nodes.
        outside: The marks of all others that it depends on.
        writers: Tasks of other scenarios that wrote values, by data node; see `find_writers`.
    """

    key: bytes
    outside: Mapping[DataNodeId, object]
    writers: Mapping[DataNodeId, Sequence[TaskId] | None]
    staleness: Staleness


class StalenessReader:
    """Finds stale data nodes. What decides is `find_run_reason`, as for jobs and plans.

    The staleness of a scenario is kept until one of the data nodes that it depends on has another
    value. Files that users named are not looked at: a file that another program has replaced counts
    as soon as a submit has found it.

    Args:
        declared: What the application declares now; None to take tasks as recorded.
    """

    def __init__(self, declared: DeclaredConfigs | None = None) -> None:
        self._recipes = RecipeCache(declared)
        self._known: dict[ScenarioId, _Known] = {}

    def find_of_node(self, connection: Connection, data_node_id: DataNodeId) -> Staleness:
        """Return the staleness of one data node, and of what it was made from."""
        if not find_writers(connection, [data_node_id]).get(data_node_id):
            return _NONE
        return _judge(connection, read_value_sources(connection, self._recipes, [data_node_id]))

    def find_of_scenario(
        self, connection: Connection, scenario: Scenario, marks: Marks
    ) -> Staleness:
        """Return the staleness of the data nodes of a scenario.

        Args:
            marks: Those of all data nodes that its tasks use.
        """
        if not marks.may_be_stale and not scenario.additional_data_node_ids:
            return _NONE
        key = _digest(scenario, marks)
        known = self._known.get(scenario.id)
        if known is None or known.key != key or not _is_same(connection, known):
            known = self._read(connection, scenario, key)
            if len(self._known) >= _CACHE_LIMIT:
                self._known = {}  # other threads may use the former one
            self._known[scenario.id] = known
        return known.staleness

    def _read(self, connection: Connection, scenario: Scenario, key: bytes) -> _Known:
        if len(scenario.data_node_ids) > _MAX_ON_LOOP:
            require_thread()
        sources = read_value_sources(
            connection,
            self._recipes,
            scenario.data_node_ids,
            task_ids=scenario.task_ids,
            owner_id=scenario.id,
        )
        found = _judge(connection, sources)
        own, own_tasks = set(scenario.data_node_ids), set(scenario.task_ids)
        staleness = Staleness(
            {node: found.stale[node] for node in scenario.data_node_ids if node in found.stale},
            found.fresh & own,
        )
        marked = own.difference(scenario.additional_data_node_ids)
        outside = {node.id: node.mark for node in sources.nodes.values() if node.id not in marked}
        writers = {
            node: tasks
            for node, tasks in sources.writers.items()
            if tasks is None or not own_tasks.issuperset(tasks)
        }
        return _Known(key, outside, writers, staleness)


def _digest(scenario: Scenario, marks: Marks) -> bytes:
    parts = (*scenario.task_ids, *scenario.additional_data_node_ids)
    texts = [*parts, *(edit_id or "" for edit_id in marks.edit_ids)]
    digest = blake2b("\n".join(texts).encode(), digest_size=16)
    digest.update(bytes(marks.states))
    return digest.digest()


def _is_same(connection: Connection, known: _Known) -> bool:
    """Return whether nothing outside of the scenario has changed that it depends on."""
    if known.outside:
        found = find_nodes(connection, list(known.outside))
        if {node.id: node.mark for node in found.values()} != known.outside:
            return False
    return not known.writers or find_writers(connection, list(known.writers)) == known.writers


@dataclass(slots=True)
class _Judgement:
    """What is true of a value by itself, before what its inputs were made from.

    Args:
        writers: The tasks from whose present inputs it was made; else the one that wrote it.
        reason: Why that task would have to run; None if it was made from its present inputs.
    """

    node: ValueSource
    writers: Sequence[TaskRecipe]
    output: CurrentOutput
    reason: RunReason | None


def _judge(connection: Connection, sources: ValueSources) -> Staleness:
    judgements = dict(_judge_each(sources))
    unclear = [
        item.output.job_id
        for item in judgements.values()
        if item.reason is RunReason.INPUT_CHANGED and item.output.job_id is not None
    ]
    read = find_read_edits(connection, unclear) if unclear else {}
    causes: dict[DataNodeId, _Causes] = {}
    for node_id in _order(judgements):
        causes[node_id] = _find_causes(sources, judgements[node_id], causes, read)
    return Staleness(
        {
            node_id: StaleNode(sources.nodes[node_id].config_id, join_changes(found))
            for node_id, found in causes.items()
            if found
        },
        frozenset(node_id for node_id, found in causes.items() if not found),
    )


def _judge_each(sources: ValueSources) -> Iterator[tuple[DataNodeId, _Judgement]]:
    """Judge each data node with a value that a task writes."""
    made_of: dict[TaskId, str | None] = {}
    for node in sources.nodes.values():
        if node.edit is None:
            continue
        judged = []
        for task_id in sources.writers[node.id] or ():
            recipe = sources.recipes.get(task_id)
            if recipe is None:
                continue
            if task_id not in made_of:
                made_of[task_id] = _digest_inputs(sources, task_id, recipe)
            is_here = node.replaced_by is None
            output = make_output(recipe, node.edit, None, is_in_place=is_here)
            reason = find_run_reason(made_of[task_id], [output], node.edit.created_at)
            judged.append(_Judgement(node, [recipe], output, reason))
        valid = [item for item in judged if item.reason is None]
        if valid:
            writers = [recipe for item in valid for recipe in item.writers]
            yield node.id, _Judgement(node, writers, valid[0].output, None)
        elif judged:
            yield node.id, judged[0]


def _digest_inputs(sources: ValueSources, task_id: TaskId, recipe: TaskRecipe) -> str | None:
    present = _present_edits(sources, recipe)
    edit_ids = [edit_id for _, edit_id in present if edit_id is not None]
    return digest_provenance(task_id, edit_ids) if len(edit_ids) == len(present) else None


def _present_edits(
    sources: ValueSources, recipe: TaskRecipe
) -> list[tuple[DataNodeId, EditId | None]]:
    """Return the present edit of each input of a task, in order."""
    nodes = [sources.nodes.get(node.data_node_id) for node in recipe.inputs]
    return [
        (end.data_node_id, None if node is None or node.edit is None else node.edit.id)
        for end, node in zip(recipe.inputs, nodes, strict=True)
    ]


def _order(judgements: Mapping[DataNodeId, _Judgement]) -> Iterator[DataNodeId]:
    """Yield data nodes, each after those that it was made from."""
    done: set[DataNodeId] = set()
    for start in judgements:
        path = [(start, iter(_find_inputs(judgements, start)))] if start not in done else []
        done.add(start)
        while path:
            node_id, inputs = path[-1]
            unseen = next((node for node in inputs if node not in done), None)
            if unseen is None:
                path.pop()
                yield node_id
            else:
                done.add(unseen)
                path.append((unseen, iter(_find_inputs(judgements, unseen))))


def _find_inputs(
    judgements: Mapping[DataNodeId, _Judgement], node_id: DataNodeId
) -> list[DataNodeId]:
    return [
        end.data_node_id
        for recipe in judgements[node_id].writers
        for end in recipe.inputs
        if end.data_node_id in judgements
    ]


def _find_causes(
    sources: ValueSources,
    judged: _Judgement,
    causes: Mapping[DataNodeId, _Causes],
    read: Mapping[JobId, Mapping[DataNodeId, EditId | None]],
) -> _Causes:
    """Return since which changes a value is stale; empty if it is fresh."""
    if judged.reason is None:
        of_each = [_causes_of_inputs(recipe, causes, {}) for recipe in judged.writers]
        return min(of_each, key=len)
    (recipe,) = judged.writers
    if judged.reason is not RunReason.INPUT_CHANGED:
        return (_explain(judged, recipe),)
    changed = find_changed_inputs(dict(_present_edits(sources, recipe)), judged.output, read)
    writes = {node_id: (describe_write(sources.nodes[node_id].write),) for node_id in changed}
    return _causes_of_inputs(recipe, causes, writes) or (_explain(judged, recipe),)


def _causes_of_inputs(
    recipe: TaskRecipe,
    causes: Mapping[DataNodeId, _Causes],
    writes: Mapping[DataNodeId, _Causes],
) -> _Causes:
    """Return the writes of changed inputs, and since which changes the others are stale."""
    inputs = [end.data_node_id for end in recipe.inputs]
    found = (cause for node in inputs for cause in writes.get(node) or causes.get(node, ()))
    return tuple(dict.fromkeys(found))[: MAX_CHANGES + 1]


def _explain(judged: _Judgement, recipe: TaskRecipe) -> str:
    return explain_run(
        judged.reason,
        WrittenOutputs(
            function=recipe.function,
            names=[judged.node.config_id],
            missing=(),
            is_code_known=recipe.code_digest is not None,
        ),
    )

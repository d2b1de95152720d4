"""What decides whether a skippable task has to run: the present values of its outputs."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from scenarist.db.data_nodes import LastEdit, find_last_edits
from scenarist.db.jobs.recipes import TaskDataNode, TaskRecipe
from scenarist.db.places import LastWrite, find_last_writes
from scenarist.domain.freshness import CurrentOutput
from scenarist.domain.named_files import FindFile, file_path


def find_outputs(
    connection: Connection, recipes: Sequence[TaskRecipe], find_file: FindFile
) -> list[list[CurrentOutput | None]]:
    """Return the present values of the outputs of each task; None for an output without a value."""
    nodes = [node for recipe in recipes for node in recipe.outputs]
    edits = find_last_edits(connection, [node.data_node_id for node in nodes]) if nodes else {}
    places = [node.place for node in nodes if node.place is not None]
    writes = find_last_writes(connection, places) if places else {}

    def make(recipe: TaskRecipe, node: TaskDataNode) -> CurrentOutput | None:
        edit = edits.get(node.data_node_id)
        if edit is None:
            return None
        is_here = is_in_place(node.storage_type, node.properties, edit.stamp, find_file)
        return make_output(
            recipe, edit, node.validity, is_in_place=is_here and not _is_replaced(node, writes)
        )

    return [[make(recipe, node) for node in recipe.outputs] for recipe in recipes]


def make_output(
    recipe: TaskRecipe, edit: LastEdit, validity: timedelta | None, *, is_in_place: bool
) -> CurrentOutput:
    """Return the value of an output of a task, seen with what the task is now.

    Args:
        is_in_place: Whether nothing else is at the place where it was written.
    """
    return CurrentOutput(
        written_at=edit.created_at,
        made_of=edit.made_of,
        validity=validity,
        is_in_place=is_in_place and not _has_moved(recipe, edit),
        is_of_other_code=_is_of_other_code(recipe, edit),
        edit_id=edit.id,
        job_id=edit.job_id,
    )


def is_in_place(
    storage_type: str, properties: Mapping[str, Any], stamp: str | None, find_file: FindFile
) -> bool:
    """Return whether a named file is the recorded one; True if the value has no named file."""
    if file_path(storage_type, properties) is None:
        return True
    state = find_file(storage_type, properties)
    return state is not None and state.stamp == stamp


def _has_moved(recipe: TaskRecipe, edit: LastEdit) -> bool:
    return recipe.is_live and edit.job_id is not None and edit.has_moved


def _is_of_other_code(recipe: TaskRecipe, edit: LastEdit) -> bool:
    if not recipe.is_live:
        return False
    if recipe.code_digest is None:
        return True  # the code cannot be read, so assume that it differs
    return edit.job_id is not None and edit.code_digest != recipe.code_digest


def _is_replaced(node: TaskDataNode, writes: Mapping[str, LastWrite]) -> bool:
    """Return whether another data node has overwritten the value at a shared place."""
    write = None if node.place is None else writes.get(node.place)
    return write is not None and write.data_node_id != node.data_node_id

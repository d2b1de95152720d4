"""Tasks: create, read and delete them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry, TaskConfig
from scenarist.db import audit, deletions, event_log
from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.paging import Page
from scenarist.domain.behaviours import DeclaredConfigs
from scenarist.domain.entities import Task
from scenarist.domain.errors import ConflictError, require_found
from scenarist.domain.listings import PageRequest, TaskFilter
from scenarist.domain.permissions import Actor, Permission
from scenarist.services.declarations import as_declared
from scenarist.services.deletions import make_deletion_events, refuse_unfinished
from scenarist.services.factory import EntityBuilder, EntityFactory, get_config


class TaskService:
    """Reads tasks, creates them from the configs of a registry, and deletes them.

    Tasks are returned with the behaviour that the application declares now.

    Args:
        folder: Where default values are stored, unless their config names a path.
        declared: What the application declares now; None to return tasks as recorded.
    """

    def __init__(
        self,
        database: Database,
        registry: ConfigRegistry,
        *,
        folder: str,
        now: Callable[[], datetime],
        version: str,
        declared: DeclaredConfigs | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._declared = declared
        self._now = now
        self._factory = EntityFactory(
            database, folder=folder, now=now, version=version, declared=declared
        )

    def get(self, actor: Actor, task_id: str) -> Task:
        actor.require(Permission.READ)
        return as_declared(_get(self._database.reader, task_id), self._declared)

    def list_page(self, actor: Actor, wanted: TaskFilter, request: PageRequest) -> Page[Task]:
        actor.require(Permission.READ)
        page = task_rows.list_page(self._database.reader, wanted, request)
        return replace(page, items=[as_declared(task, self._declared) for task in page.items])

    def create(self, actor: Actor, config_id: str) -> tuple[Task, bool]:
        """Return the task of a config that no scenario owns, and whether this call created it.

        Also create its data nodes, unless they exist already without an owner.

        Raises:
            NotFoundError: No task config has the identifier; the message lists the configs.
        """
        actor.require(Permission.EDIT)
        config = get_config(self._registry.tasks, config_id, "task")
        return self._factory.create(actor, lambda builder: _make(builder, actor, config))

    def has_config(self, config_id: str) -> bool:
        """Return whether the application declares a task config with this identifier."""
        return config_id in self._registry.tasks

    def delete(
        self, actor: Actor, task_id: str, *, expect: Callable[[Task], None] | None = None
    ) -> None:
        """Delete an unreferenced task with its jobs; its data nodes stay.

        Raises:
            NotFoundError: There is no such task.
            ConflictError: A scenario or sequence has it, or a submission of it has not ended.
            ChangedError: It is not as expected.
        """
        actor.require(Permission.EDIT)
        now = self._now()

        def work(connection: Connection) -> None:
            task = _get(connection, task_id)
            if expect is not None:
                expect(task)
            _check_unreferenced(connection, task)
            cascade = deletions.cascade_of_tasks(connection, [task_id])
            deletions.delete_cascade(connection, cascade)
            event_log.add(connection, make_deletion_events(cascade, actor.ref), now)
            audit.record_allowed(connection, actor, task_id, now)

        self._database.write(work)


def _make(builder: EntityBuilder, actor: Actor, config: TaskConfig) -> tuple[Task, bool]:
    builder.outputs = {node.id for node in config.outputs}
    nodes = {
        node.id: builder.find_or_create_data_node(node)
        for node in (*config.inputs, *config.outputs)
    }
    task_id = builder.find_or_create_task(config, nodes)
    is_new = any(change.id == task_id for change in builder.changes)
    audit.record_allowed(builder.connection, actor, task_id, builder.now)
    return _get(builder.connection, task_id), is_new


def _check_unreferenced(connection: Connection, task: Task) -> None:
    if task.parent_ids:
        raise ConflictError(
            f"task {task.id} is part of {', '.join(task.parent_ids)}; delete those first",
            code="task_in_use",
        )
    refuse_unfinished(connection, f"task {task.id}", [task.id])


def _get(connection: Connection, task_id: str) -> Task:
    return require_found(task_rows.find(connection, task_id), "task", task_id)

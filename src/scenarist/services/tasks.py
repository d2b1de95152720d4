"""What may be done with tasks."""

from scenarist.db import tasks as task_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain.entities import Task
from scenarist.domain.errors import NotFoundError
from scenarist.domain.listings import PageRequest, TaskFilter
from scenarist.domain.permissions import Actor, Permission


class TaskService:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, actor: Actor, task_id: str) -> Task:
        actor.require(Permission.READ)
        found = task_rows.find(self._database.reader, task_id)
        if found is None:
            raise NotFoundError(f"no task has the identifier {task_id}")
        return found

    def list_page(self, actor: Actor, wanted: TaskFilter, request: PageRequest) -> Page[Task]:
        actor.require(Permission.READ)
        return task_rows.page(self._database.reader, wanted, request)

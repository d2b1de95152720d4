"""What may be done with jobs."""

from scenarist.db import jobs as job_rows
from scenarist.db.engine import Database
from scenarist.db.pages import Page
from scenarist.domain.entities import Job
from scenarist.domain.errors import NotFoundError
from scenarist.domain.listings import JobFilter, PageRequest
from scenarist.domain.permissions import Actor, Permission


class JobService:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, actor: Actor, job_id: str) -> Job:
        actor.require(Permission.READ)
        found = job_rows.find(self._database.reader, job_id)
        if found is None:
            raise NotFoundError(f"no job has the identifier {job_id}")
        return found

    def get_log(self, actor: Actor, job_id: str) -> list[tuple[int, str]]:
        """Return what each attempt wrote, with the attempt's number; silent ones are left out."""
        actor.require(Permission.READ)
        self.get(actor, job_id)
        return job_rows.find_log(self._database.reader, job_id)

    def list_page(self, actor: Actor, wanted: JobFilter, request: PageRequest) -> Page[Job]:
        actor.require(Permission.READ)
        return job_rows.page(self._database.reader, wanted, request)

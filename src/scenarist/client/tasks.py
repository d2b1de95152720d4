"""Tasks: those of scenarios, and those without an owner."""

from scenarist import schemas
from scenarist.client.entities import AnyOf, Listing, Timestamp
from scenarist.client.submissions import Submittable
from scenarist.client.transport import Call, path_of


class Tasks(Submittable[schemas.Task]):
    _name = "tasks"
    _results = schemas.Results[schemas.Task]

    def _read_one(self, body: bytes) -> schemas.Task:
        return self._transport.read(body, schemas.OneTask).task

    def create(self, config_id: str) -> schemas.Task:
        """Create the task of a config that no scenario owns, or return the existing one."""
        call = Call(
            method="POST", path=path_of(self._name), query={"config_id": config_id}, may_repeat=True
        )
        return self._transport.fetch(call, schemas.TaskCreated).task

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a task without an owner, with its jobs; its data nodes are kept."""
        self._delete(id, if_match)

    def list(
        self,
        *,
        id: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        sequence_id: AnyOf | None = None,
        config_id: AnyOf | None = None,
        version: AnyOf | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Task]:
        """List tasks in the order of their creation, or of ``sort``."""
        return self._list(locals())

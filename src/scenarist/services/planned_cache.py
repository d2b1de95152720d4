"""The cache of outputs as the jobs of a plan would find it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from scenarist.db.jobs import caching
from scenarist.domain.caching import Content, explain_cached, make_cache_key
from scenarist.domain.identifiers import DataNodeId
from scenarist.services.submit_requests import OrderedTask
from scenarist.storage.registry import has_bytes


@dataclass(slots=True)
class PlannedCache:
    """The cache of outputs as the jobs of a plan would find it.

    Args:
        contents: What outputs that are taken from the cache would contain.
        computed: By cache key, the task that would compute outputs before.
    """

    connection: Connection
    force: bool
    contents: dict[DataNodeId, Content] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)

    def find(
        self,
        task: OrderedTask,
        cached_as: str,
        inputs: Sequence[tuple[str | None, Content | None]],
    ) -> str | None:
        """Return why the outputs of a task would be taken from the cache; None if they would not.

        Ask in the order of the jobs.

        Args:
            cached_as: See `digest_cached_task`.
            inputs: The edit of each input; None for one that does not exist yet, with its content
                if that is known.
        """
        key = self._make_key(cached_as, inputs)
        if key is None:
            return None
        if not self.force:
            found = caching.find_cached(self.connection, [key], has_bytes).get(key)
            if found is not None:
                for node_id, output in zip(task.outputs, found.outputs, strict=True):
                    self.contents[node_id] = output.content
                return explain_cached(found.job_id)
            if key in self.computed:
                return f"task {self.computed[key]!r} computes the same outputs before it"
        self.computed.setdefault(key, task.config_id)
        return None

    def _make_key(
        self, cached_as: str, inputs: Sequence[tuple[str | None, Content | None]]
    ) -> str | None:
        recorded = [edit_id for edit_id, _ in inputs if edit_id is not None]
        known = caching.find_contents(self.connection, recorded) if recorded else {}
        contents = [
            content if edit_id is None else known.get(edit_id) for edit_id, content in inputs
        ]
        present = [content for content in contents if content is not None]
        return make_cache_key(cached_as, present) if len(present) == len(contents) else None

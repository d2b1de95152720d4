"""Finds which claimed jobs need not run, because their outputs are in the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from scenarist.db.jobs import caching
from scenarist.db.jobs.caching import CachedOutputs
from scenarist.db.jobs.claim import Claim, InputValue
from scenarist.db.jobs.recipes import RecipeCache
from scenarist.domain.caching import make_cache_key
from scenarist.storage.registry import has_bytes


@dataclass(slots=True)
class CachedJobs:
    """The cache as claimed jobs find it. Of several jobs with one key, only the first one runs.

    Args:
        keys: The cache keys of claimed jobs, by number.
        found: Outputs in the cache, by key.
        running: Jobs that compute outputs now, by key.
    """

    keys: Mapping[int, str] = field(default_factory=dict)
    found: Mapping[str, CachedOutputs] = field(default_factory=dict)
    running: dict[str, int] = field(default_factory=dict)
    started: list[Claim] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        connection: Connection,
        claimed: Sequence[Claim],
        recipes: RecipeCache,
        inputs: Mapping[int, Sequence[InputValue]],
    ) -> "CachedJobs":
        """Find what there is for these jobs."""
        cacheable = [
            (claim.number, digest)
            for claim in claimed
            if (digest := recipes.get(claim.task_id).cached_as) is not None
        ]
        read = {number: inputs.get(number, ()) for number, _ in cacheable}
        contents = caching.find_contents(
            connection, [value.edit_id for values in read.values() for value in values]
        )
        keys = {
            number: key
            for number, digest in cacheable
            if all(value.edit_id in contents for value in read[number])
            and (key := make_cache_key(digest, [contents[item.edit_id] for item in read[number]]))
        }
        wanted = list(set(keys.values()))
        return cls(
            keys,
            caching.find_cached(connection, wanted, has_bytes),
            caching.find_running(connection, wanted, [claim.number for claim in claimed]),
        )

    def find(self, claim: Claim) -> CachedOutputs | None:
        """Return the outputs of a job that need not be computed; None if they must be."""
        return None if claim.force else self.found.get(self.keys.get(claim.number, ""))

    def find_running(self, claim: Claim) -> int | None:
        """Return the number of a job that computes the outputs of another one now."""
        return None if claim.force else self.running.get(self.keys.get(claim.number, ""))

    def with_key(self, claim: Claim) -> Claim:
        key = self.keys.get(claim.number)
        return claim if key is None else replace(claim, cache_key=key)

    def start(self, claim: Claim) -> Claim:
        """Return a claim that runs with its cache key, which others find from now on."""
        claim = self.with_key(claim)
        if claim.cache_key is not None:
            self.running.setdefault(claim.cache_key, claim.number)
            self.started.append(claim)
        return claim

    def record(self, connection: Connection, behind: Sequence[tuple[Claim, int]]) -> None:
        """Record which jobs run with a cache key.

        Args:
            behind: Jobs to block, each with the number of the job that computes its outputs.
        """
        caching.set_keys(connection, self.started)
        caching.block_behind(connection, behind)

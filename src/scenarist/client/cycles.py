"""Cycles: the periods that scenarios belong to."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from scenarist import schemas
from scenarist.client.entities import AnyOf, Entities, Listing, Timestamp, format_timestamp
from scenarist.client.scenarios import delete_cascading
from scenarist.client.transport import Call, path_of
from scenarist.domain.vocabulary import Frequency


class Cycles(Entities[schemas.Cycle]):
    _name = "cycles"
    _results = schemas.Results[schemas.Cycle]

    def _read_one(self, body: bytes) -> schemas.Cycle:
        return self._transport.read(body, schemas.OneCycle).cycle

    def create(
        self,
        frequency: Frequency | str,
        *,
        name: str | None = None,
        properties: Mapping[str, Any] | None = None,
        creation_date: Timestamp | None = None,
    ) -> schemas.Cycle:
        """Create the cycle of a period, or return the existing one.

        Args:
            creation_date: A timestamp or a date within the period; the default is now.
        """
        moment = format_timestamp(creation_date)
        body = schemas.CreateCycle(
            frequency=frequency,
            name=name,
            properties=dict(properties or {}),
            creation_date=UNSET if moment is None else moment,
        )
        call = Call(method="POST", path=path_of(self._name), body=body, may_repeat=True)
        return self._transport.fetch(call, schemas.CycleCreated).cycle

    def delete(
        self, id: str, *, dry_run: bool = False, if_match: str | None = None
    ) -> schemas.Deletion:
        """Delete a cycle with all its scenarios.

        Args:
            dry_run: Change nothing; return what would be deleted.
        """
        return delete_cascading(self._transport, path_of(self._name, id), dry_run, if_match)

    def list(
        self, *, id: AnyOf | None = None, frequency: AnyOf | None = None, sort: str | None = None
    ) -> Listing[schemas.Cycle]:
        return self._list(locals())

"""Sequences: tasks of a scenario that are submitted together."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from scenarist import schemas
from scenarist.client.entities import AnyOf, Listing, Timestamp, build_if_match
from scenarist.client.subscribers import Subscribable
from scenarist.client.transport import Call, path_of


class Sequences(Subscribable[schemas.Sequence]):
    _name = "sequences"
    _results = schemas.Results[schemas.Sequence]

    def _read_one(self, body: bytes) -> schemas.Sequence:
        return self._transport.read(body, schemas.OneSequence).sequence

    def create(
        self,
        scenario_id: str,
        name: str,
        tasks: Sequence[str],
        *,
        properties: Mapping[str, Any] | None = None,
    ) -> schemas.Sequence:
        """Group tasks of a scenario, given by their identifiers, under a name."""
        body = schemas.CreateSequence(
            scenario_id=scenario_id,
            sequence_name=name,
            tasks=list(tasks),
            properties=dict(properties or {}),
        )
        call = Call(method="POST", path=path_of(self._name), body=body)
        return self._transport.fetch(call, schemas.SequenceCreated).sequence

    def change(
        self,
        id: str,
        *,
        name: str | UnsetType = UNSET,
        tasks: Sequence[str] | UnsetType = UNSET,
        properties: Mapping[str, Any] | UnsetType = UNSET,
        if_match: str | None = None,
    ) -> schemas.Sequence:
        """Change the given fields; properties are merged, and None removes one.

        A new name changes the identifier; the returned sequence has the new one.
        """
        body = schemas.ChangeSequence(
            name=name,
            tasks=UNSET if isinstance(tasks, UnsetType) else list(tasks),
            properties=UNSET if isinstance(properties, UnsetType) else dict(properties),
        )
        path = path_of(self._name, id)
        call = Call(method="PATCH", path=path, body=body, headers=build_if_match(if_match))
        return self._transport.fetch(call, schemas.OneSequence).sequence

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        """Delete a sequence; its jobs and their results are kept."""
        self._delete(id, if_match)

    def list(
        self,
        *,
        id: AnyOf | None = None,
        scenario_id: AnyOf | None = None,
        name: AnyOf | None = None,
        version: AnyOf | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Sequence]:
        """List sequences in the order of their creation, or of ``sort``."""
        return self._list(locals())

"""Subscribers of a scenario or a sequence: addresses that receive webhooks."""

from collections.abc import Sequence

from msgspec import UNSET

from scenarist import schemas
from scenarist.client.entities import AnyOf, EntityT, Listing, build_if_match
from scenarist.client.submissions import SubmittableWithInputs
from scenarist.client.transport import Call, Transport, path_of


class Subscribers:
    """The subscribers of one scenario or one sequence.

    Args:
        of: The name of the kind, as in paths, and the identifier.
    """

    def __init__(self, transport: Transport, of: tuple[str, str]) -> None:
        self._transport = transport
        self._of = of

    def create(self, url: str, *, secret: str | None = None) -> schemas.SubscriberCreated:
        """Send changes of status to an address; only this response has the secret."""
        body = schemas.CreateSubscriber(url=url, secret=UNSET if secret is None else secret)
        call = Call(method="POST", path=self._path(), body=body)
        return self._transport.fetch(call, schemas.SubscriberCreated)

    def get(self, id: str) -> schemas.Subscriber:
        call = Call(method="GET", path=self._path(id))
        return self._transport.fetch(call, schemas.OneSubscriber).subscriber

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        call = Call(method="DELETE", path=self._path(id), headers=build_if_match(if_match))
        self._transport.fetch(call, schemas.Message)

    def list(self) -> Sequence[schemas.Subscriber]:
        call = Call(method="GET", path=self._path())
        return self._transport.fetch(call, schemas.Results[schemas.Subscriber]).results

    def _path(self, *more: str) -> str:
        return path_of(*self._of, "subscribers", *more)


class Subscribable(SubmittableWithInputs[EntityT]):
    """Scenarios and sequences, which have submissions and subscribers."""

    def submissions(
        self, id: str, *, status: AnyOf | None = None, version: AnyOf | None = None
    ) -> Listing[schemas.Submission]:
        """List the submissions of this entity only: a scenario's do not include its sequences'."""
        path = path_of(self._name, id, "submissions")
        results = schemas.Results[schemas.Submission]
        return Listing(self._transport, path, results, {"status": status, "version": version})

    def subscribers(self, id: str) -> Subscribers:
        return Subscribers(self._transport, (self._name, id))

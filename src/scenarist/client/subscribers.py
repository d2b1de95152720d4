"""Who follows the submissions of a scenario or a sequence: you, and addresses that are told."""

from collections.abc import Sequence

from msgspec import UNSET

from scenarist import schemas
from scenarist.client.entities import AnyOf, EntityT, Listing, guard
from scenarist.client.submissions import Submittable
from scenarist.client.transport import Call, Transport, path_of


class Subscribers:
    """Those of one scenario or one sequence.

    Args:
        of: The name of the kind, as in paths, and the identifier.
    """

    def __init__(self, transport: Transport, of: tuple[str, str]) -> None:
        self._transport = transport
        self._of = of

    def create(self, url: str, *, secret: str | None = None) -> schemas.SubscriberCreated:
        """Have an address told of each change of status; only this answer shows the secret."""
        body = schemas.CreateSubscriber(url=url, secret=UNSET if secret is None else secret)
        call = Call(method="POST", path=self._path(), body=body)
        return self._transport.ask(call, schemas.SubscriberCreated)

    def get(self, id: str) -> schemas.Subscriber:
        call = Call(method="GET", path=self._path(id))
        return self._transport.ask(call, schemas.OneSubscriber).subscriber

    def delete(self, id: str, *, if_match: str | None = None) -> None:
        call = Call(method="DELETE", path=self._path(id), headers=guard(if_match))
        self._transport.ask(call, schemas.Message)

    def list(self) -> Sequence[schemas.Subscriber]:
        call = Call(method="GET", path=self._path())
        return self._transport.ask(call, schemas.Results[schemas.Subscriber]).results

    def _path(self, *more: str) -> str:
        return path_of(*self._of, "subscribers", *more)


class Followed(Submittable[EntityT]):
    """Scenarios and sequences: whoever has submitted one is not the only one to know."""

    def submissions(self, id: str, *, status: AnyOf | None = None) -> Listing[schemas.Submission]:
        """List its own submissions: for a scenario not those of its sequences, nor the reverse."""
        path = path_of(self._name, id, "submissions")
        results = schemas.Results[schemas.Submission]
        return Listing(self._transport, path, results, {"status": status})

    def subscribers(self, id: str) -> Subscribers:
        return Subscribers(self._transport, (self._name, id))

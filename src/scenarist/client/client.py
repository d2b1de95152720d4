"""The client: one attribute for each kind of entity, sign-in, events and the audit."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from scenarist import schemas
from scenarist.client.cycles import Cycles
from scenarist.client.data_nodes import DataNodes
from scenarist.client.entities import AnyOf, Listing, Timestamp
from scenarist.client.events import EventStream
from scenarist.client.identities import Keys, Users
from scenarist.client.jobs import Jobs
from scenarist.client.orchestration import OrchestrationControl
from scenarist.client.scenarios import Scenarios
from scenarist.client.sequences import Sequences
from scenarist.client.submissions import Submissions
from scenarist.client.tasks import Tasks
from scenarist.client.transport import Call, Transport, path_of
from scenarist.domain.vocabulary import ChangeType, EntityKind


class Client:
    """Client of one server. Connections are kept open; threads can share a client.

    A request whose response was lost is sent again if that is safe: reading, writing a value,
    deleting, and submitting, whose idempotency key makes a repeat return the first submission.
    Every request is sent again if there was no connection, or if the server responded with 503 and
    changed nothing.

    Args:
        url: The address of the server, such as ``http://127.0.0.1:5000``.
        token: The token of a session, or a key; None while authorization is off.
        timeout: Seconds that a request may take, in addition to the time that it asks the server to
            wait.
        retries: How often a request is sent again, with growing pauses; a ``Retry-After`` of the
            server is respected.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout: float = 30.0, retries: int = 4
    ) -> None:
        self._transport = Transport(url, token=token, timeout=timeout, retries=retries)
        self.scenarios = Scenarios(self._transport)
        self.sequences = Sequences(self._transport)
        self.tasks = Tasks(self._transport)
        self.data_nodes = DataNodes(self._transport)
        self.cycles = Cycles(self._transport)
        self.submissions = Submissions(self._transport)
        self.jobs = Jobs(self._transport)
        self.orchestration = OrchestrationControl(self._transport)
        self.users = Users(self._transport)
        self.keys = Keys(self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self._transport.url}>"

    def close(self) -> None:
        self._transport.close()

    def sign_in(self, username: str, password: str) -> schemas.SignedIn:
        """Open a session, and send its token from now on."""
        body = schemas.Login(username=username, password=password)
        call = Call(method="POST", path=path_of("auth", "login"), body=body)
        signed_in = self._transport.fetch(call, schemas.SignedIn)
        self._transport.token = signed_in.token
        return signed_in

    def sign_out(self) -> None:
        """End the session, and forget its token."""
        self._transport.fetch(Call(method="POST", path=path_of("auth", "logout")), schemas.Message)
        self._transport.token = None

    def me(self) -> schemas.Me:
        """Return the caller's identity and roles, as the server sees them."""
        return self._transport.fetch(Call(method="GET", path=path_of("auth", "me")), schemas.Me)

    def change_password(self, old: str, new: str) -> None:
        """Change your own password; all your sessions end, including this one."""
        body = schemas.ChangePassword(old_password=old, new_password=new)
        call = Call(method="POST", path=path_of("auth", "password"), body=body)
        self._transport.fetch(call, schemas.Message)

    def events(
        self,
        *,
        entity_type: EntityKind | str | Sequence[EntityKind | str] = (),
        entity_id: str | Sequence[str] = (),
        change: ChangeType | str | Sequence[ChangeType | str] = (),
        submission_id: str | Sequence[str] = (),
        after: str | None = None,
        patience: float = 60.0,
    ) -> EventStream:
        """Follow changes from now on; no event is missed when the connection is lost.

        Args:
            entity_type: Only events of this kind of entity, or of these.
            entity_id: Only events of this entity, or of these.
            change: Only CREATED, UPDATED or DELETED, or several of these.
            submission_id: Only events of this submission and its jobs, or of these.
            after: The id of the event to continue after.
            patience: For how many seconds the stream tries to reconnect after it has lost the
                connection.
        """
        filters = {
            "entity_type": entity_type,
            "entity_id": entity_id,
            "change": change,
            "submission_id": submission_id,
        }
        return EventStream(self._transport, filters, after=after, patience=patience)

    def audit(
        self,
        *,
        actor: AnyOf | None = None,
        key_id: AnyOf | None = None,
        entity_id: AnyOf | None = None,
        operation: AnyOf | None = None,
        is_allowed: bool | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.AuditEntry]:
        """List the rows of the audit, newest first: who did what, and what was refused."""
        filters = {
            "actor": actor,
            "key_id": key_id,
            "entity_id": entity_id,
            "operation": operation,
            "is_allowed": is_allowed,
            "created_after": created_after,
            "created_before": created_before,
            "sort": sort,
        }
        results = schemas.Results[schemas.AuditEntry]
        return Listing(self._transport, path_of("audit"), results, filters)

    def check_health(self) -> str:
        """Return ``alive``, if the server responds."""
        return self._transport.fetch(Call(method="GET", path="/healthz"), schemas.Message).message

    def check_readiness(self) -> str:
        """Return ``ready``.

        Raises:
            UnavailableError: The server cannot work now; the message says why.
        """
        call = Call(method="GET", path="/readyz", retries_unavailable=False)
        return self._transport.fetch(call, schemas.Message).message

    def metrics(self) -> str:
        """Return the metrics of the server, in the text format of Prometheus."""
        call = Call(method="GET", path="/metrics", headers={"Accept": "*/*"})
        return self._transport.send(call).text

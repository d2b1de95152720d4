"""A typed client of the REST paths: for programs and notebooks beside the server."""

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from scenarist import schemas
from scenarist.domain.vocabulary import JobStatus, SubmissionStatus

T = TypeVar("T")

_PAGE = 500


class ProblemError(Exception):
    """The server's refusal, in its own words."""

    def __init__(self, problem: schemas.Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Client:
    """Talks to a server.

    Args:
        url: Where it listens, such as ``http://127.0.0.1:5000``.
        token: Of a session, or a key; none while authorization is off.
        timeout: Seconds that one request may take beyond what it asks the server to wait.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 30.0) -> None:
        import httpx  # imported when a client is made: importing this module stays cheap

        self._timeout = timeout
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http: httpx.Client = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", headers=headers
        )
        self.scenarios = _Scenarios(self)
        self.sequences = _Sequences(self)
        self.tasks = _Entities(self, "tasks", schemas.OneTask, schemas.Task)
        self.data_nodes = _DataNodes(self)
        self.submissions = _Entities(self, "submissions", schemas.OneSubmission, schemas.Submission)
        self.jobs = _Entities(self, "jobs", schemas.OneJob, schemas.Job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: object = msgspec.UNSET,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> T:
        """Send one request and read its answer.

        Raises:
            ProblemError: The server refused.
        """
        response = self._http.request(
            method,
            path,
            content=None if body is msgspec.UNSET else msgspec.json.encode(body),
            params={name: value for name, value in (query or {}).items() if value is not None},
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=self._timeout + wait,
        )
        if response.is_error:
            raise ProblemError(msgspec.json.decode(response.content, type=schemas.Problem))
        return msgspec.json.decode(response.content, type=answer)


class _Entities:
    """What all kinds of entities can do: be got, and be listed page by page."""

    def __init__(self, client: Client, kind: str, one: type[Any], entity: type[Any]) -> None:
        self.client = client
        self.kind = kind
        self.one = one
        self.entity = entity

    def get(self, entity_id: str) -> Any:
        found = self.client.request("GET", f"/{self.kind}/{entity_id}", self.one)
        return getattr(found, found.__struct_fields__[0])

    def list(self, **filters: str | JobStatus | SubmissionStatus | None) -> Iterator[Any]:
        """Go through all that the filters leave, fetching pages as they are needed."""
        cursor: str | None = None
        while True:
            page = self.client.request(
                "GET",
                f"/{self.kind}",
                schemas.Results[self.entity],  # type: ignore[name-defined]
                query={**filters, "limit": _PAGE, "cursor": cursor},
            )
            yield from page.results
            if not isinstance(page.next, str):
                return
            cursor = page.next


class _Scenarios(_Entities):
    def __init__(self, client: Client) -> None:
        super().__init__(client, "scenarios", schemas.OneScenario, schemas.Scenario)

    def create(
        self, config_id: str, *, name: str | None = None, **properties: Any
    ) -> schemas.Scenario:
        body = schemas.CreateScenario(config_id=config_id, name=name, properties=properties)
        made = self.client.request("POST", "/scenarios", schemas.ScenarioCreated, body=body)
        return made.scenario


class _Sequences(_Entities):
    def __init__(self, client: Client) -> None:
        super().__init__(client, "sequences", schemas.OneSequence, schemas.Sequence)

    def create(self, scenario_id: str, name: str, tasks: Sequence[str]) -> schemas.Sequence:
        body = schemas.CreateSequence(
            scenario_id=scenario_id, sequence_name=name, tasks=list(tasks)
        )
        made = self.client.request("POST", "/sequences", schemas.SequenceCreated, body=body)
        return made.sequence

    def delete(self, sequence_id: str) -> None:
        self.client.request("DELETE", f"/sequences/{sequence_id}", schemas.Message)

    def submit(
        self,
        sequence_id: str,
        *,
        wait: int = 0,
        force: bool = False,
        idempotency_key: str | None = None,
    ) -> schemas.Submission:
        """Submit a sequence, and wait up to so many seconds for the submission to end.

        With an idempotency key, a repeat returns the first submission: a request whose answer was
        lost may be sent again.
        """
        prefer = "return=representation" + (f", wait={wait}" if wait else "")
        headers = {"Prefer": prefer}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        done = self.client.request(
            "POST",
            f"/sequences/submit/{sequence_id}",
            schemas.SequenceSubmitted,
            body=schemas.Submit(force=force),
            headers=headers,
            wait=wait,
        )
        return done.submission


class _DataNodes(_Entities):
    def __init__(self, client: Client) -> None:
        super().__init__(client, "datanodes", schemas.OneDataNode, schemas.DataNode)

    def read(self, data_node_id: str) -> Any:
        """Return the value as JSON shows it; of a large pickled one only the preview."""
        return self.client.request("GET", f"/datanodes/{data_node_id}/read", schemas.Value).data

    def write(self, data_node_id: str, value: object) -> None:
        self.client.request("PUT", f"/datanodes/{data_node_id}/write", schemas.Message, body=value)

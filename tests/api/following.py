"""A client of the event stream, on a real connection."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from servers import PATIENCE_SECONDS, StartedServer

PATH = "/api/v1/events"


@dataclass(frozen=True)
class Told:
    """One event as it came."""

    id: str
    type: str
    data: Any

    @property
    def summary(self) -> tuple[str, str, str | None]:
        return self.data["entity_type"], self.data["change"], self.data["status"]

    def completes(self, entity_id: str) -> bool:
        return (self.data["entity_id"], self.data["status"]) == (entity_id, "COMPLETED")


def events_in(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yield the fields of each event that has come as a whole (Server-Sent Events)."""
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue  # a comment, and the blank line that ends it
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields
            fields = {}


class Following:
    """One open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        retry, mark, end = [next(self._lines) for _ in range(3)]
        assert (retry, end) == ("retry: 1000", "")
        self.opening = mark.removeprefix("id: ")

    def __iter__(self) -> Iterator[Told]:
        """Yield events until the server ends the stream."""
        for fields in events_in(self._lines):
            data = msgspec.json.decode(fields["data"])
            yield Told(fields.get("id", ""), fields["event"], data)

    def take(self, count: int) -> list[Told]:
        return [told for _, told in zip(range(count), self, strict=False)]

    def until(self, entity_id: str, *, most: int = 1_000_000) -> list[Told]:
        """Return the events up to the one that completes an entity, or the first so many."""
        taken: list[Told] = []
        for told in self:
            taken.append(told)
            if len(taken) == most or told.completes(entity_id):
                return taken
        raise AssertionError(f"the stream ended before {entity_id} was COMPLETED")


@contextmanager
def following(
    server: StartedServer, *, last: str | None = None, **query: Any
) -> Iterator[Following]:
    """Follow events, from now on or after one."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with (
        httpx.Client(base_url=server.address, timeout=PATIENCE_SECONDS) as http,
        http.stream("GET", PATH, params=query, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        yield Following(response)


class Listener:
    """Follows in a thread of its own until the server ends the stream."""

    def __init__(self, server: StartedServer, **query: Any) -> None:
        self.told: list[Told] = []
        self._is_open = threading.Event()
        self._server = server
        self._query = query
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        assert self._is_open.wait(PATIENCE_SECONDS)

    def _listen(self) -> None:
        with following(self._server, **self._query) as stream:
            self._is_open.set()
            self.told.extend(stream)

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

"""Clients of the servers under test: each request and its answer goes into the history."""

import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from api.following import events_in
from chaos.history import Answer, History, Made, Outcome, Submit
from servers import StartedServer

PATIENCE_SECONDS = 30


@dataclass
class World:
    """What all clients share.

    Attributes:
        is_over: No client begins anything new once it is set.
    """

    servers: Sequence[StartedServer]
    history: History
    sequences: list[str] = field(default_factory=list)
    rate_id: str = ""
    journal_id: str = ""
    is_over: threading.Event = field(default_factory=threading.Event)
    # A connection for each request: one that is refused says that nothing was sent.
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=PATIENCE_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )
    )

    def ask(
        self, chance: random.Random, method: str, path: str, body: Any = None, **headers: str
    ) -> Answer:
        """Send a request to any of the servers; a lost connection is an answer, too."""
        url = f"{chance.choice(self.servers).address}/api/v1{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            response = self.http.request(method, url, json=body, headers=named)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Answer(Outcome.NOT_DONE)
        except httpx.HTTPError:
            return Answer(Outcome.IN_DOUBT)
        found = _parsed(response)
        code = found.get("code") if isinstance(found, dict) and response.is_error else None
        with self.history.lock:
            self.history.answers[f"{response.status_code} {code or ''}".strip()] += 1
        status = response.status_code
        if response.is_success:
            outcome = Outcome.DONE
        elif code == "in_doubt" or (status >= 500 and status != 503):
            outcome = Outcome.IN_DOUBT
        else:
            outcome = Outcome.NOT_DONE
        if status >= 500 and status != 503:
            self.history.add_fault(f"{method} {path} was answered {status}: {found}")
        return Answer(outcome, status, dict(response.headers), found)

    def ask_until_done(
        self, chance: random.Random, method: str, path: str, body: Any = None
    ) -> Answer:
        """Send a request until it is done."""
        until = time.monotonic() + 2 * PATIENCE_SECONDS
        while not (answer := self.ask(chance, method, path, body)).is_done:
            assert time.monotonic() < until, f"{method} {path} is never done: {answer}"
            time.sleep(0.1)
        return answer


def _parsed(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return response.text


Client = Callable[[World, random.Random], None]


def write_rates(world: World, chance: random.Random) -> None:
    """Write 1, 2, 3, … to the rate; the only one who does."""
    rates, number = world.history.rates, 0
    while not world.is_over.is_set():
        number += 1
        rates[number] = Outcome.IN_DOUBT
        path = f"/datanodes/{world.rate_id}/write"
        rates[number] = world.ask(chance, "PUT", path, {"number": number}).outcome
        _rest(world, chance, 0.05, 0.2)


def read(world: World, chance: random.Random) -> None:
    """Look at the rate, which is never older than what was acknowledged before."""
    history = world.history
    while not world.is_over.is_set():
        least = history.acknowledged_rate
        answer = world.ask(chance, "GET", f"/datanodes/{world.rate_id}/read")
        most = len(history.rates)
        if answer.is_done and not least <= answer.body["data"]["number"] <= most:
            history.add_fault(f"the rate is {answer.body['data']}, not from {least} to {most}")
        path = chance.choice(["jobs", "submissions", "scenarios", "datanodes"])
        listed = world.ask(chance, "GET", f"/{path}?limit=20")
        if not listed.is_done and listed.status not in (0, 503):
            history.add_fault(f"GET /{path} was answered {listed.status}: {listed.body}")
        _rest(world, chance, 0.05, 0.2)


def submit(world: World, chance: random.Random) -> None:
    while not world.is_over.is_set():
        sequence = chance.choice(world.sequences)
        made = Submit(_mark(chance), least_rate=world.history.acknowledged_rate)
        headers = {}
        if chance.random() < 0.3:
            headers["prefer"] = f"return=representation, wait={chance.randrange(0, 5)}"
        tries = 1
        if chance.random() < 0.5:
            headers["idempotency_key"] = made.mark
            tries = chance.randrange(1, 4)
        for _ in range(tries):
            body = {"properties": {"mark": made.mark}}
            path = f"/sequences/submit/{sequence}"
            answer = world.ask(chance, "POST", path, body, **headers)
            made.answers.append((answer.outcome, _submission_of(answer)))
            if answer.status not in (0, 503) and not answer.is_done:
                world.history.add_fault(f"a submit was answered {answer.status}: {answer.body}")
        made.most_rate = len(world.history.rates)
        with world.history.lock:
            world.history.submits.append(made)
        _rest(world, chance, 0.05, 0.4)


def interfere(world: World, chance: random.Random) -> None:
    """Cancel, pause, resume and retry what others have submitted."""
    while not world.is_over.is_set():
        with world.history.lock:
            recent = [found for made in world.history.submits[-12:] for _, found in made.answers]
        if known := [found for found in recent if found]:
            chance.choice([_cancel, _pause_and_resume, _retry])(world, chance, chance.choice(known))
        _rest(world, chance, 0.05, 0.4)


def _cancel(world: World, chance: random.Random, submission: str) -> None:
    answer = world.ask(chance, "POST", f"/submissions/cancel/{submission}")
    with world.history.lock:
        world.history.cancels.append((submission, answer))
    if answer.status == 204:
        found = world.ask(chance, "GET", f"/submissions/{submission}")
        if found.is_done and (status := found.body["submission"]["status"]) != "CANCELED":
            world.history.add_fault(f"{submission} is {status} after a cancel was answered 204")


def _pause_and_resume(world: World, chance: random.Random, submission: str) -> None:
    path = f"/submissions/pause/{submission}"
    if world.ask(chance, "POST", path).is_done:
        begun = _attempts(world, chance, submission)
        _rest(world, chance, 0.1, 0.8)
        later = _attempts(world, chance, submission)
        if begun is not None and later is not None and later > begun:
            world.history.add_fault(
                f"{later - begun} jobs of {submission} began while it was paused"
            )
    answer = Answer(Outcome.NOT_DONE)
    until = time.monotonic() + 3 * PATIENCE_SECONDS  # a server may be slow to start again
    while time.monotonic() < until:
        answer = world.ask(chance, "POST", f"/submissions/resume/{submission}")
        if answer.is_done or answer.status in (404, 409):
            return
        time.sleep(0.1)
    world.history.add_fault(f"{submission} could not be resumed: {answer}")


def _attempts(world: World, chance: random.Random, submission: str) -> int | None:
    answer = world.ask(chance, "GET", f"/jobs?submission_id={submission}")
    return sum(job["attempts"] for job in answer.body["results"]) if answer.is_done else None


def _retry(world: World, chance: random.Random, submission: str) -> None:
    made = Submit(_mark(chance), is_retry=True)
    body = {"properties": {"mark": made.mark}}
    answer = world.ask(chance, "POST", f"/submissions/retry/{submission}", body)
    made.answers.append((answer.outcome, _submission_of(answer)))
    with world.history.lock:
        world.history.submits.append(made)


def create(world: World, chance: random.Random) -> None:
    """Create scenarios, count them up, delete some, and append to the journal."""
    while not world.is_over.is_set():
        name = f"made {_mark(chance)}"
        body = {"config_id": "notes", "name": name}
        answer = world.ask(chance, "POST", "/scenarios", body)
        made = Made(name, answer.outcome)
        world.history.made.append(made)
        if answer.is_done:
            made.id = answer.body["scenario"]["id"]
            for _ in range(chance.randrange(4)):
                _count_up(world, chance, made)
            if chance.random() < 0.4:
                made.deleted = world.ask(chance, "DELETE", f"/scenarios/{made.id}").outcome
        entry = _mark(chance)
        path = f"/datanodes/{world.journal_id}/append"
        world.history.appended[entry] = world.ask(chance, "POST", path, [entry]).outcome
        _rest(world, chance, 0.05, 0.2)


def _count_up(world: World, chance: random.Random, made: Made) -> None:
    found = world.ask(chance, "GET", f"/scenarios/{made.id}")
    if found.status == 404:
        world.history.add_fault(f"the scenario {made.id} was acknowledged and is not there")
    if not found.is_done:
        return
    count = found.body["scenario"]["properties"].get("count", 0)
    if not made.least <= count <= made.most:
        world.history.add_fault(f"{made.id} counts {count}, not from {made.least} to {made.most}")
    body = {"properties": {"count": count + 1}}
    etag = found.headers["etag"]
    answer = world.ask(chance, "PATCH", f"/scenarios/{made.id}", body, if_match=etag)
    if answer.is_done:
        made.least = made.most = count + 1
    elif answer.outcome is Outcome.IN_DOUBT:
        made.most = max(made.most, count + 1)
    elif answer.status == 412 and made.least == made.most:
        world.history.add_fault(f"PATCH of {made.id} was answered 412, and nobody else writes it")


def follow(world: World, chance: random.Random, seen: list[tuple[str, Any]]) -> None:
    """Read the stream of events, from any server and for a while, and go on at the next."""
    while not world.is_over.is_set():
        _follow_once(world, chance, seen, chance.uniform(0.5, 4.0))


def catch_up(world: World, seen: list[tuple[str, Any]], last: str) -> None:
    """Read the stream until it has come to the last event."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (not seen or seen[-1][0] != last) and time.monotonic() < until:
        _follow_once(world, random.Random(0), seen, 0.5, last)


def _follow_once(
    world: World,
    chance: random.Random,
    seen: list[tuple[str, Any]],
    seconds: float,
    last: str | None = None,
) -> None:
    until = time.monotonic() + seconds
    headers = {"Last-Event-ID": seen[-1][0] if seen else "0.0"}
    url = f"{chance.choice(world.servers).address}/api/v1/events"
    try:
        with (
            httpx.Client(timeout=httpx.Timeout(5, read=seconds)) as http,
            http.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code != 200:
                time.sleep(0.1)
                return
            for event in _events(response):
                seen.append(event)
                if event[0] == last or time.monotonic() > until:
                    return
    except httpx.HTTPError:
        time.sleep(0.05)


def _events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Yield the id and the data of each event."""
    for fields in events_in(response.iter_lines()):
        if "id" in fields and "data" in fields:
            yield fields["id"], json.loads(fields["data"])


CLIENTS: tuple[Client, ...] = (write_rates, read, submit, submit, submit, interfere, create)


def _submission_of(answer: Answer) -> str:
    return answer.headers.get("location", "").rpartition("/")[2] if answer.is_done else ""


def _mark(chance: random.Random) -> str:
    return uuid.UUID(int=chance.getrandbits(128)).hex


def _rest(world: World, chance: random.Random, least: float, most: float) -> None:
    world.is_over.wait(chance.uniform(least, most))

"""The client against the description that a started server gives of itself."""

import io
import re
from collections.abc import Callable

import httpx
import pytest

from scenarist import Client
from scenarist.client import ProblemError
from servers import StartedServer

# One call for each operation; most are refused, since nothing has such an identifier.
CALLS: list[Callable[[Client], object]] = [
    lambda c: c.sequences.list().first(),
    lambda c: c.sequences.create("x", "x", []),
    lambda c: c.sequences.get("x"),
    lambda c: c.sequences.change("x"),
    lambda c: c.sequences.delete("x"),
    lambda c: c.sequences.submit("x"),
    lambda c: c.sequences.plan("x"),
    lambda c: c.sequences.submissions("x").first(),
    lambda c: c.scenarios.list().first(),
    lambda c: c.scenarios.configs(),
    lambda c: c.scenarios.drift(),
    lambda c: c.scenarios.create("x"),
    lambda c: c.scenarios.get("x"),
    lambda c: c.scenarios.change("x"),
    lambda c: c.scenarios.delete("x"),
    lambda c: c.scenarios.promote("x"),
    lambda c: c.scenarios.compare(["x", "y"]),
    lambda c: c.scenarios.differences(["x", "y"]),
    lambda c: c.scenarios.submit("x"),
    lambda c: c.scenarios.plan("x"),
    lambda c: c.scenarios.upgrade("x"),
    lambda c: c.scenarios.submissions("x").first(),
    lambda c: c.cycles.list().first(),
    lambda c: c.cycles.create("x"),
    lambda c: c.cycles.get("x"),
    lambda c: c.cycles.delete("x"),
    lambda c: c.tasks.list().first(),
    lambda c: c.tasks.create("x"),
    lambda c: c.tasks.get("x"),
    lambda c: c.tasks.delete("x"),
    lambda c: c.tasks.submit("x"),
    lambda c: c.tasks.plan("x"),
    lambda c: c.data_nodes.list().first(),
    lambda c: c.data_nodes.create("x"),
    lambda c: c.data_nodes.get("x"),
    lambda c: c.data_nodes.delete("x"),
    lambda c: c.data_nodes.read("x"),
    lambda c: c.data_nodes.write("x", 1),
    lambda c: c.data_nodes.append("x", 1),
    lambda c: c.data_nodes.download("x", io.BytesIO()),
    lambda c: c.data_nodes.upload("x", b"1"),
    lambda c: c.data_nodes.edits("x").first(),
    lambda c: c.data_nodes.edit("x", "y"),
    lambda c: c.data_nodes.lock("x"),
    lambda c: c.data_nodes.unlock("x"),
    lambda c: c.submissions.list().first(),
    lambda c: c.submissions.get("x"),
    lambda c: c.submissions.delete("x"),
    lambda c: c.submissions.cancel("x"),
    lambda c: c.submissions.retry("x"),
    lambda c: c.submissions.pause("x"),
    lambda c: c.submissions.resume("x"),
    lambda c: c.orchestration.get(),
    lambda c: c.orchestration.pause(),
    lambda c: c.orchestration.resume(),
    lambda c: c.jobs.list().first(),
    lambda c: c.jobs.create("x"),
    lambda c: c.jobs.get("x"),
    lambda c: c.jobs.log("x"),
    lambda c: c.jobs.delete("x"),
    lambda c: c.jobs.cancel("x"),
    lambda c: c.scenarios.config("x"),
    lambda c: c.scenarios.inputs("x"),
    lambda c: c.scenarios.write_inputs("x", {}),
    lambda c: c.scenarios.fork("x"),
    lambda c: c.scenarios.subscribers("x").list(),
    lambda c: c.scenarios.subscribers("x").create("https://example.com"),
    lambda c: c.scenarios.subscribers("x").get("y"),
    lambda c: c.scenarios.subscribers("x").delete("y"),
    lambda c: c.sequences.subscribers("x").list(),
    lambda c: c.sequences.subscribers("x").create("https://example.com"),
    lambda c: c.sequences.subscribers("x").get("y"),
    lambda c: c.sequences.subscribers("x").delete("y"),
    lambda c: c.events().close(),
    lambda c: c.sign_in("x", "y"),
    lambda c: c.me(),
    lambda c: c.change_password("x", "long enough"),
    lambda c: c.sign_out(),
    lambda c: c.users.list().first(),
    lambda c: c.users.create("x", "long enough", []),
    lambda c: c.users.get("x"),
    lambda c: c.users.change("x"),
    lambda c: c.users.delete("x"),
    lambda c: c.keys.list().first(),
    lambda c: c.keys.create("x", []),
    lambda c: c.keys.get("x"),
    lambda c: c.keys.delete("x"),
    lambda c: c.audit().first(),
    lambda c: c.check_health(),
    lambda c: c.check_readiness(),
    lambda c: c.metrics(),
]
REFUSALS = {400, 404, 409}


@pytest.fixture
def asked(client: Client) -> list[str]:
    """What a client asks for from now on."""
    found: list[str] = []

    def note(request: httpx.Request) -> None:
        found.append(f"{request.method} {request.url.path}")

    client._transport._http.event_hooks = {"request": [note]}
    return found


def test_there_is_a_method_for_every_operation(
    server: StartedServer, client: Client, asked: list[str]
) -> None:
    paths = server.http.get("/schema/openapi.json").json()["paths"]
    described = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    for call in CALLS:
        try:
            call(client)
        except ProblemError as refusal:
            assert refusal.status in REFUSALS, refusal

    used = {
        name
        for name in described
        if any(re.fullmatch(re.sub(r"\\{\w+\\}", "[xy]", re.escape(name)), one) for one in asked)
    }
    assert described - used == set()

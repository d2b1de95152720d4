"""What every operation that writes answers when the database goes away around its commit."""

import asyncio
import itertools
import resource
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from sqlalchemy import Connection, select

from conftest import FreshUrl
from cutting_proxy import COMMIT, CuttingProxy
from failing_disk import FULL, IOERR_READ, FailingDisk, failing_disk
from postgres_server import PostgresServer
from processes import limited
from scenarist.config import Application, ConfigRegistry
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Topics
from scenarist.db.tables import metadata
from scenarist.domain.errors import UnavailableError
from scenarist.domain.vocabulary import Frequency, Scope
from scenarist.executors.inline import InlineExecutor
from scenarist.identity.passwords import Passwords
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.users import UserService
from signed_in import CHEAP, PASSWORDS, SECRET_KEY, SETTING_UP, bearer

API = "/api/v1"
MOST = 12
"""Of what may be made once only, so many are declared."""

# Tries to sign in are counted before each; that is nothing which a client asks for.
UNASKED = {"tries"}
READS = {
    "POST /api/v1/scenarios/compare",
    "POST /api/v1/scenarios/{scenario_id}/plan",
    "POST /api/v1/sequences/{sequence_id}/plan",
    "POST /api/v1/tasks/{task_id}/plan",
}


class Cutter(Protocol):
    """Takes the database away from a server around one of its commits."""

    codes: frozenset[str]  #: what may be said when it was taken away before a commit

    def watch(self, database: Database) -> None: ...

    def arm(self, number: int, *, is_before: bool) -> None:
        """Take it away before or after the commit of this number, counted from now on."""
        ...

    def mend(self) -> bool:
        """Give it back; return whether it was taken away."""
        ...


class FullOrUnreadable:
    """SQLite: a disk that is full at a commit, or that can no longer be read after it."""

    codes = frozenset({"unavailable"})

    def __init__(self, disk: FailingDisk) -> None:
        self._disk = disk
        self._left = 0  # commits until it is taken away
        self._is_before = False
        self._is_cut = False

    def watch(self, database: Database) -> None:
        commit = database._dialect.commit

        def commit_and_count(connection: Connection, topics: Topics) -> None:
            commit(connection, topics)
            self._count()

        database._dialect.commit = commit_and_count  # type: ignore[method-assign]

    def arm(self, number: int, *, is_before: bool) -> None:
        self._is_cut = False
        self._disk.hits = 0
        self._is_before = is_before
        self._left = number - 1 if is_before else number
        if not self._left:
            self._cut()

    def _count(self) -> None:
        if self._left:
            self._left -= 1
            if not self._left:
                self._cut()

    def _cut(self) -> None:
        self._is_cut = True
        self._disk.faults = {"write": FULL} if self._is_before else {"read": IOERR_READ}

    def mend(self) -> bool:
        self._left = 0
        self._disk.faults = {}
        return self._disk.hits > 0 if self._is_before else self._is_cut


class Severed:
    """PostgreSQL: connections that are cut, and a server that lets nobody in."""

    codes = frozenset({"in_doubt"})  # nobody knows whether the commit arrived

    def __init__(self, proxy: CuttingProxy) -> None:
        self._proxy = proxy

    def watch(self, database: Database) -> None:
        pass

    def arm(self, number: int, *, is_before: bool) -> None:
        self._proxy.end_at(COMMIT, number, is_before=is_before)

    def mend(self) -> bool:
        return self._proxy.mend()


@dataclass(frozen=True)
class World:
    """A server whose database can be cut off, and what else looks at that database."""

    server: Server
    cutter: Cutter
    beside: Database
    folder: Path
    client: httpx.AsyncClient
    runner: asyncio.Runner
    token: str
    numbers: defaultdict[str, Iterator[int]]

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Any:
        headers = {**bearer(token or self.token), **more.pop("headers", {})}
        return self.runner.run(self.client.request(method, f"{API}{path}", headers=headers, **more))

    def arm(self, number: int, *, is_before: bool) -> None:
        """Cut the commit of this number of the next request, and of nothing else.

        What was refused is counted, and written a minute later: on a slow machine, that would be
        the commit that is cut.
        """
        refusals = self.server.auth._refusals
        assert refusals is not None
        refusals.close()
        self.cutter.arm(number, is_before=is_before)

    def mend(self) -> bool:
        was_cut = self.cutter.mend()
        while self.ask("GET", "/scenarios").status_code == 503:
            pass  # a connection that was lost is noticed when it is used
        while not self._can_write():
            pass
        return was_cut

    def _can_write(self) -> bool:
        try:
            self.server.database.write(lambda _: None)
        except UnavailableError:
            return False
        return True

    def made(self, path: str, **more: Any) -> Any:
        answer = self.ask("POST", path, **more)
        assert answer.status_code < 300, answer.text
        return (
            answer.json()
            if answer.content
            else answer.headers.get("location", "").rpartition("/")[2]
        )

    def number(self, of: str = "") -> int:
        """Return one that was not used yet, of all or of a kind of thing."""
        return next(self.numbers[of])

    def scenario(self) -> Any:
        return self.made("/scenarios", json={"config_id": "daily"})["scenario"]

    def sequence(self) -> str:
        sequence_id: str = self.scenario()["sequences"]["all"]["id"]
        return sequence_id

    def scenario_without_sequence(self) -> str:
        """Return a scenario that an upgrade changes: it gets its sequence again."""
        scenario = self.scenario()
        self.ask("DELETE", f"/sequences/{scenario['sequences']['all']['id']}")
        scenario_id: str = scenario["id"]
        return scenario_id

    def of_scenario(self, kind: str, config_id: str) -> str:
        wanted = {"scenario_id": self.scenario()["id"], "config_id": config_id}
        (found,) = self.ask("GET", f"/{kind}", params=wanted).json()["results"]
        found_id: str = found["id"]
        return found_id

    def data_node(self, config_id: str = "rows") -> str:
        return self.of_scenario("datanodes", config_id)

    def submission(self, *, is_ended: bool = False) -> str:
        submission_id: str = self.made(f"/sequences/submit/{self.sequence()}")
        if is_ended:
            self.made(f"/submissions/cancel/{submission_id}")
        return submission_id

    def job(self, *, is_ended: bool = False) -> str:
        submission_id = self.submission(is_ended=is_ended)
        (job,) = self.ask("GET", "/jobs", params={"submission_id": submission_id}).json()["results"]
        job_id: str = job["id"]
        return job_id

    def user(self) -> str:
        name = f"user{self.number()}"
        users = UserService(self.beside, Passwords(CHEAP), now=lambda: datetime.now(UTC))
        users.create(SETTING_UP, name, PASSWORDS["edda"], ["TAIPY_EDITOR"])
        return name

    def signed_in(self) -> str:
        body = {"username": self.user(), "password": PASSWORDS["edda"]}
        token: str = self.made("/auth/login", json=body)["token"]
        return token

    def stored(self) -> dict[str, list[str]]:
        """All rows, and the bytes of all files of values."""
        rows = {
            name: sorted(map(repr, self.beside.reader.execute(select(table))))
            for name, table in metadata.tables.items()
            if name not in UNASKED
        }
        files = [
            f"{path}: {path.read_bytes()!r}"
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        ]
        return {**rows, "files": files}


Request = tuple[str, dict[str, Any]]
"""The path below `API`, and what else is asked with."""


def _subscriber(world: World, kind: str, entity_id: str) -> str:
    path = f"/{kind}/{entity_id}/subscribers"
    made = world.made(path, json={"url": "http://192.0.2.1/hook"})
    return f"{path}/{made['subscriber']['id']}"


CASES: dict[str, Callable[[World], Request]] = {
    "POST /sequences": lambda w: (
        "/sequences",
        {
            "json": {
                "scenario_id": (made := w.scenario())["id"],
                "sequence_name": "other",
                "tasks": made["tasks"],
            }
        },
    ),
    "DELETE /sequences/{sequence_id}": lambda w: (f"/sequences/{w.sequence()}", {}),
    "PATCH /sequences/{sequence_id}": lambda w: (
        f"/sequences/{w.sequence()}",
        {"json": {"properties": {"a": 1}}},
    ),
    "POST /sequences/submit/{sequence_id}": lambda w: (f"/sequences/submit/{w.sequence()}", {}),
    "POST /scenarios": lambda w: (
        "/scenarios",
        {"json": {"config_id": "daily", "inputs": {"rows": [{"a": w.number()}]}}},
    ),
    "PATCH /scenarios/{scenario_id}/inputs": lambda w: (
        f"/scenarios/{w.scenario()['id']}/inputs",
        {"json": {"named": {"number": w.number()}, "rows": [{"a": w.number()}]}},
    ),
    "POST /scenarios/{scenario_id}/fork": lambda w: (
        f"/scenarios/{w.scenario()['id']}/fork",
        {"json": {"inputs": {"rows": [{"a": w.number()}]}}},
    ),
    "PATCH /scenarios/{scenario_id}": lambda w: (
        f"/scenarios/{w.scenario()['id']}",
        {"json": {"name": "other"}},
    ),
    "DELETE /scenarios/{scenario_id}": lambda w: (f"/scenarios/{w.scenario()['id']}", {}),
    "POST /scenarios/promote/{scenario_id}": lambda w: (
        f"/scenarios/promote/{w.scenario()['id']}",
        {},
    ),
    "POST /scenarios/{scenario_id}/upgrade": lambda w: (
        f"/scenarios/{w.scenario_without_sequence()}/upgrade",
        {},
    ),
    "POST /scenarios/submit/{scenario_id}": lambda w: (
        f"/scenarios/submit/{w.scenario()['id']}",
        {
            "headers": {"Prefer": "return=representation"},
            "json": {"inputs": {"named": {"number": w.number()}}},
        },
    ),
    "POST /cycles": lambda w: (
        "/cycles",
        {"json": {"frequency": "YEARLY", "creation_date": f"{1000 + w.number()}-01-01"}},
    ),
    "DELETE /cycles/{cycle_id}": lambda w: (
        f"/cycles/{w.made('/cycles', json={'frequency': 'WEEKLY'})['cycle']['id']}",
        {},
    ),
    "POST /tasks": lambda w: ("/tasks", {"params": {"config_id": f"step{w.number('step')}"}}),
    "DELETE /tasks/{task_id}": lambda w: (
        f"/tasks/{w.made('/tasks', params={'config_id': 'lonely'})['task']['id']}",
        {},
    ),
    "POST /tasks/submit/{task_id}": lambda w: (
        f"/tasks/submit/{w.of_scenario('tasks', 'copy')}",
        {"headers": {"Prefer": "return=representation"}},
    ),
    "POST /datanodes": lambda w: (
        "/datanodes",
        {"params": {"config_id": f"note{w.number('note')}"}},
    ),
    "DELETE /datanodes/{data_node_id}": lambda w: (
        f"/datanodes/{w.made('/datanodes', params={'config_id': 'lonely_note'})['datanode']['id']}",
        {},
    ),
    "POST /datanodes/{data_node_id}/lock": lambda w: (f"/datanodes/{w.data_node()}/lock", {}),
    "POST /datanodes/{data_node_id}/unlock": lambda w: (
        f"/datanodes/{w.made(f'/datanodes/{w.data_node()}/lock')['datanode']['id']}/unlock",
        {},
    ),
    "PUT /datanodes/{data_node_id}/write": lambda w: (
        f"/datanodes/{w.data_node('named')}/write",
        {"json": {"number": w.number()}},
    ),
    "POST /datanodes/{data_node_id}/append": lambda w: (
        f"/datanodes/{w.data_node()}/append",
        {"json": [{"a": w.number()}]},
    ),
    "POST /datanodes/{data_node_id}/upload": lambda w: (
        f"/datanodes/{w.data_node()}/upload",
        {"content": f"a\n{w.number()}\n".encode()},
    ),
    "DELETE /submissions/{submission_id}": lambda w: (
        f"/submissions/{w.submission(is_ended=True)}",
        {},
    ),
    "POST /submissions/cancel/{submission_id}": lambda w: (
        f"/submissions/cancel/{w.submission()}",
        {},
    ),
    "POST /submissions/pause/{submission_id}": lambda w: (
        f"/submissions/pause/{w.submission()}",
        {},
    ),
    "POST /submissions/resume/{submission_id}": lambda w: (
        f"/submissions/resume/{_paused(w)}",
        {},
    ),
    "POST /submissions/retry/{submission_id}": lambda w: (
        f"/submissions/retry/{w.submission(is_ended=True)}",
        {},
    ),
    "POST /jobs": lambda w: ("/jobs", {"params": {"task_id": w.of_scenario("tasks", "copy")}}),
    "DELETE /jobs/{job_id}": lambda w: (f"/jobs/{w.job(is_ended=True)}", {}),
    "POST /jobs/cancel/{job_id}": lambda w: (
        f"/jobs/cancel/{w.job()}",
        {"headers": {"Prefer": "return=representation"}},
    ),
    "POST /orchestration/pause": lambda w: (_orchestration(w, "resume") + "pause", {}),
    "POST /orchestration/resume": lambda w: (_orchestration(w, "pause") + "resume", {}),
    "POST /scenarios/{scenario_id}/subscribers": lambda w: (
        f"/scenarios/{w.scenario()['id']}/subscribers",
        {"json": {"url": "http://192.0.2.1/hook"}},
    ),
    "DELETE /scenarios/{scenario_id}/subscribers/{subscriber_id}": lambda w: (
        _subscriber(w, "scenarios", w.scenario()["id"]),
        {},
    ),
    "POST /sequences/{sequence_id}/subscribers": lambda w: (
        f"/sequences/{w.sequence()}/subscribers",
        {"json": {"url": "http://192.0.2.1/hook"}},
    ),
    "DELETE /sequences/{sequence_id}/subscribers/{subscriber_id}": lambda w: (
        _subscriber(w, "sequences", w.sequence()),
        {},
    ),
    "POST /auth/login": lambda w: (
        "/auth/login",
        {"json": {"username": w.user(), "password": PASSWORDS["edda"]}},
    ),
    "POST /auth/logout": lambda w: ("/auth/logout", {"token": w.signed_in()}),
    "POST /auth/password": lambda w: (
        "/auth/password",
        {
            "token": w.signed_in(),
            "json": {"old_password": PASSWORDS["edda"], "new_password": "another long one"},
        },
    ),
    "POST /users": lambda w: (
        "/users",
        {
            "json": {
                "username": f"new{w.number()}",
                "password": "long enough to be one",
                "roles": [],
            }
        },
    ),
    "PATCH /users/{username}": lambda w: (f"/users/{w.user()}", {"json": {"roles": []}}),
    "DELETE /users/{username}": lambda w: (f"/users/{w.user()}", {}),
    "POST /keys": lambda w: (
        "/keys",
        {"json": {"name": f"key{w.number()}", "roles": ["TAIPY_READER"]}},
    ),
    "DELETE /keys/{key_id}": lambda w: (
        f"/keys/{w.made('/keys', json={'name': f'key{w.number()}', 'roles': []})['key']['id']}",
        {},
    ),
}


def _paused(world: World) -> str:
    submission_id = world.submission()
    world.made(f"/submissions/pause/{submission_id}")
    return submission_id


def _orchestration(world: World, verb: str) -> str:
    world.made(f"/orchestration/{verb}")
    return "/orchestration/"


@pytest.fixture(scope="module")
def world(
    fresh_url: FreshUrl, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        url = seen = stack.enter_context(fresh_url())
        cutter: Any
        if url.startswith("sqlite"):
            beside = stack.enter_context(Database(url))
            beside.reader.execute(select(1))  # on the usual disk, as is the next
            beside.write(lambda connection: None)
            cutter = FullOrUnreadable(stack.enter_context(failing_disk()))
        else:
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            proxy = stack.enter_context(CuttingProxy(postgres.host))
            seen = url.replace(postgres.host, proxy.host)
            beside = stack.enter_context(Database(url))
            cutter = Severed(proxy)
        settings = Settings(
            database=seen,
            storage=str(folder / "data"),
            auth="local",
            no_orchestrator=True,
            secret_key=SECRET_KEY,
            webhook_private_addresses=True,
        )
        server = stack.enter_context(
            composition.open_server(
                Application(registry=_registry(folder), search_path=()),
                settings,
                make_executor=InlineExecutor,
            )
        )
        cutter.watch(server.database)
        runner = stack.enter_context(asyncio.Runner())
        asgi: Any = server.asgi
        client = httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://localhost")
        users = UserService(beside, Passwords(CHEAP), now=lambda: datetime.now(UTC))
        users.create(SETTING_UP, "adam", PASSWORDS["adam"], ["TAIPY_ADMIN"])
        numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        made = World(server, cutter, beside, folder, client, runner, "", numbers)
        body = {"username": "adam", "password": PASSWORDS["adam"]}
        yield replace(made, token=made.made("/auth/login", json=body)["token"])
        runner.run(client.aclose())


def _registry(folder: Path) -> ConfigRegistry:
    registry = ConfigRegistry()
    rows = registry.configure_csv_data_node("rows", default_data=[{"a": 1}])
    out = registry.configure_json_data_node("out")
    named = registry.configure_json_data_node("named", default_path=str(folder / "named.json"))
    copy = registry.configure_task("copy", "pipelines:increment", rows, out)
    scenario = registry.configure_scenario(
        "daily", [copy], additional_data_node_configs=[named], frequency=Frequency.DAILY
    )
    scenario.add_sequences({"all": [copy]})
    lonely = registry.configure_json_data_node("lonely_note", scope=Scope.GLOBAL, default_data=1)
    registry.configure_task("lonely", "pipelines:increment", lonely)
    for number in range(MOST):
        note = registry.configure_json_data_node(f"note{number}", default_data=1)
        registry.configure_task(f"step{number}", "pipelines:increment", note)
    return registry


def test_every_operation_that_writes_is_tried(world: World) -> None:
    found = {
        f"{method} {route.path.replace(':str}', '}')}"
        for route in world.server.asgi.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods - {"GET", "HEAD", "OPTIONS"}
    }

    assert found - READS == {name.replace(" ", f" {API}") for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_what_was_committed_is_never_told_as_unchanged(world: World, name: str) -> None:
    for number in itertools.count(1):
        path, more = CASES[name](world)
        before = world.stored()
        world.arm(number, is_before=False)

        answer = world.ask(name.split()[0], path, **more)

        was_cut = world.mend()
        if answer.status_code >= 400:
            code = answer.json()["code"]
            assert answer.status_code == 503, answer.text
            assert code == "in_doubt" or world.stored() == before, (code, answer.text)
        if not was_cut:
            assert number > 1
            assert answer.status_code < 300
            break


@pytest.mark.parametrize("name", CASES)
def test_what_was_not_committed_is_unavailable_and_nothing_is_changed(
    world: World, name: str
) -> None:
    for number in itertools.count(1):
        path, more = CASES[name](world)
        before = world.stored() if number == 1 else {}
        world.arm(number, is_before=True)

        answer = world.ask(name.split()[0], path, **more)

        was_cut = world.mend()
        if not was_cut:
            assert number > 1
            break
        assert answer.status_code == 503, answer.text
        if number == 1:
            code, after = answer.json()["code"], world.stored()
            assert code in world.cutter.codes
            if code == "in_doubt":
                # What a user named is not taken back when it may belong to a record.
                del before["files"], after["files"]
            assert after == before


@pytest.mark.parametrize("is_before", [True, False])
def test_a_repeat_with_the_same_key_finds_out_what_was_done(world: World, is_before: bool) -> None:
    path = f"/sequences/submit/{world.sequence()}"
    key = {"Idempotency-Key": f"key {is_before}"}
    count = len(world.stored()["submissions"])
    world.arm(1, is_before=is_before)
    world.ask("POST", path, headers=key)
    world.mend()

    repeats = [world.ask("POST", path, headers=key) for _ in range(2)]

    assert [answer.status_code for answer in repeats] == [204, 204]
    assert repeats[0].headers["location"] == repeats[1].headers["location"]
    assert len(world.stored()["submissions"]) == count + 1


def test_an_upload_for_which_the_disk_has_no_room_is_unavailable(world: World) -> None:
    path = f"/datanodes/{world.data_node()}/upload"
    before = world.stored()
    with limited(resource.RLIMIT_FSIZE, 1024 * 1024):
        answer = world.ask("POST", path, content=b"a\n" + b"1\n" * 1024 * 1024)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert world.stored() == before


def test_readiness_tells_of_writes_that_fail_until_one_comes_through(world: World) -> None:
    def readiness() -> httpx.Response:
        return world.runner.run(world.client.get("/readyz", headers=bearer(world.token)))

    assert readiness().status_code == 200
    world.arm(1, is_before=True)
    refused = world.ask("POST", "/scenarios", json={"config_id": "daily"})
    while_cut = readiness()
    world.cutter.mend()
    afterwards = readiness()

    assert [refused.status_code, while_cut.status_code, afterwards.status_code] == [503] * 3
    assert "the database accepts no writes" in afterwards.json()["message"]
    world.scenario()
    assert readiness().status_code == 200

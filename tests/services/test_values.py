"""Values and locks under a clock that a test moves, and with a worker that it watches."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text, update

from builders import NOON, Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.db.tables import data_nodes
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import (
    ConflictError,
    InDoubtError,
    InvalidError,
    UnavailableError,
)
from scenarist.domain.listings import DataNodeListFilter, PageRequest
from scenarist.domain.permissions import Actor, ActorRef, Role
from scenarist.domain.selections import Selection
from scenarist.domain.timestamps import MAX_WRITE_CLAIM
from scenarist.domain.vocabulary import EntityType
from scenarist.executors.inline import InlineExecutor
from scenarist.server import composition
from scenarist.server.composition import Server
from scenarist.server.settings import Settings
from scenarist.services.container import Services
from scenarist.services.present_values import find_former
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions
from scenarist.services.value_writer import NO_OPTIONS, ValueWriter, WriteOptions
from scenarist.services.values import ValueService
from scenarist.services.worker_calls import CallResult, FunctionCall
from scenarist.storage.base import ValueLocation

ANNA = Actor("anna", frozenset({Role.EDITOR}))
BERT = Actor("bert", frozenset({Role.EDITOR}))
CARL = Actor("carl", frozenset({Role.EXECUTOR}))
HOUR = timedelta(hours=1)


@pytest.fixture
def open_another(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[Server]]:
    """Make servers of one database, within this process."""
    monkeypatch.chdir(tmp_path)
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=_registry(tmp_path), search_path=())
    return lambda: composition.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    )


@pytest.fixture
def server(open_another: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    with open_another() as opened:
        yield opened


@pytest.fixture
def two_servers(
    server: Server, open_another: Callable[[], AbstractContextManager[Server]]
) -> Iterator[tuple[Server, Server]]:
    with open_another() as other:
        yield server, other


def _registry(tmp_path: Path) -> ConfigRegistry:
    registry = ConfigRegistry()
    registry.configure_json_data_node("notes")
    registry.configure_csv_data_node("rows")
    registry.configure_json_data_node("named", default_path=str(tmp_path / "named.json"))
    source = registry.configure_json_data_node("source", default_data=1)
    drawer = registry.configure_generic_data_node(
        "drawer",
        read_fct="pipelines:read_drawer",
        write_fct="pipelines:write_drawer",
        read_fct_args=["drawer.json"],
        write_fct_args=["drawer.json"],
    )
    filling = registry.configure_task("fill", "pipelines:increment", source, drawer)
    registry.configure_scenario("filling", [filling])
    registry.configure_sql_data_node("found", "d", "sqlite", read_query="SELECT 1 AS a")
    return registry


def make(server: Server, config_id: str) -> DataNode:
    return server.services.data_nodes.create(ANNA, config_id)[0]


def show(server: Server, node: DataNode) -> DataNode:
    return server.services.data_nodes.get(ANNA, node.id)


def test_a_data_node_that_does_not_say_how_it_is_written_is_read_only(server: Server) -> None:
    node = make(server, "found")

    assert node.properties["read_only"] is True
    with pytest.raises(ConflictError, match="is declared read-only"):
        server.services.values.write(BERT, node.id, [{"a": 1}])


@pytest.mark.parametrize("use", ["read", "append"])
def test_a_named_file_that_cannot_be_examined_may_be_there(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    node = make(server, "named")
    file = tmp_path / "named.json"
    file.write_text("[1]")
    stat = os.stat

    def fail(path: str, **options: Any) -> os.stat_result:
        if path == str(file):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", fail)
    values = server.services.values

    with pytest.raises(UnavailableError, match="cannot be opened"):
        if use == "read":
            values.read(ANNA, node.id, Selection())
        else:
            values.append(ANNA, node.id, [2])
    monkeypatch.undo()
    assert file.read_text() == "[1]"


def test_a_write_looks_once_for_the_value_that_it_replaces(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = make(server, "notes")
    server.services.values.write(ANNA, node.id, [1])
    looked: list[str] = []

    def find(connection: Connection, node: DataNode, now: datetime) -> ValueLocation | None:
        looked.append(node.id)
        return find_former(connection, node, now)

    monkeypatch.setattr("scenarist.services.values.find_former", find)
    server.services.values.write(ANNA, node.id, [2])

    assert looked == [node.id]


WAYS_TO_WRITE: dict[str, Callable[[ValueService, DataNode], object]] = {
    "write": lambda values, node: values.write(ANNA, node.id, ["new"]),
    "append": lambda values, node: values.append(ANNA, node.id, ["new"]),
    "append alone": lambda values, node: values._append_in_transaction(
        ANNA, node.id, ["new"], NO_OPTIONS
    ),
}


class TestNamedFiles:
    @pytest.mark.parametrize("way", WAYS_TO_WRITE)
    @pytest.mark.parametrize("before", [None, '["old"]'])
    def test_the_file_of_before_is_put_back_when_the_write_is_not_stored(
        self,
        server: Server,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        before: str | None,
        way: str,
    ) -> None:
        file = tmp_path / "named.json"
        node = make(server, "named")
        if before is not None:
            file.write_text(before)
        inode = None if before is None else file.stat().st_ino
        write = server.database.write
        meanwhile = []

        def write_and_fail(work: Callable[[Connection], object], **options: bool) -> object:
            def whole(connection: Connection) -> None:
                work(connection)
                meanwhile.append(file.read_text())
                raise UnavailableError("the disk of the database is full")

            return write(whole, **options)

        monkeypatch.setattr(server.database, "write", write_and_fail)
        with pytest.raises(UnavailableError):
            WAYS_TO_WRITE[way](server.services.values, node)

        assert ["new" in text for text in meanwhile] == [True]
        assert (file.read_text() if file.exists() else None) == before
        assert before is None or file.stat().st_ino == inode
        assert [left.name for left in tmp_path.glob(".*.staged*")] == []

    def test_a_write_that_is_stored_leaves_only_the_new_file(
        self, server: Server, tmp_path: Path
    ) -> None:
        node = make(server, "named")
        for value in ("old", "new"):
            server.services.values.write(ANNA, node.id, [value])

        assert (tmp_path / "named.json").read_text() == '["new"]'
        assert [left.name for left in tmp_path.glob(".*.staged*")] == []


class TestLocks:
    def test_a_lock_is_over_at_its_end_and_not_before(self, server: Server, clock: Clock) -> None:
        nodes, values = server.services.data_nodes, server.services.values
        node = make(server, "notes")
        nodes.lock(ANNA, node.id, lasts=HOUR)

        clock.advance(HOUR - timedelta(microseconds=1))
        with pytest.raises(ConflictError, match="locked by anna until 2026-03-01T13:00:00"):
            values.write(BERT, node.id, 1)
        assert show(server, node).locked_by == "anna"
        clock.advance(timedelta(microseconds=1))
        values.write(BERT, node.id, 2)

        listed = nodes.list_page(ANNA, DataNodeListFilter(), PageRequest(limit=10)).items
        assert show(server, node).locked_by is None
        assert [(item.locked_by, item.locked_until) for item in listed] == [(None, None)]

    def test_what_others_locked_is_free_for_a_new_lock_when_it_is_over(
        self, server: Server, clock: Clock
    ) -> None:
        nodes = server.services.data_nodes
        node = make(server, "notes")
        nodes.lock(ANNA, node.id, lasts=HOUR)
        clock.advance(HOUR)

        nodes.lock(BERT, node.id, lasts=HOUR)

        assert show(server, node).locked_by == "bert"
        assert show(server, node).locked_until == NOON + 2 * HOUR

    def test_an_editor_may_be_named_apart_from_the_actor(self, server: Server) -> None:
        node = make(server, "notes")
        server.services.data_nodes.lock(ANNA, node.id, editor_id="desk", lasts=HOUR)

        edit = server.services.values.write(ANNA, node.id, 1, WriteOptions(editor_id="desk"))

        assert (edit.actor, edit.author) == ("desk", ANNA.ref)

    def test_a_write_by_its_editor_releases_a_lock(self, server: Server) -> None:
        node = make(server, "notes")
        server.services.data_nodes.lock(ANNA, node.id, lasts=HOUR)

        server.services.values.write(ANNA, node.id, 1)

        shown = show(server, node)
        assert (shown.locked_by, shown.locked_until, shown.lock_holder) == (None, None, None)

    def test_of_two_people_with_one_name_each_keeps_what_is_theirs_also_when_renamed(
        self, server: Server
    ) -> None:
        nodes, values = server.services.data_nodes, server.services.values
        seven, eight = (
            Actor("sam", frozenset({Role.EDITOR}), subject=f"https://issuer.example#{subject}")
            for subject in (7, 8)
        )
        node = make(server, "notes")
        nodes.lock(seven, node.id, lasts=HOUR)

        attempts: list[Callable[[], object]] = [
            lambda: nodes.unlock(eight, node.id, editor_id="sam"),
            lambda: nodes.delete(eight, node.id),
            lambda: values.write(eight, node.id, 1),
        ]
        for attempt in attempts:
            with pytest.raises(ConflictError, match="locked by sam"):
                attempt()
        edit = values.write(replace(seven, name="samira"), node.id, 2)
        nodes.unlock(replace(seven, name="samira"), node.id)

        assert edit.author == ActorRef("samira", "https://issuer.example#7")
        assert show(server, node).locked_by is None
        paging = PageRequest(limit=10, sort="timestamp")
        (kept,) = server.services.edits.list_page(ANNA, node.id, paging).items
        assert kept.author == edit.author


class TestEdits:
    def test_edits_sort_as_they_were_recorded_also_when_the_clock_goes_back(
        self, server: Server, clock: Clock
    ) -> None:
        node = make(server, "notes")
        made = []
        for step in (timedelta(), timedelta(), -HOUR, timedelta()):
            clock.advance(step)
            made.append(server.services.values.write(ANNA, node.id, 1).id)

        page = server.services.edits.list_page(
            ANNA, node.id, PageRequest(limit=10, sort="timestamp", is_descending=True)
        )

        assert [edit.id for edit in page.items] == list(reversed(made))
        assert show(server, node).last_edit_id == made[-1]

    @pytest.mark.parametrize("config_id", ["notes", "named"])
    def test_an_append_that_always_comes_too_late_keeps_others_away_in_the_end(
        self, server: Server, config_id: str
    ) -> None:
        values = server.services.values
        node = make(server, config_id)
        values.write(ANNA, node.id, ["first"])
        calls = 0

        def be_overtaken(_: DataNode, __: str | None) -> None:
            nonlocal calls
            calls += 1
            # Every other call comes from within the transaction, where nobody can write.
            if calls % 2:
                values.write(BERT, node.id, ["quicker", calls])

        edit = values.append(ANNA, node.id, ["slower"], WriteOptions(expect=be_overtaken))

        assert values.read(ANNA, node.id).show().text == f'["quicker",{calls - 1},"slower"]'
        assert show(server, node).last_edit_id == edit.id

    @pytest.mark.parametrize("config_id", ["notes", "rows", "named"])
    def test_of_many_appends_at_one_time_by_two_servers_all_land(
        self, two_servers: tuple[Server, Server], config_id: str
    ) -> None:
        node, same = (make(server, config_id) for server in two_servers)
        assert node.id == same.id
        two_servers[0].services.values.write(ANNA, node.id, [{"a": -1}])

        def append(number: int) -> None:
            values = two_servers[number % 2].services.values
            values.append(ANNA, node.id, [{"a": number}])

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(append, range(24)))

        shown = json.loads(two_servers[0].services.values.read(ANNA, node.id).show().text)
        assert sorted(row["a"] for row in shown) == list(range(-1, 24))

    def test_what_lost_a_race_leaves_no_file(self, server: Server, tmp_path: Path) -> None:
        values = server.services.values
        node = make(server, "rows")
        values.write(ANNA, node.id, [{"text": "x" * 100}] * 1000)
        calls = 0

        def be_overtaken_once(_: DataNode, __: str | None) -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                values.write(BERT, node.id, [{"text": "y"}])

        values.append(ANNA, node.id, [{"text": "z"}], WriteOptions(expect=be_overtaken_once))

        assert values.read(ANNA, node.id).show().text == '[{"text":"y"},{"text":"z"}]'
        assert len(list((tmp_path / "data" / "csvs" / node.id).iterdir())) == 1


class TestWritesByAWorker:
    @pytest.fixture
    def values_with(
        self, server: Server, clock: Clock, tmp_path: Path
    ) -> Callable[[Callable[[], None]], ValueService]:
        """Make a service whose worker does something before it works, or fails by it."""
        inner = server.services.values._maker._compute

        def make(before: Callable[[], None]) -> ValueService:
            def compute(computation: FunctionCall) -> CallResult:
                before()
                return inner(computation)

            recorder = ValueWriter(server.database, now=clock, version="test")
            return ValueService(
                server.database, recorder, compute, folder=str(tmp_path / "data"), now=clock
            )

        return make

    def test_nobody_else_writes_meanwhile(
        self, server: Server, values_with: Callable[[Callable[[], None]], ValueService]
    ) -> None:
        node = make(server, "drawer")
        refusals: list[str] = []

        def try_all() -> None:
            for act in (
                lambda: server.services.values.write(BERT, node.id, 1),
                lambda: server.services.values.write(ANNA, node.id, 1),
                lambda: server.services.data_nodes.lock(ANNA, node.id, lasts=HOUR),
                lambda: server.services.data_nodes.unlock(ANNA, node.id),
                lambda: server.services.data_nodes.delete(ANNA, node.id),
            ):
                with pytest.raises(ConflictError) as caught:
                    act()
                refusals.append(caught.value.reason)

        values_with(try_all).write(ANNA, node.id, [1])

        assert refusals == ["data_node_locked"] * 5
        assert show(server, node).locked_by is None
        assert server.services.values.read(ANNA, node.id).show().text == "[1]"

    @pytest.mark.parametrize(("value", "editor"), [("refuse", "anna"), ([1], None)])
    def test_a_lock_lasts_until_its_editor_has_written(
        self, server: Server, value: object, editor: str | None, tmp_path: Path
    ) -> None:
        node = make(server, "drawer")
        server.services.data_nodes.lock(ANNA, node.id, lasts=HOUR)

        if value == "refuse":
            with pytest.raises(InvalidError, match="the drawer is stuck"):
                server.services.values.write(ANNA, node.id, value)
        else:
            server.services.values.write(ANNA, node.id, value)

        assert show(server, node).locked_by == editor
        assert show(server, node).locked_until == (NOON + HOUR if editor else None)

    def test_no_worker_in_time_is_said_and_leaves_no_lock(
        self, server: Server, values_with: Callable[[Callable[[], None]], ValueService]
    ) -> None:
        node = make(server, "drawer")

        def give_up() -> None:
            raise UnavailableError("no worker")

        with pytest.raises(UnavailableError):
            values_with(give_up).write(ANNA, node.id, [1])

        assert show(server, node).locked_by is None

    @pytest.fixture
    def cut_off(
        self, server: Server, values_with: Callable[[Callable[[], None]], ValueService]
    ) -> Callable[[DataNode], None]:
        """Leave a data node as a server does that is killed while a worker writes for anna."""

        def leave(node: DataNode) -> None:
            rows: list[dict[str, Any]] = []

            def note() -> None:
                found = server.database.reader.execute(
                    select(data_nodes).where(data_nodes.c.id == node.id)
                )
                rows.append(dict(found.one()._mapping))

            def put_back(connection: Connection) -> None:
                connection.execute(
                    update(data_nodes).where(data_nodes.c.id == node.id).values(rows[0])
                )

            values_with(note).write(ANNA, node.id, [1])
            server.database.write(put_back)

        return leave

    def test_a_write_that_was_cut_off_keeps_others_away_for_two_minutes(
        self, server: Server, clock: Clock, cut_off: Callable[[DataNode], None]
    ) -> None:
        node = make(server, "drawer")
        cut_off(node)

        seen = show(server, node)
        assert (seen.locked_by, seen.claimed_by) == (None, "anna")
        assert seen.claimed_until == NOON + MAX_WRITE_CLAIM
        with pytest.raises(ConflictError, match=r"a worker is writing .* for anna.*12:02:00Z"):
            server.services.values.write(BERT, node.id, [2])
        clock.advance(MAX_WRITE_CLAIM)
        server.services.values.write(BERT, node.id, [2])
        assert show(server, node).claimed_by is None

    @pytest.mark.parametrize("is_later", [False, True])
    def test_a_write_that_was_cut_off_takes_no_lock_away(
        self, server: Server, clock: Clock, cut_off: Callable[[DataNode], None], is_later: bool
    ) -> None:
        node = make(server, "drawer")
        server.services.data_nodes.lock(ANNA, node.id, lasts=HOUR)
        cut_off(node)
        if is_later:
            clock.advance(MAX_WRITE_CLAIM)

        seen = show(server, node)

        assert (seen.locked_by, seen.locked_until) == ("anna", NOON + HOUR)
        with pytest.raises(ConflictError) as caught:
            server.services.values.write(BERT, node.id, [2])
        assert caught.value.reason == "data_node_locked"
        if is_later:
            server.services.values.write(ANNA, node.id, [3])

    def test_what_would_write_is_not_submitted_while_a_worker_writes(
        self, server: Server, cut_off: Callable[[DataNode], None]
    ) -> None:
        scenario = server.services.scenarios.create(ANNA, NewScenario(config_id="filling"))
        wanted = DataNodeListFilter(config_id=("drawer",))
        (node,) = server.services.data_nodes.list_page(ANNA, wanted, PageRequest(limit=2)).items
        cut_off(node)

        with pytest.raises(ConflictError, match="locked by anna until") as caught:
            server.services.submissions.submit(
                CARL, EntityType.SCENARIO, scenario.id, SubmitOptions()
            )

        assert caught.value.reason == "data_node_locked"
        standing = server.services.scenarios.get(ANNA, scenario.id)
        assert standing.submit == (
            f"a worker writes data node {node.id} for anna until 2026-03-01T12:02:00Z",
        )

    @pytest.mark.parametrize(
        ("meanwhile", "reason"),
        [
            (lambda services, node: services.values.write(BERT, node, [2]), "data_node_busy"),
            (
                lambda services, node: services.data_nodes.lock(BERT, node, lasts=HOUR),
                "data_node_locked",
            ),
        ],
        ids=["write", "lock"],
    )
    def test_a_write_that_outlived_its_claim_is_not_recorded_over_what_came_meanwhile(
        self,
        server: Server,
        clock: Clock,
        values_with: Callable[[Callable[[], None]], ValueService],
        meanwhile: Callable[[Services, str], object],
        reason: str,
    ) -> None:
        node = make(server, "drawer")
        left = []

        def be_late() -> None:
            clock.advance(MAX_WRITE_CLAIM)
            meanwhile(server.services, node.id)
            left.append(show(server, node))

        with pytest.raises(ConflictError) as caught:
            values_with(be_late).write(ANNA, node.id, [1])

        assert caught.value.reason == reason
        assert [show(server, node)] == left

    def test_what_lies_in_another_store_and_could_not_be_recorded_is_in_doubt(
        self, server: Server, values_with: Callable[[Callable[[], None]], ValueService]
    ) -> None:
        node = make(server, "drawer")

        def damage() -> None:
            server.database.write(
                lambda connection: connection.execute(text("ALTER TABLE edits RENAME TO gone"))
            )

        with pytest.raises(InDoubtError, match="was written, but could not be recorded"):
            values_with(damage).write(ANNA, node.id, [1])

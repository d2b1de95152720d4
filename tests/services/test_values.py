"""Values and locks under a clock that a test moves, and with a worker that it watches."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from builders import NOON, Clock
from scenarist import bootstrap
from scenarist.bootstrap import Server
from scenarist.config import Application, ConfigRegistry
from scenarist.db.writes import undo_on_rollback
from scenarist.domain.entities import DataNode
from scenarist.domain.errors import ConflictError, InvalidError, UnavailableError
from scenarist.domain.listings import DataNodeFilter, PageRequest
from scenarist.domain.permissions import Actor, Role
from scenarist.executors.inline import InlineExecutor
from scenarist.services.computations import Computation, Computed
from scenarist.services.recording import Recorder, WriteOptions
from scenarist.services.values import LOCKED_WHILE_WRITING, ValueService
from scenarist.settings import Settings
from scenarist.storage.base import Target, Written
from scenarist.storage.kinds import Replacement, find_storage

ANNA = Actor("anna", frozenset({Role.EDITOR}))
BERT = Actor("bert", frozenset({Role.EDITOR}))
HOUR = timedelta(hours=1)


@pytest.fixture
def server(
    database_url: str, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.chdir(tmp_path)
    registry = ConfigRegistry()
    registry.configure_json_data_node("notes")
    registry.configure_csv_data_node("rows")
    registry.configure_json_data_node("named", default_path=str(tmp_path / "named.json"))
    registry.configure_generic_data_node(
        "drawer",
        read_fct="pipelines:read_drawer",
        write_fct="pipelines:write_drawer",
        read_fct_args=["drawer.json"],
        write_fct_args=["drawer.json"],
    )
    registry.configure_sql_data_node("found", "d", "sqlite", read_query="SELECT 1 AS a")
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=registry, search_path=())
    with bootstrap.open_server(
        application, settings, make_executor=InlineExecutor, now=clock
    ) as opened:
        yield opened


def make(server: Server, config_id: str) -> DataNode:
    return server.services.data_nodes.create(ANNA, config_id)[0]


def show(server: Server, node: DataNode) -> DataNode:
    return server.services.data_nodes.get(ANNA, node.id)


def test_a_data_node_that_does_not_say_how_it_is_written_is_read_only(server: Server) -> None:
    node = make(server, "found")

    assert node.properties["read_only"] is True
    with pytest.raises(ConflictError, match="is declared read-only"):
        server.services.values.write(BERT, node.id, [{"a": 1}])


class TestNamedFiles:
    @pytest.mark.parametrize("before", [None, '["old"]'])
    def test_the_file_of_before_is_put_back_when_the_write_is_not_stored(
        self, server: Server, tmp_path: Path, before: str | None
    ) -> None:
        file = tmp_path / "named.json"
        node = make(server, "named")
        if before is not None:
            file.write_text(before)
        inode = None if before is None else file.stat().st_ino

        def fail(connection: Connection) -> None:
            raise UnavailableError("the disk of the database is full")

        # In the same transaction as the write, so that it is rolled back after the file is there.
        def write(value: Written) -> None:
            def work(connection: Connection) -> None:
                replacement = Replacement(value)
                undo_on_rollback(connection, replacement.undo)
                replacement.publish()
                assert file.read_text() == '["new"]'
                fail(connection)

            server.database.write(work)

        target = Target(
            data_node_id=node.id,
            edit_id="e1",
            storage_type="json",
            folder=str(tmp_path),
            properties=node.properties,
        )
        with pytest.raises(UnavailableError):
            write(find_storage("json").write(["new"], target))

        assert (file.read_text() if file.exists() else None) == before
        assert before is None or file.stat().st_ino == inode
        assert [left.name for left in tmp_path.glob(".e1*")] == []

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

        listed = nodes.list_page(ANNA, DataNodeFilter(), PageRequest(limit=10)).items
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

        edit = server.services.values.write(BERT, node.id, 1, WriteOptions(editor_id="desk"))

        assert edit.actor == "desk"
        with pytest.raises(ConflictError, match="locked by desk"):
            server.services.values.write(ANNA, node.id, 2)


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

    def test_an_append_that_always_comes_too_late_gives_up_and_changes_nothing(
        self, server: Server
    ) -> None:
        values = server.services.values
        node = make(server, "notes")
        values.write(ANNA, node.id, ["first"])
        calls = 0

        def be_overtaken(_: DataNode, __: str | None) -> None:
            nonlocal calls
            calls += 1
            # Every other call comes from within the transaction, where nobody can write.
            if calls % 2:
                values.write(BERT, node.id, ["quicker", calls])

        with pytest.raises(ConflictError) as caught:
            values.append(ANNA, node.id, ["slower"], WriteOptions(expect=be_overtaken))

        assert caught.value.reason == "data_node_busy"
        assert values.read(ANNA, node.id).show().text == f'["quicker",{calls - 1}]'

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
        inner = server.services.values._compute

        def make(before: Callable[[], None]) -> ValueService:
            def compute(computation: Computation) -> Computed:
                before()
                return inner(computation)

            recorder = Recorder(server.database, now=clock, wake=lambda: None)
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

    @pytest.mark.parametrize("value", ["refuse", [1]])
    def test_the_lock_of_before_is_there_afterwards(
        self, server: Server, value: object, tmp_path: Path
    ) -> None:
        node = make(server, "drawer")
        server.services.data_nodes.lock(ANNA, node.id, lasts=HOUR)

        if value == "refuse":
            with pytest.raises(InvalidError, match="the drawer is stuck"):
                server.services.values.write(ANNA, node.id, value)
        else:
            server.services.values.write(ANNA, node.id, value)

        assert show(server, node).locked_by == "anna"
        assert show(server, node).locked_until == NOON + HOUR

    def test_no_worker_in_time_is_said_and_leaves_no_lock(
        self, server: Server, values_with: Callable[[Callable[[], None]], ValueService]
    ) -> None:
        node = make(server, "drawer")

        def give_up() -> None:
            raise UnavailableError("no worker")

        with pytest.raises(UnavailableError):
            values_with(give_up).write(ANNA, node.id, [1])

        assert show(server, node).locked_by is None

    def test_a_write_that_was_cut_off_locks_for_two_minutes(
        self,
        server: Server,
        clock: Clock,
        values_with: Callable[[Callable[[], None]], ValueService],
    ) -> None:
        node = make(server, "drawer")
        locked: list[DataNode] = []
        values_with(lambda: locked.append(show(server, node))).write(ANNA, node.id, [1])

        (seen,) = locked
        assert seen.locked_until == NOON + LOCKED_WHILE_WRITING
        assert str(seen.locked_by).startswith("anna, who writes it now (")

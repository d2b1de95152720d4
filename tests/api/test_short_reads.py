"""Short reads are answered on the event loop, and all others in threads, with the same response."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from scenarist.config import Application, ConfigRegistry
from scenarist.db import sql
from scenarist.domain import short_reads
from scenarist.domain.permissions import ANYONE
from scenarist.domain.vocabulary import EntityType
from scenarist.executors.inline import InlineExecutor
from scenarist.server.composition import Server, open_server
from scenarist.server.settings import Settings
from scenarist.services.scenarios import NewScenario
from scenarist.services.submit_requests import SubmitOptions


class Entrance:
    """A server within this process, whose event loop runs in this thread."""

    def __init__(self, server: Server, runner: asyncio.Runner) -> None:
        scenario = server.services.scenarios.create(ANYONE, NewScenario(config_id="pair"))
        submission = server.services.submissions.submit(
            ANYONE, EntityType.SCENARIO, scenario.id, SubmitOptions()
        )
        node = dict(zip(("small", "named"), scenario.data_node_ids, strict=False))
        self.paths = {
            "scenario": f"/scenarios/{scenario.id}",
            "sequence": f"/sequences/{scenario.sequences[0].id}",
            "task": f"/tasks/{scenario.task_ids[0]}",
            "data node": f"/datanodes/{node['small']}",
            "named data node": f"/datanodes/{node['named']}",
            "submission": f"/submissions/{submission.id}",
            "job": f"/jobs/{submission.job_ids[0]}",
            "value": f"/datanodes/{node['small']}/read",
            "named value": f"/datanodes/{node['named']}/read",
        }
        self._runner = runner
        asgi: Any = server.asgi
        self._http = httpx.AsyncClient(
            transport=httpx.ASGITransport(asgi), base_url="http://localhost/api/v1"
        )

    def get(self, path: str) -> httpx.Response:
        return self._runner.run(self._http.get(path))


@pytest.fixture
def entrance(database_url: str, tmp_path: Path) -> Iterator[Entrance]:
    registry = ConfigRegistry()
    small = registry.configure_data_node("small", default_data={"a": 1})
    file = tmp_path / "named.json"
    file.write_text("[1]")
    named = registry.configure_json_data_node("named", default_path=str(file))
    task = registry.configure_task("add", "pipelines:increment", [small, named], [])
    registry.configure_scenario("pair", [task], sequences={"all": [task]})
    settings = Settings(database=database_url, storage=str(tmp_path / "data"))
    application = Application(registry=registry, search_path=())
    with (
        open_server(application, settings, make_executor=InlineExecutor) as server,
        asyncio.Runner() as runner,
    ):
        yield Entrance(server, runner)


@contextmanager
def noted_threads() -> Iterator[list[str]]:
    """Note where each statement of a read is executed: on the loop, or in a thread."""
    loop = threading.get_ident()
    where: list[str] = []

    def noting(execute: Callable[..., Any]) -> Callable[..., Any]:
        def execute_noted(connection: Connection, *arguments: Any, **options: Any) -> Any:
            where.append("loop" if threading.get_ident() == loop else "thread")
            return execute(connection, *arguments, **options)

        return execute_noted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "execute_on_driver", noting(sql.execute_on_driver))
        patch.setattr(Connection, "execute", noting(Connection.execute))
        yield where


ON_SQLITE = pytest.mark.parametrize("fresh_url", ["sqlite"], indirect=True)
KINDS = ["scenario", "sequence", "task", "data node", "submission", "job", "value"]


@ON_SQLITE
@pytest.mark.parametrize("kind", KINDS)
def test_one_entity_and_a_small_value_are_read_on_the_loop(entrance: Entrance, kind: str) -> None:
    with noted_threads() as where:
        response = entrance.get(entrance.paths[kind])

    assert response.status_code == 200
    assert set(where) == {"loop"}


@pytest.mark.parametrize("fresh_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_over_a_network_everything_is_read_in_threads(entrance: Entrance, kind: str) -> None:
    with noted_threads() as where:
        response = entrance.get(entrance.paths[kind])

    assert response.status_code == 200
    assert set(where) == {"thread"}


@ON_SQLITE
@pytest.mark.parametrize(
    "kind", ["scenarios", "sequences", "tasks", "datanodes?config_id=small", "submissions", "jobs"]
)
def test_a_page_is_read_on_the_loop(entrance: Entrance, kind: str) -> None:
    with noted_threads() as where:
        response = entrance.get(f"/{kind}{'&' if '?' in kind else '?'}limit=100")

    assert len(response.json()["results"]) == 1
    assert set(where) == {"loop"}


@ON_SQLITE
@pytest.mark.parametrize("query", ["", "?limit=101", "?limit=20&count=true"])
def test_a_list_that_is_read_whole_or_counted_is_read_in_a_thread(
    entrance: Entrance, query: str
) -> None:
    with noted_threads() as where:
        response = entrance.get(f"/scenarios{query}")

    assert len(response.json()["results"]) == 1
    assert set(where) == {"thread"}


@ON_SQLITE
@pytest.mark.parametrize("kind", ["named data node", "named value"])
def test_what_is_in_a_file_that_a_user_named_is_read_in_a_thread(
    entrance: Entrance, kind: str
) -> None:
    with noted_threads() as where:
        response = entrance.get(entrance.paths[kind])

    assert response.status_code == 200
    assert where[-1] == "thread"


@ON_SQLITE
@pytest.mark.parametrize("bound", ["MAX_ROWS", "MAX_BYTES"])
@pytest.mark.parametrize("kind", ["scenario", "submission", "value"])
def test_a_read_beyond_its_bounds_is_repeated_in_a_thread_with_the_same_response(
    entrance: Entrance, kind: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = entrance.get(entrance.paths[kind])
    monkeypatch.setattr(short_reads, bound, 0)

    with noted_threads() as where:
        response = entrance.get(entrance.paths[kind])

    assert (where[0], where[-1]) == ("loop", "thread")
    assert response.content == expected.content
    assert response.headers["etag"] == expected.headers["etag"]


@ON_SQLITE
@pytest.mark.parametrize("query", ["", "&config_id=pair"])
def test_a_page_beyond_its_bounds_is_repeated_in_a_thread_whether_it_is_filtered_or_not(
    entrance: Entrance, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/scenarios?limit=10{query}"
    expected = entrance.get(path)
    monkeypatch.setattr(short_reads, "MAX_BYTES", 0)

    with noted_threads() as where:
        response = entrance.get(path)

    assert (where[0], where[-1]) == ("loop", "thread")
    assert response.content == expected.content

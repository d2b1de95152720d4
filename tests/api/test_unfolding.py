"""Small files and documents that stand for gigabytes, by every way in: refused with the limit."""

import os
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

import unfolding
from processes import descendants_of
from servers import StartedServer

PATH = "/api/v1/datanodes"
_MOST_GROWTH = 400 * 1024 * 1024
_LIMITS = re.compile(
    "value_memory|value_columns|cells are given|cells, of which|parts are read|parts;"
)


def _peak(server: StartedServer) -> int:
    """Return the most bytes that a server has had resident."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """A server that allows little for a value, whose memory is looked at in the end."""
    folder = tmp_path_factory.mktemp("vault")
    with StartedServer(folder, app="shelf.py", options=["--value-memory=128MiB"]) as started:
        before = _peak(started)
        yield started
        assert _peak(started) - before < _MOST_GROWTH


@pytest.fixture(scope="module")
def nodes(vault: StartedServer) -> dict[str, str]:
    found: dict[str, str] = vault.create("shelf")["node_of"]
    return found


def _is_refused(response: httpx.Response) -> bool:
    return response.status_code == 413 and bool(_LIMITS.search(response.json()["detail"]))


def _cases(**bombs: dict[str, Callable[[], bytes]]) -> list[object]:
    return [
        pytest.param(node, make, id=f"{node}: {name}")
        for node, named in bombs.items()
        for name, make in named.items()
    ]


@pytest.mark.parametrize(
    ("node", "make"),
    _cases(
        sheet=unfolding.WORKBOOKS,
        pillars=unfolding.PARQUETS,
        items=unfolding.CSVS,
        notes=unfolding.DOCUMENTS,
    ),
)
def test_an_upload_that_unfolds_is_413(
    vault: StartedServer, nodes: dict[str, str], node: str, make: Callable[[], bytes]
) -> None:
    response = vault.http.post(f"{PATH}/{nodes[node]}/upload", content=make())

    assert _is_refused(response), response.text


@pytest.mark.parametrize("verb", ["write", "append"])
@pytest.mark.parametrize(
    ("node", "make"),
    _cases(
        sheet=unfolding.ROWS,
        pillars=unfolding.ROWS,
        items=unfolding.ROWS,
        notes={"lists of nothing": unfolding.ROWS["lists of nothing"]},
    ),
)
def test_a_body_that_unfolds_is_413(
    vault: StartedServer, nodes: dict[str, str], node: str, make: Callable[[], bytes], verb: str
) -> None:
    method = "PUT" if verb == "write" else "POST"
    response = vault.http.request(method, f"{PATH}/{nodes[node]}/{verb}", content=make())

    assert _is_refused(response), response.text


@pytest.mark.parametrize("make", unfolding.CSVS.values(), ids=unfolding.CSVS)
def test_a_file_that_was_put_at_a_named_path_and_unfolds_is_413(
    vault: StartedServer, nodes: dict[str, str], make: Callable[[], bytes]
) -> None:
    (vault.folder / "posted.csv").write_bytes(make())

    assert _is_refused(vault.http.get(f"{PATH}/{nodes['posted']}/read?limit=1"))


def test_a_table_of_a_database_that_is_too_large_is_413(
    vault: StartedServer, nodes: dict[str, str]
) -> None:
    with closing(sqlite3.connect(vault.folder / "ledger.db")) as database, database:
        database.execute("CREATE TABLE entries AS SELECT printf('%.*c', 1000000, 'x') AS a")
        for _ in range(8):
            database.execute("INSERT INTO entries SELECT a FROM entries")

    assert _is_refused(vault.http.get(f"{PATH}/{nodes['ledger']}/read"))


def test_names_of_columns_that_each_row_would_repeat_are_413(
    vault: StartedServer, nodes: dict[str, str]
) -> None:
    vault.http.post(
        f"{PATH}/{nodes['items']}/upload", content=b"x" * 100_000 + b"\n" + b"1\n" * 50_000
    )

    assert _is_refused(vault.http.get(f"{PATH}/{nodes['items']}/read"))
    first = vault.http.get(f"{PATH}/{nodes['items']}/read?limit=1").json()
    assert first == {"data": [{"x" * 100_000: 1}]}


def test_other_requests_are_answered_while_values_wait_for_workers(
    vault: StartedServer, nodes: dict[str, str]
) -> None:
    data = unfolding.PARQUETS["one text in many rows"]()

    def upload(_: int) -> httpx.Response:
        return httpx.post(f"{vault.address}{PATH}/{nodes['pillars']}/upload", content=data)

    assert _is_refused(upload(0))  # and there are workers now
    with ThreadPoolExecutor(20) as pool, _stopped(descendants_of(vault.process.pid)):
        uploads = [pool.submit(upload, number) for number in range(20)]
        others = [vault.http.get("/api/v1/scenarios?limit=1").status_code for _ in range(20)]
        is_answered = any(each.done() for each in uploads)

    assert others == [200] * 20
    assert not is_answered
    assert all(_is_refused(each.result()) for each in uploads)


@contextmanager
def _stopped(processes: list[int]) -> Iterator[None]:
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def test_a_parquet_table_of_lists_is_written_as_it_is_read(
    vault: StartedServer, nodes: dict[str, str]
) -> None:
    rows = [{"a": [1, 2]}, {"a": []}]

    written = vault.http.put(f"{PATH}/{nodes['pillars']}/write", json=rows)

    assert written.status_code == 200
    assert vault.http.get(f"{PATH}/{nodes['pillars']}/read").json() == {"data": rows}


def test_a_large_value_is_streamed_whole(vault: StartedServer, nodes: dict[str, str]) -> None:
    rows = [{"number": number, "text": "x" * 50} for number in range(60_000)]
    vault.http.put(f"{PATH}/{nodes['pillars']}/write", json=rows)

    response = vault.http.get(f"{PATH}/{nodes['pillars']}/read")
    again = vault.http.get(
        f"{PATH}/{nodes['pillars']}/read", headers={"If-None-Match": response.headers["etag"]}
    )

    assert response.json() == {"data": rows}
    assert again.status_code == 304

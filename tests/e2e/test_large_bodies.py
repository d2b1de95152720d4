"""Bodies that are larger than a server takes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import StartedServer

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
PIECE = b"a" * 65_536


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("server"), app="shelf.py") as started:
        yield started


@pytest.fixture
def write(server: StartedServer) -> str:
    return f"/api/v1/datanodes/{server.create('shelf')['node_of']['notes']}/write"


def pieces(size: int) -> Iterator[bytes]:
    """Give a body of which nobody knows the length before."""
    for _ in range(size // len(PIECE)):
        yield PIECE


def memory_of(server: StartedServer, kind: str) -> int:
    """Return how many MiB the process has (VmRSS), or had at most (VmHWM)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition(f"{kind}:")[2].split()[0]) // 1024


def test_a_body_without_a_length_ends_at_the_limit_and_takes_no_more_memory(
    server: StartedServer, write: str
) -> None:
    before = memory_of(server, "VmRSS")

    response = server.http.put(write, content=pieces(192 * MIB))

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert memory_of(server, "VmHWM") - before < 112
    assert server.http.get("/healthz").status_code == 200


def test_a_body_of_a_length_beyond_the_limit_is_not_kept(server: StartedServer, write: str) -> None:
    response = server.http.put(write, content=PIECE * (65 * MIB // len(PIECE)))

    assert response.status_code == 413
    assert server.http.get("/healthz").status_code == 200


def test_a_body_within_the_limit_is_taken(server: StartedServer, write: str) -> None:
    response = server.http.put(write, content=b'"' + PIECE * (63 * MIB // len(PIECE)) + b'"')

    assert response.status_code == 200


def test_a_form_of_many_parts_is_refused(server: StartedServer, write: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n'

    response = server.http.post(
        write.replace("/write", "/upload"),
        content=part * 100_000 + b"--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert response.status_code == 400
    assert "Maximum segment count exceeded" in response.json()["message"]


def test_a_part_of_many_headers_is_refused(server: StartedServer, write: str) -> None:
    part = b"--b\r\n" + b"X-A: b\r\n" * 100_000 + b"\r\na\r\n--b--\r\n"

    response = server.http.post(
        write.replace("/write", "/upload"),
        content=part,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )

    assert response.status_code == 400
    assert "Maximum segment header count exceeded" in response.json()["message"]

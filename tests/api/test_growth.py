"""No request takes work that grows faster than the request: tried at every entry point.

The work is the processor time of the server, told by Linux to the nanosecond. A text of four times
the length may take ten times the work; where work grows with the square of the length it would be
sixteen times.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from servers import StartedServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the work to the ns")

PATTERNS = [
    " - at `",
    "`",
    "a",
    "\\",
    "[",
    '"',
    "a:",
    ",;= ",
    "9",
    "%00",
    "ENV[a]:",
    "SEQUENCE_a_",
    "/..",
    "é",
    'W/"a", ',
]
IN_PARAMETERS = ["a:", ",;= ", "[", "9"]
MOST_TIMES = 10
FLOOR_NANOSECONDS = 30_000_000
TARGET_BYTES = (3_500, 14_000)
BODY_BYTES = (8_000, 32_000)
LARGE_BODY_BYTES = (250_000, 1_000_000)


def work_of(server: StartedServer) -> int:
    """Return the nanoseconds that the threads of the server have run."""
    folder = Path(f"/proc/{server.process.pid}/task")
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in folder.iterdir())


def cost(server: StartedServer, request: dict[str, Any]) -> int:
    before = work_of(server)
    response = server.http.request(**request)
    assert response.status_code < 500, (request["url"], response.text[:500])
    assert len(response.content) < 100_000, request["url"]
    return work_of(server) - before


def grows(server: StartedServer, small: dict[str, Any], large: dict[str, Any]) -> bool:
    """Whether the work grows too fast, each time of three: others may make one look so."""
    return all(
        cost(server, large) > MOST_TIMES * cost(server, small) + FLOOR_NANOSECONDS for _ in range(3)
    )


def long_text(pattern: str, size: int) -> str:
    return (pattern * (size // len(pattern) + 1))[:size]


@pytest.fixture(scope="module")
def operations(server: StartedServer) -> list[dict[str, Any]]:
    document = server.http.get("/schema/openapi.json").json()
    known = document["components"].get("parameters", {})

    def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            known[item["$ref"].rpartition("/")[2]] if "$ref" in item else item
            for item in operation.get("parameters", ())
        ]

    return [
        {**operation, "method": method, "path": path, "parameters": parameters(operation)}
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
        and operation["operationId"] not in {"followEvents"}
    ]


def address_of(operation: dict[str, Any], text: str = "NOTHING") -> str:
    return re.sub(r"\{\w+\}", lambda _: text, operation["path"])


def bodies(operation: dict[str, Any], pattern: str, size: int) -> Iterator[str]:
    """Yield bodies with a long text where it may go: a key, values of known keys, no JSON."""
    text = long_text(pattern, size)
    media = operation["requestBody"]["content"]
    schema = next(iter(media.values())).get("schema", {})
    yield json.dumps({text + "\nx": 1})
    yield json.dumps([text])
    yield text
    names = [name for name in str(schema).split("'") if name.isidentifier()][:3]
    yield json.dumps(dict.fromkeys(["name", "config_id", "properties", *names], text))


def test_long_bodies_take_no_more_than_their_share(
    server: StartedServer, operations: list[dict[str, Any]]
) -> None:
    found = []
    takers = [operation for operation in operations if "requestBody" in operation]
    assert len(takers) > 20
    for operation in takers:
        for pattern in PATTERNS[:6]:
            for bodies_of_two in zip(
                *(bodies(operation, pattern, size) for size in BODY_BYTES), strict=True
            ):
                small, large = (
                    {"method": operation["method"], "url": address_of(operation), "content": body}
                    for body in bodies_of_two
                )
                if grows(server, small, large):
                    found.append((operation["operationId"], pattern))
    assert found == []


@pytest.mark.parametrize("pattern", PATTERNS[:6])
def test_the_largest_body_of_a_stranger_takes_no_more_than_its_share(
    server: StartedServer, pattern: str
) -> None:
    small, large = (
        {
            "method": "POST",
            "url": "/api/v1/auth/login",
            "content": json.dumps({long_text(pattern, size) + "\nx": 1}),
        }
        for size in LARGE_BODY_BYTES
    )

    assert not grows(server, small, large)


def test_a_key_that_is_repeated_after_many_others_takes_no_more_than_its_share(
    server: StartedServer,
) -> None:
    small, large = (
        {
            "method": "POST",
            "url": "/api/v1/auth/login",
            "content": json.dumps({f"k{number}": 1 for number in range(count)})[:-1] + ',"k0":1}',
        }
        for count in (10_000, 60_000)
    )

    assert not grows(server, small, large)


def test_long_parameters_take_no_more_than_their_share(
    server: StartedServer, operations: list[dict[str, Any]]
) -> None:
    found = []
    for operation in operations:
        for parameter in operation["parameters"]:
            for pattern in IN_PARAMETERS:
                small, large = (
                    with_parameter(operation, parameter, long_text(pattern, size))
                    for size in TARGET_BYTES
                )
                if grows(server, small, large):
                    found.append((operation["operationId"], parameter["name"], pattern))
                if parameter["in"] == "header":
                    break
    assert found == []


def with_parameter(
    operation: dict[str, Any], parameter: dict[str, Any], text: str
) -> dict[str, Any]:
    request: dict[str, Any] = {"method": operation["method"], "url": address_of(operation)}
    if parameter["in"] == "path":
        # What a client writes into a path as it is, shorter as it is escaped there.
        request["url"] = address_of(
            operation, text.replace("/", "-").replace("%", "")[: len(text) // 6]
        )
    elif parameter["in"] == "query":
        request["params"] = {parameter["name"]: text[: len(text) // 3]}
    else:
        request["headers"] = {parameter["name"]: sendable(text)}
    return request


def sendable(text: str) -> str:
    """Return a text as a header may have it."""
    return text.replace("é", "e").strip()


@pytest.mark.parametrize(
    "header",
    [
        "Authorization",
        "Prefer",
        "If-Match",
        "If-None-Match",
        "Idempotency-Key",
        "Last-Event-ID",
        "X-Request-ID",
        "Traceparent",
        "Cookie",
        "Accept",
        "Content-Type",
        "Origin",
        "Range",
    ],
)
def test_long_headers_take_no_more_than_their_share(server: StartedServer, header: str) -> None:
    found = []
    for pattern in PATTERNS:
        small, large = (
            {
                "method": "GET",
                "url": "/api/v1/jobs",
                "headers": {header: sendable(long_text(pattern, size))},
            }
            for size in (7_000, 28_000)
        )
        if grows(server, small, large):
            found.append(pattern)
    assert found == []

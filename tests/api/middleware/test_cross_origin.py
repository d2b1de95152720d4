"""What pages in browsers may do, and what no program that is none ever notices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from doors import Echo, opened
from scenarist.api.middleware.cross_origin import refuse_foreign_pages
from scenarist.domain.errors import InvalidError

PLANNER = "https://planner.example.com"
EVIL = "https://evil.example.com"
STRICT = "default-src 'none'; frame-ancestors 'none'"


class Guarded:
    """A started door with an application behind the guard, and a client for it."""

    def __init__(self, port: int, echo: Echo) -> None:
        self.port = port
        self.echo = echo
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)

    @property
    def own(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def wrapped(asgi: Any) -> Any:
    """Make of it what the HTTP server sees to be an application, as Litestar is one."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)

    return app


@contextmanager
def served(trusted_proxies: list[str] | None = None, **arguments: Any) -> Iterator[Guarded]:
    echo = Echo()
    with opened(
        wrapped(refuse_foreign_pages(echo, **arguments)), trusted_proxies=trusted_proxies or []
    ) as port:
        server = Guarded(port, echo)
        with server.http:
            yield server


@pytest.fixture(scope="module")
def started() -> Iterator[Guarded]:
    """No origins and no hosts named."""
    with served() as server:
        yield server


@pytest.fixture
def closed(started: Guarded) -> Guarded:
    started.echo.requests.clear()
    return started


@pytest.fixture(scope="module")
def planned() -> Iterator[Guarded]:
    with served(cors_origins=[PLANNER, "http://localhost:3000"]) as server:
        yield server


@pytest.fixture(scope="module")
def public() -> Iterator[Guarded]:
    with served(cors_origins=["*"]) as server:
        yield server


@pytest.fixture(scope="module")
def named() -> Iterator[Guarded]:
    with served(hosts=["localhost", "127.0.0.1", "[::1]"]) as server:
        yield server


def refused(response: httpx.Response, code: str = "origin_refused") -> bool:
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["message"] == problem["detail"]
    assert problem["status"] == response.status_code
    return response.status_code == 403 and problem["code"] == code


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_program_names_no_origin_and_passes(closed: Guarded, method: str) -> None:
    assert closed.http.request(method, "/").status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_a_page_of_another_origin_changes_nothing(
    closed: Guarded, method: str, origin: str
) -> None:
    response = closed.http.request(method, "/", headers={"Origin": origin})

    assert refused(response)
    assert f"pages of {origin} may not call this server" in response.json()["message"]
    assert "cors_origins" in response.json()["message"]
    assert closed.echo.requests == []


def test_a_form_of_another_site_changes_nothing(closed: Guarded) -> None:
    headers = {
        "Origin": EVIL,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Content-Type": "text/plain",
    }

    assert refused(closed.http.post("/", headers=headers, content=b'{"a": 1}'))
    assert closed.echo.requests == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_origin_that_does_not_name_it_changes_nothing(
    closed: Guarded, site: str
) -> None:
    assert refused(closed.http.post("/", headers={"Sec-Fetch-Site": site}))
    assert closed.echo.requests == []


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_page_of_this_server_may_call(closed: Guarded, method: str) -> None:
    assert closed.http.request(method, "/", headers={"Origin": closed.own}).status_code == 200


def test_a_page_of_this_server_is_known_by_what_its_browser_says(closed: Guarded) -> None:
    # A proxy in front may call the server by another name.
    headers = {"Origin": PLANNER, "Sec-Fetch-Site": "same-origin"}

    assert closed.http.post("/", headers=headers).status_code == 200


def test_a_page_of_this_server_may_come_by_tls_that_a_proxy_speaks(closed: Guarded) -> None:
    headers = {"Origin": PLANNER, "Host": "planner.example.com"}

    assert closed.http.post("/", headers=headers).status_code == 200
    assert closed.http.post("/", headers={**headers, "Host": "planner.example.com:443"}).is_success
    assert refused(closed.http.post("/", headers={**headers, "Host": "planner.example.com:444"}))


def test_a_page_without_tls_is_none_of_a_server_with_tls() -> None:
    headers = {"Host": "planner.example.com", "X-Forwarded-Proto": "https"}
    with served(trusted_proxies=["127.0.0.1"]) as server:
        assert server.http.post("/", headers={**headers, "Origin": PLANNER}).status_code == 200
        other = server.http.post("/", headers={**headers, "Origin": "http://planner.example.com"})

    assert refused(other)


def test_a_page_of_another_site_may_link_here_and_no_more(closed: Guarded) -> None:
    site = {"Sec-Fetch-Site": "cross-site"}

    assert closed.http.get("/", headers={**site, "Sec-Fetch-Mode": "navigate"}).status_code == 200
    for mode in ("no-cors", "cors"):
        assert refused(closed.http.get("/", headers={**site, "Sec-Fetch-Mode": mode}))
    assert refused(closed.http.get("/", headers=site))


def test_a_person_who_types_an_address_is_answered(closed: Guarded) -> None:
    headers = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}

    assert closed.http.get("/", headers=headers).status_code == 200


def test_without_origins_no_answer_lets_a_page_read_it(closed: Guarded) -> None:
    for response in (
        closed.http.get("/", headers={"Origin": EVIL}),
        closed.http.post("/", headers={"Origin": EVIL}),
        asked_first(closed, EVIL),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]


def asked_first(server: Guarded, origin: str) -> httpx.Response:
    return server.http.options(
        "/",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization, if-match",
        },
    )


def test_a_page_of_a_named_origin_may_ask_first_without_a_credential(planned: Guarded) -> None:
    planned.echo.requests.clear()

    response = asked_first(planned, PLANNER)

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == PLANNER
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert response.headers["access-control-allow-headers"] == (
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
        "Prefer, X-Request-ID"
    )
    assert response.headers["vary"] == "Origin"
    assert planned.echo.requests == []


@pytest.mark.parametrize("origin", [PLANNER, "http://localhost:3000"])
def test_a_page_of_a_named_origin_may_call_and_read(planned: Guarded, origin: str) -> None:
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    for method in ("GET", "POST"):
        response = planned.http.request(method, "/", headers=headers)

        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["access-control-expose-headers"] == (
            "Content-Disposition, ETag, Link, Location, Preference-Applied, Retry-After, "
            "X-Request-ID"
        )
        assert response.headers["vary"] == "Origin"


def test_options_of_a_named_origin_that_does_not_ask_first_is_answered(planned: Guarded) -> None:
    response = planned.http.options("/", headers={"Origin": PLANNER})

    assert response.status_code == 200
    assert "access-control-allow-methods" not in response.headers


@pytest.mark.parametrize("origin", [EVIL, "https://planner.example.com.evil.com", "null"])
def test_a_page_of_an_origin_that_is_not_named_may_not(planned: Guarded, origin: str) -> None:
    assert refused(planned.http.post("/", headers={"Origin": origin}))
    for response in (
        asked_first(planned, origin),
        planned.http.get("/", headers={"Origin": origin}),
    ):
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"] == "Origin"


def test_an_answer_without_an_origin_is_not_for_a_cache_to_give_to_one(planned: Guarded) -> None:
    response = planned.http.get("/")

    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in response.headers


def test_all_origins_may_call_without_credentials(public: Guarded) -> None:
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}

    for response in (
        public.http.post("/", headers=headers),
        public.http.get("/"),
        asked_first(public, EVIL),
    ):
        assert response.is_success
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert "vary" not in response.headers


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:5000", "127.0.0.1:8000", "[::1]:5000", "[::1]"]
)
def test_a_server_answers_to_its_names(named: Guarded, host: str) -> None:
    assert named.http.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "evil.example.com:5000", "localhost.evil.com", "127.0.0.1.evil.com"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_name_that_was_made_to_lead_here_leads_nowhere(
    named: Guarded, method: str, host: str
) -> None:
    named.echo.requests.clear()
    headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}

    response = named.http.request(method, "/", headers=headers)

    assert (response.status_code, response.json()["code"]) == (421, "host_refused")
    assert response.json()["title"] == "Misdirected Request"
    assert f"{host} is not a name of this server; if it should be, add it" in response.text
    assert named.echo.requests == []


def test_a_refusal_of_head_has_no_body(named: Guarded) -> None:
    response = named.http.head("/", headers={"Host": "evil.example.com"})

    assert (response.status_code, response.content) == (421, b"")
    assert named.http.get("/").status_code == 200


def test_every_answer_has_the_strict_policy(planned: Guarded) -> None:
    for response in (
        planned.http.get("/"),
        asked_first(planned, PLANNER),
        planned.http.post("/", headers={"Origin": EVIL}),
    ):
        assert response.headers["content-security-policy"] == STRICT
        assert response.headers["x-content-type-options"] == "nosniff"


def test_an_answer_may_bring_a_policy_of_its_own() -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-security-policy", b"default-src 'self'"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with opened(wrapped(refuse_foreign_pages(page))) as port:
        response = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)

    assert response.headers["content-security-policy"] == "default-src 'self'"


def test_a_variation_that_an_answer_names_stays() -> None:
    async def varying(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"vary", b"Accept"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with opened(wrapped(refuse_foreign_pages(varying, cors_origins=[PLANNER]))) as port:
        response = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)

    assert response.headers["vary"] == "Accept, Origin"


def test_what_is_no_origin_or_host_is_told_at_once() -> None:
    with pytest.raises(InvalidError, match="'planner' is not an origin"):
        refuse_foreign_pages(Echo(), cors_origins=["planner"])
    with pytest.raises(InvalidError, match="'localhost:5000' is not a host"):
        refuse_foreign_pages(Echo(), hosts=["localhost:5000"])


def test_refusals_are_counted_with_address_code_and_reason() -> None:
    counted: list[tuple[str, ...]] = []

    with served(
        hosts=["127.0.0.1"], count_refusal=lambda *refusal: counted.append(refusal)
    ) as server:
        server.http.get("/")
        server.http.post("/", headers={"Origin": EVIL})
        server.http.get("/", headers={"Host": "evil.example.com"})

    assert [refusal[:2] for refusal in counted] == [
        ("127.0.0.1", "origin_refused"),
        ("127.0.0.1", "host_refused"),
    ]
    assert EVIL in counted[0][2]

"""HEAD, OPTIONS and ``Allow``, on every path."""

from typing import Any

import httpx
import pytest

from servers import StartedServer


def paths_of(server: StartedServer) -> dict[str, set[str]]:
    """Return the methods of each described path."""
    described = server.http.get("/schema/openapi.json").json()["paths"]
    return {path: {method.upper() for method in methods} for path, methods in described.items()}


def allowed(response: httpx.Response) -> set[str]:
    return {method.strip() for method in response.headers["allow"].split(",")}


@pytest.mark.parametrize("kind", ["sequences", "scenarios"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_head_answers_as_get_without_the_body(
    server: StartedServer, chain: dict[str, Any], kind: str, slash: str
) -> None:
    of_kind = {"sequences": chain["sequences"]["half"]["id"], "scenarios": chain["id"]}
    path = f"/api/v1/{kind}/{of_kind[kind]}{slash}"

    get, head = server.http.get(path), server.http.head(path)

    assert head.status_code == 200
    assert head.content == b""
    assert without_date_and_number(head) == without_date_and_number(get)


def test_head_of_a_list_and_of_a_page_has_no_body(
    server: StartedServer, chain: dict[str, Any]
) -> None:
    for path in ("/api/v1/sequences", "/api/v1/sequences?limit=1", "/schema", "/healthz"):
        get, head = server.http.get(path), server.http.head(path)

        assert (head.status_code, head.content) == (200, b"")
        assert without_date_and_number(head) == without_date_and_number(get)


def test_a_connection_serves_on_after_a_head(server: StartedServer) -> None:
    for _ in range(3):
        assert server.http.head("/schema/openapi.json").content == b""
        assert server.http.get("/healthz").json() == {"message": "alive"}


def test_head_of_what_is_not_there_is_404_without_a_body(server: StartedServer) -> None:
    response = server.http.head("/api/v1/sequences/SEQUENCE_x")

    assert (response.status_code, response.content) == (404, b"")
    assert response.headers["content-type"] == "application/problem+json"


def test_head_with_the_known_tag_is_304(server: StartedServer, chain: dict[str, Any]) -> None:
    path = f"/api/v1/scenarios/{chain['id']}"
    tag = server.http.get(path).headers["etag"]

    response = server.http.head(path, headers={"If-None-Match": tag})

    assert (response.status_code, response.headers["etag"]) == (304, tag)


def test_options_names_the_methods_of_every_path(server: StartedServer) -> None:
    for path, methods in paths_of(server).items():
        response = server.http.options(path)

        assert (response.status_code, response.content) == (204, b""), path
        assert allowed(response) == expected(methods), path


def test_a_method_that_a_path_lacks_is_405_with_those_it_has(server: StartedServer) -> None:
    for path, methods in paths_of(server).items():
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - expected(methods):
            response = server.http.request(method, path)

            assert response.status_code == 405, f"{method} {path}"
            assert allowed(response) == expected(methods), f"{method} {path}"


def test_options_of_an_unknown_path_is_404(server: StartedServer) -> None:
    response = server.http.options("/api/v1/pipelines")

    assert response.status_code == 404
    assert response.json()["message"] == "there is no path /api/v1/pipelines"


def expected(methods: set[str]) -> set[str]:
    return methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())


def without_date_and_number(response: httpx.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name not in {"date", "x-request-id"}
    }

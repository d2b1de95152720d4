"""The pages that show the API and try it, from this server alone."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from browsers import needs_browser
from servers import StartedServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ASSET = re.compile(r'(?:href|src)="([^"]*)"')


@pytest.mark.parametrize("path", ["/schema", "/schema/"])
def test_all_that_the_page_names_is_served_here(server: StartedServer, path: str) -> None:
    page = server.http.get(path)

    assets = ASSET.findall(page.text)
    assert page.headers["content-type"].startswith("text/html")
    assert len(assets) == 4
    for asset in assets:
        response = server.http.get(asset)
        assert asset.startswith("/schema/assets/")
        assert response.status_code == 200
        assert response.content


def test_the_assets_have_the_types_that_a_browser_insists_on(server: StartedServer) -> None:
    types = {
        name: server.http.get(f"/schema/assets/{name}").headers["content-type"].partition(";")[0]
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png")
    }

    assert types == {
        "swagger-ui.css": "text/css",
        "swagger-ui-bundle.js": "text/javascript",
        "start.js": "text/javascript",
        "favicon-32x32.png": "image/png",
    }


def test_the_page_may_load_nothing_from_elsewhere(server: StartedServer) -> None:
    page = server.http.get("/schema")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "//" not in page.text.replace("<!doctype html>", "")


def test_what_there_is_not_is_a_problem_here_too(server: StartedServer) -> None:
    response = server.http.get("/schema/nothing")

    assert response.status_code == 404
    assert response.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("name", ["index.html", "..%2F__init__.py", "swagger-ui.css.map"])
def test_no_other_file_is_served(server: StartedServer, name: str) -> None:
    assert server.http.get(f"/schema/assets/{name}").status_code == 404


@needs_browser
def test_a_browser_lists_the_operations_and_tries_one(
    server: StartedServer, chain: dict[str, Any], browser: "Browser"
) -> None:
    page = browser.new_page()
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{server.address}/schema")
    operation = page.locator("#operations-sequences-listSequences")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    status = operation.locator(".live-responses-table tbody .response-col_status").first
    status.wait_for()

    described = server.http.get("/schema/openapi.json").json()["paths"].values()
    assert page.locator(".opblock").count() == sum(len(operations) for operations in described)
    assert status.inner_text().strip() == "200"
    assert chain["id"] in operation.locator(".live-responses-table").inner_text()
    assert [url for url in requested if not url.startswith(f"{server.address}/")] == []
    assert complaints == []

"""How the files of the console are served, and what they weigh."""

import gzip
import re
import shutil

import pytest

from scenarist.console import vendoring
from scenarist.console.pages import FOLDER
from servers import StartedServer

LINKED = re.compile(r'(?:href|src)="([^"]*)"')
MOST_BYTES = 300 * 1024


def linked(server: StartedServer) -> list[str]:
    return LINKED.findall(server.http.get("/").text)


@pytest.mark.parametrize("path", ["/", "/console", "/console/"])
def test_the_page_is_at_the_root_and_under_its_name(server: StartedServer, path: str) -> None:
    response = server.http.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "<title>Scenarist</title>" in response.text


def test_the_policy_lets_no_script_style_or_request_in_from_elsewhere(
    server: StartedServer,
) -> None:
    policy = server.http.get("/").headers["content-security-policy"]

    said = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert said == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_the_page_has_no_script_or_style_of_its_own(server: StartedServer) -> None:
    page = server.http.get("/").text

    assert re.findall(r"<script[^>]*>([^<]+)<", page) == []
    assert "<style" not in page
    assert not re.search(r'\s(style|on\w+)="', page)


def test_all_that_the_page_names_is_served_and_may_be_kept_for_good(server: StartedServer) -> None:
    for path in linked(server):
        response = server.http.get(path)

        assert response.status_code == 200, path
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_the_page_itself_is_asked_for_each_time_and_not_sent_again(server: StartedServer) -> None:
    first = server.http.get("/")

    second = server.http.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert (second.status_code, second.content) == (304, b"")


def test_files_are_compressed_for_those_who_take_that(server: StartedServer) -> None:
    path = next(path for path in linked(server) if path.endswith("/app.js"))

    plain = server.http.get(path, headers={"Accept-Encoding": "identity"})
    compressed = server.http.get(path, headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert compressed.content == plain.content
    assert int(compressed.headers["content-length"]) < len(plain.content)


def test_a_file_of_another_version_is_not_served(server: StartedServer) -> None:
    path = linked(server)[0]
    name = path.rpartition("/")[2]

    for other in ("/console/0123456789abcdef/" + name, path.replace(name, "pages.py")):
        assert server.http.get(other).status_code == 404


def test_all_of_it_weighs_less_than_300_kilobytes_compressed() -> None:
    weights = {
        path.name: len(gzip.compress(path.read_bytes()))
        for path in FOLDER.rglob("*")
        if path.suffix in {".html", ".js", ".css", ".svg"}
    }

    assert sum(weights.values()) < MOST_BYTES, weights


def test_nothing_of_ours_makes_markup_or_a_script_of_a_text() -> None:
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function"
    )
    found = {
        path.name: ways.findall(path.read_text())
        for path in FOLDER.glob("*.js")
        if ways.search(path.read_text())
    }

    assert found == {}


def test_modules_of_others_are_those_that_were_fetched() -> None:
    lines = vendoring.CHECKSUMS.read_text().splitlines()
    noted = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    found = {
        file.name: vendoring.checksum(file.read_bytes())
        for file in vendoring.VENDOR.iterdir()
        if file != vendoring.CHECKSUMS
    }

    assert found == noted
    assert set(found) == {name for package in vendoring.PACKAGES for name in package.files.values()}
    assert all(f"{name}.LICENSE" in found for name in ("preact", "htm", "uplot"))


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_a_package_with_another_checksum_changes_nothing() -> None:
    pinned = vendoring.PACKAGES[1]
    other = vendoring.Package(
        name=pinned.name, version="3.1.0", integrity=pinned.integrity, files=pinned.files
    )
    before = sorted((file.name, file.read_bytes()) for file in vendoring.VENDOR.iterdir())

    with pytest.raises(vendoring.ChecksumError, match=r"htm@3\.1\.0"):
        vendoring.update_vendored_files((other,))

    assert sorted((file.name, file.read_bytes()) for file in vendoring.VENDOR.iterdir()) == before

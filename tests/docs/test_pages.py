"""All pages: links that lead somewhere, commands that exist, no path of somebody's machine."""

import re
from pathlib import Path

import pytest

from scenarist.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
FOLDERS = (".ci", "bench", "docs", "src", "tests")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HOME = re.compile(r"(?<![\w./])/(?:work|home|root|Users)/\w")


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return what a link may have after its # to lead to a heading of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    file = page.parent / target if target else page
    return file.exists() and (not anchor or anchor in anchors(file))


def commands() -> list[str]:
    own = [name for name in app if not name.startswith("-") and name != "db"]
    return own + [f"db {name}" for name in app["db"] if not name.startswith("-")]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]

    assert [link for link in links if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("command", commands())
def test_a_command_is_on_a_page(command: str) -> None:
    assert any(f"scenarist {command}" in page.read_text() for page in PAGES)


def test_the_pages_name_only_make_targets_that_exist() -> None:
    rules = re.findall(r"^([a-z0-9. -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:`|^)make ([a-z0-9.-]+)", page.read_text())
    }

    assert named - targets == set()


def test_no_file_names_a_path_of_a_machine() -> None:
    files = [file for file in ROOT.glob("*") if file.is_file() and file.name != ".git"]
    files += [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    texts = {
        name_of(file): file.read_text(errors="replace")
        for file in files
        if file.suffix not in {".pyc", ".png"}
    }

    assert {name: found[0] for name, text in texts.items() if (found := HOME.search(text))} == {}

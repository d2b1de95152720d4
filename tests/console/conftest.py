"""The console of a started server, in a browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from console_pages import Console, OpenConsole
from servers import StartedServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """One started server for the tests that need no authorization."""
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def open_console(browser: "Browser") -> Iterator[OpenConsole]:
    """Open the console of a server; what its page complains of fails the test."""
    opened: list[Console] = []

    def open_one(server: StartedServer, path: str = "", **options: Any) -> Console:
        console = Console(browser, server.address, **options)
        opened.append(console)
        console.open(path)
        return console

    yield open_one
    for console in opened:
        console.close()
    assert [complaint for console in opened for complaint in console.complaints] == []

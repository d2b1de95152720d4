"""The console in a browser, in the words of somebody who uses it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from servers import StartedServer
from signed_in import PASSWORDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Request

# What a browser itself says of an answer that is an error, and of a server that is gone.
_OF_AN_ERROR = re.compile("Failed to load resource|net::ERR_")


class Console:
    """A tab with the console.

    Args:
        complaints: What the browser says of the page: scripts that fail, breaches of its policy.
        foreign: What the page has asked of anybody but its server.
    """

    def __init__(
        self,
        browser: "Browser",
        address: str,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Any = "light",
        locale: str = "en-GB",
    ) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        self._context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale=locale,
            accept_downloads=True,
        )
        self._context.set_default_timeout(20_000)
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self._complain(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._note)

    def _complain(self, text: str) -> None:
        if not _OF_AN_ERROR.search(text):
            self.complaints.append(text)

    def _note(self, request: "Request") -> None:
        if not request.url.startswith((f"{self.address}/", "blob:")):
            self.foreign.append(request.url)

    def open(self, path: str = "") -> None:
        """Go to an address within the console, such as ``scenarios/ID``."""
        self.page.goto(f"{self.address}/#/{path}")

    def close(self) -> None:
        self._context.close()

    def sign_in(self, name: str, password: str) -> None:
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def title(self) -> str:
        return self.page.locator("h1").inner_text()

    def button(self, name: str, within: "Locator | None" = None) -> "Locator":
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def press(self, name: str, within: "Locator | None" = None) -> None:
        self.button(name, within).click()

    def link(self, name: str) -> "Locator":
        return self.page.get_by_role("link", name=name, exact=True)

    def dialog(self) -> "Locator":
        return self.page.get_by_role("dialog")

    def task(self, config_id: str, state: str | None = None) -> "Locator":
        """Return a task of the graph, once it has a state if one is named."""
        status = "" if state is None else f'[data-status="{state}"]'
        return self.page.locator(f'.graph-task[aria-label^="Task {config_id}:"]{status}')

    def data_node(self, config_id: str, state: str | None = None) -> "Locator":
        status = "" if state is None else f'[data-status="{state}"]'
        return self.page.locator(f'.graph-node[aria-label^="Data node {config_id}:"]{status}')

    def sequence(self, name: str) -> "Locator":
        return self.page.locator(".sequences li").filter(has_text=name)

    def statuses(self) -> "Locator":
        """Return the statuses in the tables of the page."""
        return self.page.locator("tbody .status")

    def offers(self) -> set[str]:
        """Return the names of all buttons there are."""
        return {text.strip() for text in self.page.get_by_role("button").all_inner_texts()}

    def refusal(self) -> str:
        return self.page.get_by_role("alert").inner_text()


OpenConsole = Callable[..., Console]
"""Takes a started server and an address within the console; options are those of `Console`."""


def signed_in(
    open_console: OpenConsole, server: StartedServer, name: str, path: str = "", **options: Any
) -> Console:
    """Open the console as one of the users of `signed_in.with_users`."""
    console = open_console(server, path, **options)
    console.sign_in(name, PASSWORDS[name])
    console.page.locator("header.top").wait_for()
    return console

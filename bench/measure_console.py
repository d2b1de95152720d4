"""What the console costs in a browser: its first view, an event on the screen, a large graph."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench.apps.workload import WEB
from bench.filling import fill
from bench.report import Row, median_ratio
from bench.servers import Server, scenarist

_CHROMIUM = "/usr/bin/chromium"
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_PATIENCE_MS = 60_000
# The page itself notes when something was there; the driver would add its own time.
_NOTE = """
  window.noted = {};
  new MutationObserver(() => {
    for (const [name, selector] of Object.entries({
      row: 'tbody tr', task: '.graph-task', heading: 'h1'
    })) {
      const found = document.querySelector(selector);
      if (!found || window.noted[name + found.textContent] !== undefined) continue;
      window.noted[name + found.textContent] = performance.timeOrigin + performance.now();
      window.noted[name] ??= performance.now();
    }
  }).observe(document, {childList: true, subtree: true, characterData: true});
"""


def measure_console(folder: Path, *, rounds: int, many: int, count: int) -> list[Row]:
    """Each in a fresh browser profile, without anything kept from before."""
    fill(folder / "many", many)
    with scenarist(folder / "many") as server, _browser() as browser:
        first, bare = zip(*(_first_view(browser, server) for _ in range(rounds)), strict=True)
        events = _events(browser, server, count)
        graphs = [_graph(browser, server) for _ in range(rounds)]
    layouts, shown = zip(*graphs, strict=True)
    of = f"median of {rounds}"
    return [
        replace(
            _row(f"first view, {many:,} scenarios in the database", median(first), 1000, of),
            beside=f"the same browser with /healthz: {median(bare):.0f} ms",
            ratio=median_ratio(first, bare),
        ),
        _row(
            "from the answer to a write to its effect on the screen",
            median(events),
            200,
            f"median of {count} in turn; the slowest took {max(events):.0f} ms",
        ),
        _row(f"a graph of {WEB} tasks is laid out", median(layouts), 1000, of),
        _row(f"a graph of {WEB} tasks is on the screen, from the click", median(shown), 2000, of),
    ]


def _row(work: str, milliseconds: float, bar: int, note: str) -> Row:
    return Row(
        number="console",
        work=work,
        ours=f"{milliseconds:.0f} ms",
        beside="",
        ratio=None,
        bar=f"at most {bar} ms",
        holds=milliseconds <= bar,
        note=note,
    )


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_QUIET)
        yield browser
        browser.close()


@contextmanager
def _page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(_PATIENCE_MS)
    context.add_init_script(_NOTE)
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def _first_view(browser: Browser, server: Server) -> tuple[float, float]:
    """Return how long the list takes to appear, and how long the browser takes with a line."""
    with _page(browser, server.address) as page:
        page.locator("tbody tr").first.wait_for()
        shown = _noted(page, "row")
    with _page(browser, f"{server.address}/healthz") as page:
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].domComplete")
    return shown, float(loaded)


def _events(browser: Browser, server: Server, count: int) -> list[float]:
    scenario_id = server.create("pair")
    latencies = []
    with _page(browser, f"{server.address}/#/scenarios/{scenario_id}") as page:
        page.locator('.connection[data-state="live"]').wait_for()
        page.locator(".graph-task").first.wait_for()
        for number in range(count):
            name = f"renamed {number}"
            server.http.patch(f"/scenarios/{scenario_id}", json={"name": name})
            written_at = time.time() * 1000
            page.locator("h1", has_text=name).wait_for()
            latencies.append(max(0.0, _noted(page, f"heading{name}") - written_at))
    return latencies


def _graph(browser: Browser, server: Server) -> tuple[float, float]:
    scenario_id = server.create("web")
    with _page(browser, server.address) as page:
        page.locator("tbody tr").first.wait_for()
        start = page.evaluate("performance.now()")
        page.evaluate(f"location.hash = '#/scenarios/{scenario_id}'")
        page.locator(".graph-task").nth(WEB - 1).wait_for()
        layout = page.evaluate("performance.getEntriesByName('graph layout')[0].duration")
        return float(layout), _noted(page, "task") - float(start)


def _noted(page: Page, name: str) -> float:
    found: Any = page.evaluate("name => window.noted[name]", name)
    return float(found)

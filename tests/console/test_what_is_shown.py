"""What the console shows is so: values as REST reads them, bars to scale, names of scenarios."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from browsers import needs_browser
from console_pages import Console, OpenConsole
from servers import StartedServer

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1"
LARGE = 12345678901234567890
FIGURES: dict[str, list[float]] = {
    "growth": [3561386.76, 3417649.4, 3420000],
    "mixed": [-50, 100, 0],
    "all below": [-1, -2, -3.5],
    "nothing": [0, 0, 0],
    "equal": [7, 7, 7],
    "huge": [1e300, -1.7e308, 1e-12],
    "tiny": [1e-9, 2e-9, 0],
}


@pytest.fixture(scope="module")
def showroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """A server whose files were there from the start, with three named scenarios."""
    folder = tmp_path_factory.mktemp("showroom")
    (folder / "prices.csv").write_text("day,price\n2026-01-01,12.5\n")
    (folder / "report.json").write_text(json.dumps({"made_by": "the first program"}))
    with StartedServer(folder, app="showroom.py") as started:
        yield started


@pytest.fixture(scope="module")
def named(showroom: StartedServer) -> list[dict[str, Any]]:
    scenarios = [showroom.create("shown") for _ in range(3)]
    for scenario, name in zip(scenarios, ("cold", "mild", "<b>warm</b>"), strict=True):
        showroom.http.patch(f"{API}/scenarios/{scenario['id']}", json={"name": name})
        path = f"{API}/datanodes/{scenario['node_of']['figures']}/write"
        assert showroom.http.put(path, json=FIGURES).status_code == 200
    return scenarios


def open_node(
    open_console: OpenConsole, server: StartedServer, scenario: dict[str, Any], name: str
) -> Console:
    console = open_console(server, f"data-nodes/{scenario['node_of'][name]}")
    console.page.get_by_role("heading", name="Value").wait_for()
    return console


def test_a_file_that_was_there_from_the_start_is_shown(
    showroom: StartedServer, named: list[dict[str, Any]], open_console: OpenConsole
) -> None:
    console = open_node(open_console, showroom, named[0], "prices")

    cells = console.page.locator(".table.data td.figure")
    cells.first.wait_for()
    assert cells.first.inner_text() == "12.5"
    assert "Only the" not in console.page.locator("main").inner_text()


def test_a_file_that_another_program_replaced_is_shown_as_it_is_now(
    showroom: StartedServer, named: list[dict[str, Any]], open_console: OpenConsole
) -> None:
    path = f"{API}/datanodes/{named[0]['node_of']['report']}/write"
    assert showroom.http.put(path, json={"made_by": "somebody here"}).status_code == 200
    console = open_node(open_console, showroom, named[0], "report")
    console.page.get_by_text("somebody here").wait_for()

    (showroom.folder / "report.json").write_text(json.dumps({"made_by": "another program"}))
    console.press("Reload")

    console.page.get_by_text("another program").wait_for()


def test_a_number_stays_what_it_is_when_a_value_is_shown_and_written_again(
    showroom: StartedServer, named: list[dict[str, Any]], open_console: OpenConsole
) -> None:
    scenario = showroom.create("shown")
    path = f"{API}/datanodes/{scenario['node_of']['figures']}"
    text = f'{{"count": {LARGE}, "rate": 1.0, "small": 0.0000001, "none": [], "t": "a{{:,}}"}}'
    showroom.http.put(f"{path}/write", content=text)
    before = showroom.http.get(f"{path}/read").text
    console = open_node(open_console, showroom, scenario, "figures")

    console.page.get_by_text("12,345,678,901,234,567,890").wait_for()
    assert console.page.get_by_text("0.0000001").is_visible()
    console.press("Write")
    console.press("Write", console.dialog())
    console.dialog().wait_for(state="detached")

    assert showroom.http.get(f"{path}/read").text == before
    assert len(showroom.http.get(f"{path}/edits").json()["results"]) == 2


def test_what_cannot_be_written_offers_no_way_to(
    showroom: StartedServer, named: list[dict[str, Any]], open_console: OpenConsole
) -> None:
    console = open_node(open_console, showroom, named[0], "prices")
    console.button("Download").wait_for()
    assert console.offers() & {"Write", "Upload", "Lock"} == set()

    writable = open_node(open_console, showroom, named[0], "report")
    writable.button("Write").wait_for()
    assert writable.offers() >= {"Write", "Upload", "Lock"}


def test_lists_call_scenarios_by_their_names(
    showroom: StartedServer, named: list[dict[str, Any]], open_console: OpenConsole
) -> None:
    for scenario in named:
        showroom.submit(scenario["sequences"]["reading"]["id"])
    showroom.http.post(f"{API}/scenarios/submit/{named[2]['id']}", headers={"Prefer": "wait=30"})

    console = open_console(showroom, "submissions")
    for name in ("sequence reading of cold", "sequence reading of mild", "scenario <b>warm</b>"):
        console.link(name).first.wait_for()
    console.open("jobs")
    console.link("sequence reading of <b>warm</b>").wait_for()
    console.open("data-nodes")
    console.link("mild").first.wait_for()


@pytest.mark.parametrize("width", [1440, 390])
def test_bars_are_to_scale_and_a_comparator_that_fails_says_so_beside_them(
    showroom: StartedServer,
    named: list[dict[str, Any]],
    open_console: OpenConsole,
    width: int,
) -> None:
    ids = ",".join(scenario["id"] for scenario in named)
    console = open_console(showroom, f"compare?ids={ids}", width=width)
    console.page.locator(".bars").first.wait_for()

    assert "comparator pipelines:fail of data node 'figures' failed" in console.refusal()
    bars = {
        figure.locator("figcaption").inner_text(): figure
        for figure in console.page.locator(".bars").all()
    }
    assert set(bars) == set(FIGURES)
    for name, figures in FIGURES.items():
        low, high = min(0, *figures), max(0, *figures)
        span = high / 2 - low / 2 or 1.0
        tracks = [track.bounding_box() for track in bars[name].locator(".bars-track").all()]
        assert len({(track["x"], track["width"]) for track in tracks if track}) == 1
        shown = bars[name].locator(".bars-bar").all()
        for figure, bar in zip(figures, shown, strict=True):
            box, track = bar.evaluate("one => one.getBoundingClientRect().toJSON()"), tracks[0]
            assert track is not None
            start = track["x"] + track["width"] * ((min(0, figure) / 2 - low / 2) / span)
            assert box["width"] == pytest.approx(
                track["width"] * (abs(figure / 2) / span), abs=0.5
            ), name
            assert box["left"] == pytest.approx(start, abs=0.5), name


def test_the_list_is_searched_and_its_view_is_in_the_address(
    server: StartedServer, open_console: OpenConsole
) -> None:
    for name in ("a mild autumn", "a cold autumn"):
        scenario = server.create("chain")
        server.http.patch(f"{API}/scenarios/{scenario['id']}", json={"name": name})
    console = open_console(server, "scenarios?config=chain")
    page = console.page
    page.get_by_label("Search").fill("AUTUMN mild")
    page.get_by_label("Search").press("Enter")
    page.get_by_role("link", name="a cold autumn", exact=True).wait_for(state="detached")
    page.locator("summary").filter(has_text="Columns").click()
    page.get_by_label("start").check()
    page.get_by_role("columnheader", name="start").wait_for()
    address = page.url

    console.open("jobs")
    page.get_by_role("heading", name="Jobs").wait_for()
    page.goto(address)

    page.get_by_role("columnheader", name="start").wait_for()
    assert page.get_by_label("Search").input_value() == "AUTUMN mild"
    assert page.locator("tbody tr").count() == 1
    cells = page.locator("tbody td").all_inner_texts()
    assert cells[1:4] == ["a mild autumn", "never", "1"]


def test_the_status_of_the_last_submission_leads_to_it(
    server: StartedServer, open_console: OpenConsole
) -> None:
    scenario = server.create("broken")
    submission = server.submit(scenario["sequences"]["all"]["id"])
    console = open_console(server, f"scenarios?search={scenario['id'][-12:]}")

    console.page.locator('tbody .status[data-status="FAILED"]').click()

    console.page.get_by_text("Submission", exact=True).wait_for()
    assert submission["id"] in console.page.url

"""Forms made of the schemas of inputs: what is typed arrives exactly, and nothing else changes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from browsers import needs_browser
from console_pages import Console, OpenConsole
from servers import StartedServer

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [pytest.mark.e2e, needs_browser]

API = "/api/v1/scenarios"
EXACT = "12345678901234567890.10"
SHAPES: list[tuple[str, Any, str, str]] = [
    ("a number", {"type": "number"}, "1.0", "number"),
    ("a number that is not one yet", {"type": "number"}, '"?"', "json"),
    ("a whole number of any size", {"type": "integer"}, "12345678901234567890", "number"),
    ("a choice", {"enum": ["a", 1, None]}, "1.0", "choice"),
    ("a value that is no choice", {"enum": ["a", 1]}, '"b"', "json"),
    ("titled choices", {"oneOf": [{"const": 1, "title": "One"}]}, "1", "choice"),
    ("alternatives", {"oneOf": [{"type": "string"}, {"type": "number"}]}, "1", "json"),
    ("a keyword that may change the form", {"type": "object", "if": {}}, "{}", "json"),
    ("a limit that the server checks", {"type": "string", "pattern": "^a"}, '"b"', "text"),
    ("several lines", {"type": "string"}, '"a\\nb"', "long text"),
    ("a line break that a control would change", {"type": "string"}, '"a\\r\\nb"', "json"),
    ("a date", {"type": "string", "format": "date"}, '"2026-01-31"', "date"),
    ("a text that is no date", {"type": "string", "format": "date"}, '"soon"', "text"),
    ("a time with microseconds", TIME := {"type": "string", "format": "date-time"},
     '"2026-01-31T12:00:00.123456Z"', "text"),
    ("a time", TIME, '"2026-01-31T12:00:00+02:00"', "time"),
    ("nothing, where null is allowed", {"anyOf": [{"type": "number"}, {"type": "null"}]},
     "null", "number"),
    ("nothing, where it is not", {"type": "number"}, "null", "json"),
    ("a group", {"type": "object", "properties": {"a": {"type": "number"}}}, '{"b": 1.0}', "group"),
    ("names of any kind", {"type": "object", "additionalProperties": {"type": "number"}},
     '{"b": 1.0}', "json"),
    ("a table", ROWS := {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
     "[{}]", "json"),
    ("rows", {"type": "array", "items": {"$ref": "#/$defs/R"},
              "$defs": {"R": {"type": "object", "properties": {"a": {"type": "number"}}}}},
     '[{"a": 1.0}, {}]', "records"),
    ("a row with more than the columns", {"type": "array", "items": {
        "type": "object", "properties": {"a": {"type": "number"}}}}, '[{"b": 1}]', "json"),
    ("a list of numbers", {"type": "array", "items": {"type": "number"}}, "[1.0, 2]", "records"),
    ("a type that contains itself", {"$ref": "#"}, "1", "json"),
    ("no schema, a number", None, "0.1", "number"),
    ("no schema, rows", None, '[{"a": 1.0, "b": "x"}, {"a": null}]', "records"),
    ("no schema, a mixture", None, '[1, "a"]', "json"),
    ("no schema, a name of the language", None, '{"__proto__": 1.0}', "group"),
]  # fmt: skip
READ_SHAPES = """async ([exact, schemas, cases]) => {
  const { parseExact, textOf } = await import(exact);
  const { shapeOf } = await import(schemas);
  return cases.map(([schema, text]) => {
    const value = parseExact(text);
    return [shapeOf(parseExact(schema), value).kind, textOf(value)];
  });
}"""
READ_NUMBERS = """async ([exact, texts]) => {
  const { readNumber, textOf } = await import(exact);
  return texts.map(([text, isInteger]) => textOf(readNumber(text, isInteger)) ?? null);
}"""
PASTE = """async ([exact, records, columns, rows, text, at]) => {
  const { textOf } = await import(exact);
  const { splitCells, pasteCells } = await import(records);
  const pasted = pasteCells(rows, columns, splitCells(text), ...at);
  return pasted.problem ?? textOf(pasted.rows) ?? null;
}"""
COPY = """(cell, text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  cell.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
}"""


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("asking"), app="forms.py") as started:
        yield started


def evaluate(console: Console, script: str, modules: list[str], *arguments: Any) -> Any:
    """Call functions of modules of the console."""
    link = 'link[rel="modulepreload"][href$="/{}.js"]'
    paths = [console.page.locator(link.format(name)).get_attribute("href") for name in modules]
    return console.page.evaluate(script, [*paths, *arguments])


def field(console: Console, label: str) -> "Locator":
    """Return a control of the form by its label, without the unit."""
    return console.page.locator(".inputs").get_by_label(re.compile(f"^{label}( \\(.*\\))?$"))


def read_inputs(server: StartedServer, scenario_id: str) -> dict[str, str]:
    """Return the values of inputs by name, as the text that the server sends."""
    inputs = server.http.get(f"{server.address}{API}/{scenario_id}/inputs").content
    found = msgspec.json.decode(inputs, type=dict[str, dict[str, dict[str, msgspec.Raw]]])
    return {
        name: bytes(one["value"]).decode()
        for name, one in found["inputs"].items()
        if "value" in one
    }


def test_each_schema_and_value_gets_the_control_that_shows_it_exactly(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(asking)
    cases = [(json.dumps(schema), text) for _, schema, text, _ in SHAPES]

    found = evaluate(console, READ_SHAPES, ["exact", "schemas"], cases)

    kinds = {name: kind for (name, *_), (kind, _) in zip(SHAPES, found, strict=True)}
    assert kinds == {name: kind for name, _, _, kind in SHAPES}
    texts = [text.replace(" ", "") for _, _, text, _ in SHAPES]
    assert [text for _, text in found] == texts


def test_numbers_keep_the_digits_that_are_typed_and_other_texts_are_none(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(asking)
    typed = {
        "1.50": "1.50", EXACT: EXACT, "+5": "5", ".5": "0.5", "5.": "5.0", "007": "7",
        "\N{MINUS SIGN}3": "-3",
        "1e-7": "1e-7", " 2 ": "2", "1,5": None, "1 000": None, "": None, "NaN": None, "0x10": None,
    }  # fmt: skip
    whole = {"3": "3", "3.0": "3.0", "3.5": None, "1e3": "1e3"}

    cases = [[text, False] for text in typed] + [[text, True] for text in whole]
    found = evaluate(console, READ_NUMBERS, ["exact"], cases)

    assert found == [*typed.values(), *whole.values()]


PASTED: dict[str, tuple[str, list[int], str]] = {
    "cells": ("5\tx\n6\ty\n", [0, 0], '[{"a":5,"b":"x"},{"a":6,"b":"y"}]'),
    "more rows than there are": (
        "5\r\n6\r\n",
        [1, 0],
        '[{"a":1,"b":"old"},{"a":5,"b":""},{"a":6,"b":""}]',
    ),
    "names of columns first": ("B\ta\nx\t5\n", [0, 0], '[{"a":5,"b":"x"}]'),
    "quotes": ('5\t"two\tcells ""here"""\n', [0, 0], '[{"a":5,"b":"two\\tcells \\"here\\""}]'),
    "more columns than there are": (
        "1\t2\t3",
        [0, 0],
        "Nothing was pasted: 3 columns were copied, and there are only 2 from this cell on.",
    ),
}


def test_cells_of_a_spreadsheet_are_pasted_as_they_are_or_not_at_all(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(asking)
    columns = [
        {"name": name, "title": title, "isRequired": True, "shape": {"kind": kind, "schema": {}}}
        for name, title, kind in [("a", "a", "number"), ("b", "B", "text")]
    ]
    rows = [{"a": 1, "b": "old"}]

    found = {
        name: evaluate(console, PASTE, ["exact", "records"], columns, rows, text, at)
        for name, (text, at, _) in PASTED.items()
    }

    assert found == {name: expected for name, (*_, expected) in PASTED.items()}


def test_inputs_are_changed_beside_the_graph_and_the_others_stay_as_they_are(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    scenario = asking.create("asking")
    before = read_inputs(asking, scenario["id"])
    console = open_console(asking, f"scenarios/{scenario['id']}")
    page = console.page

    field(console, "Growth, slider").fill("0.07")
    field(console, "Region").select_option("The South")
    field(console, "Serial number").fill("98765432109876543210")
    field(console, "Open on Sundays").check()
    field(console, "Start").fill("2026-02-28")
    field(console, "Power").fill("4.0")
    field(console, "Sold, row 2").evaluate(COPY, "5\t2026-03-01\n6\t\n")
    field(console, "region, row 3").fill("west")
    page.get_by_text("7 inputs changed").wait_for()
    console.press("Save inputs")

    page.get_by_text("7 inputs changed").wait_for(state="detached")
    assert read_inputs(asking, scenario["id"]) == before | {
        "growth": "0.07",
        "region": '"south"',
        "serial": "98765432109876543210",
        "is_open": "true",
        "start": '"2026-02-28"',
        "plant": '{"size":1.0,"pump":{"power":4.0}}',
        "orders": '[{"region":"north","sold":3},{"region":"south","sold":5,"day":"2026-03-01"},'
        '{"region":"west","sold":6}]',
    }


def test_faults_are_shown_at_their_fields_and_what_was_typed_is_kept(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    console = open_console(asking)
    page = console.page
    console.button("New scenario").click()
    page.get_by_label("Name").fill("typed once")
    size, growth = field(console, "Size"), field(console, "Growth")
    size.fill("two")
    console.press("Create", console.dialog())
    page.get_by_text("Give a number, such as 2.5.").wait_for()
    assert size.evaluate("field => field === document.activeElement")

    size.fill("-1")
    growth.fill("7")
    field(console, "Sold, row 1").fill("-5")
    console.press("Create", console.dialog())
    page.get_by_text("-1 is less than the minimum of 0.").wait_for()
    page.get_by_text("7 is greater than the maximum of 1.").wait_for()
    page.get_by_text("Row 1, Sold: -5 is less than the minimum of 0.").wait_for()
    assert "Correct the marked inputs; nothing was stored." in console.refusal()
    assert size.get_attribute("aria-invalid") == "true"

    size.fill("2.0")
    growth.fill("0.5")
    field(console, "Sold, row 1").fill("5")
    console.press("Create", console.dialog())
    page.get_by_role("heading", name="typed once").wait_for()

    (created,) = asking.http.get(f"{asking.address}{API}?name=typed once").json()["results"]
    values = read_inputs(asking, created["id"])
    assert (values["growth"], values["plant"]) == ("0.5", '{"size":2.0,"pump":{"power":2.5}}')


def test_an_input_is_edited_as_json_and_shown_as_a_form_again(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    scenario = asking.create("asking")
    console = open_console(asking, f"scenarios/{scenario['id']}")
    page = console.page

    console.button("Edit Plant as JSON").click()
    field(console, "Plant").fill('{"size": 3.0, "wheels": {"count": 4}}')
    console.button("Edit Plant as JSON").click()
    field(console, "Size").wait_for()
    assert field(console, "count").input_value() == "4"
    field(console, "Size").fill("5.0")
    console.press("Save inputs")
    page.get_by_text("1 input changed").wait_for(state="detached")

    values = read_inputs(asking, scenario["id"])
    assert values["plant"] == '{"size":5.0,"wheels":{"count":4}}'


def test_what_is_typed_outlives_a_look_elsewhere_and_the_write_of_another(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    scenario = asking.create("asking")
    path = f"{asking.address}{API}/{scenario['id']}/inputs"
    console = open_console(asking, f"scenarios/{scenario['id']}")
    page = console.page
    field(console, "Note").fill("mine")
    console.link("Jobs").click()
    page.get_by_role("heading", name="Jobs").wait_for()
    page.go_back()
    field(console, "Note").wait_for()

    asking.http.patch(path, json={"note": "theirs", "speed": "fast"})
    page.get_by_text("Others have written it since you began.").wait_for()
    assert field(console, "Note").input_value() == "mine"
    assert field(console, "Speed").input_value() == "0"
    console.press("Save inputs")
    page.get_by_text("1 input changed").wait_for(state="detached")

    values = read_inputs(asking, scenario["id"])
    assert (values["note"], values["speed"]) == ('"mine"', '"fast"')


def test_changed_inputs_are_written_with_the_submit_that_reads_them(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    scenario = asking.create("asking")
    path = f"{asking.address}{API}/{scenario['id']}/inputs"
    asking.http.patch(path, json={"limit": 1, "sold": [{"a": 1}]})
    console = open_console(asking, f"scenarios/{scenario['id']}")

    field(console, "Growth").fill("0.25")
    console.press("Save inputs and submit")
    console.task("tell", "COMPLETED").wait_for()

    told = scenario["node_of"]["told"]
    assert asking.http.get(f"{asking.address}/api/v1/datanodes/{told}/read").json()["data"] == 0.25
    console.button("Submit", console.page.locator(".heading")).wait_for()


def test_a_file_is_uploaded_as_the_value_of_an_input(
    asking: StartedServer, open_console: OpenConsole, tmp_path: Path
) -> None:
    scenario = asking.create("asking")
    (tmp_path / "sold.csv").write_text("region,sold\nnorth,3\nsouth,4\n")
    console = open_console(asking, f"scenarios/{scenario['id']}")

    console.press("Upload sold")
    console.dialog().get_by_label("File").set_input_files(tmp_path / "sold.csv")
    console.press("Upload", console.dialog())

    field(console, "sold, row 2").wait_for()
    assert field(console, "sold, row 2").input_value() == "4"


def test_no_file_is_uploaded_to_the_source_while_it_is_forked(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    scenario = asking.create("asking")
    console = open_console(asking, f"scenarios/{scenario['id']}")

    console.press("Fork")

    console.dialog().get_by_text(
        "A file can be uploaded once the scenario exists."
    ).first.wait_for()
    assert console.button("Upload sold", console.dialog()).count() == 0


def test_a_list_shows_eight_inputs_at_most_and_says_so(
    asking: StartedServer, open_console: OpenConsole
) -> None:
    asking.create("asking")
    names = ["growth", "region", "speed", "serial", "is_open", "start", "moment", "note", "limit"]
    console = open_console(asking, f"scenarios?columns={','.join(f'in:{name}' for name in names)}")
    page = console.page

    page.locator("summary").filter(has_text="Columns").click()
    page.get_by_text("At most 8 inputs are shown at once.").wait_for()

    assert page.get_by_role("columnheader", name="Note").count() == 1
    assert page.get_by_role("columnheader", name="Limit").count() == 0
    assert page.locator(".chooser").get_by_label("Limit").is_disabled()
    page.locator(".chooser").get_by_label("Growth").uncheck()
    page.locator(".chooser").get_by_label("Limit").check()
    page.get_by_role("columnheader", name="Limit").wait_for()

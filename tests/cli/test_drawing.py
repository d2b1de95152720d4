"""`scenarist graph`: which scenario configs are drawn, and where the picture goes."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from cli.terminal import Terminal
from servers import TESTS

WORKSHOP = str(TESTS / "apps" / "workshop.py")


def test_all_scenario_configs_are_drawn(terminal: Terminal, tmp_path: Path) -> None:
    target = tmp_path / "all.svg"

    assert terminal.printed_by(tmp_path, "graph", WORKSHOP, "-o", str(target)) == ""

    (title, *_) = ElementTree.parse(target).getroot()
    assert title.text is not None
    assert title.text.startswith("Scenario configs: chain, islands, broken, ")


def test_one_of_them_goes_to_standard_output(terminal: Terminal, tmp_path: Path) -> None:
    picture = terminal.printed_by(tmp_path, "graph", WORKSHOP, "--scenario", "chain")

    assert ElementTree.fromstring(picture)[0].text == "Scenario configs: chain"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--scenario", "none"],
            "there is no scenario config with the id none; there are: chain, islands",
        ),
        (["-o", "/nowhere/x.svg"], "/nowhere/x.svg cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    terminal: Terminal, tmp_path: Path, arguments: list[str], said: str
) -> None:
    assert said in terminal.mistake(tmp_path, "graph", WORKSHOP, *arguments)

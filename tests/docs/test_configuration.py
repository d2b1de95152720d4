"""The table of settings in docs/configuration.md."""

import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from scenarist.cli import app
from scenarist.server.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def default_of(name: str, default: object) -> str:
    # It differs from machine to machine.
    return "the number of cores" if name == "workers" else f"`{default}`"


def option_of(setting: Field[Any]) -> str:
    # Other users of a machine can read the options of a command.
    if setting.metadata["is_secret"]:
        return "none"
    return f"`--{setting.name.replace('_', '-')}`"


def test_the_table_has_every_setting_and_nothing_else() -> None:
    table = PAGE.read_text().partition("\n## Server settings\n")[2]
    rows = re.findall(r"^\| `\w+` \| (?:`--|none).*", table, re.MULTILINE)

    assert rows == [
        f"| `{item.name}` | {option_of(item)} | `SCENARIST_{item.name.upper()}` "
        f"| {default_of(item.name, item.default)} | {item.metadata['sentence']} |"
        for item in fields(Settings)
    ]


def test_every_setting_that_is_no_secret_is_an_option_of_serve() -> None:
    options = {
        name
        for argument in app["serve"].assemble_argument_collection()
        for name in argument.names
        if name.startswith("--")
    }

    assert options - {"--reload"} == {
        f"--{item.name.replace('_', '-')}"
        for item in fields(Settings)
        if not item.metadata["is_secret"]
    }

"""The example of docs/configuration.md, as it stands there."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarist.config import load_app

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
FILE = re.compile(r"`(sales\w*\.\w+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The files of the example, in the current folder."""
    for name, text in FILE.findall(PAGE.read_text()):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("sales", "sales_steps"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("app", ["sales.py", "sales.toml"])
def test_nothing_is_wrong_with_the_example(app: str) -> None:
    assert load_app(app).registry.check() == []


def test_python_and_toml_declare_the_same() -> None:
    for app in ("sales.py", "sales.toml"):
        load_app(app).registry.export(f"{app}.exported")

    in_python, in_toml = (Path(f"sales.{kind}.exported").read_text() for kind in ("py", "toml"))
    assert in_python == in_toml
    assert 'forecast = ["sales_steps:largest_difference"]' in in_python

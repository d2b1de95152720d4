"""What a module registers while a job imports it stays, and what the job registers does not."""

import copyreg
import importlib
import mimetypes
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarist.executors.isolation.registries import Registries

MODULE = "registering"
SOURCE = """
import copyreg

class Own:
    pass

copyreg.pickle(Own, lambda own: 'own')
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that is not imported yet, and is forgotten after the test."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield MODULE
    del copyreg.dispatch_table[sys.modules.pop(MODULE).Own]


def test_what_a_module_registers_for_its_own_class_stays(module: str) -> None:
    registries = Registries()
    own = importlib.import_module(module).Own

    assert registries.restore() is None
    assert own in copyreg.dispatch_table


def test_what_either_may_have_registered_goes_and_costs_the_worker(module: str) -> None:
    registries = Registries()
    importlib.import_module(module)
    mimetypes.add_type("text/shop", ".shop")

    assert registries.restore() == "it registered something, and imported modules"
    assert mimetypes.guess_type("a.shop") == (None, None)


def test_what_a_job_registers_for_a_class_of_an_earlier_import_goes(module: str) -> None:
    registries = Registries()
    own = importlib.import_module(module).Own
    registries.restore()
    copyreg.pickle(own, repr)

    assert registries.restore() is None
    assert copyreg.dispatch_table[own] is not repr

"""What a module registers while a job imports it stays, and what the job registers does not."""

import copyreg
import importlib
import mimetypes
from pathlib import Path

import pytest

from scenarist.executors.registries import Registries


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"registering_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(
        "import copyreg\n\n\nclass Own:\n    pass\n\n\ncopyreg.pickle(Own, lambda own: 'own')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_what_a_module_registers_for_its_own_class_stays(module: str) -> None:
    registries = Registries()
    own = importlib.import_module(module).Own

    assert registries.restore() is None
    assert own in copyreg.dispatch_table
    del copyreg.dispatch_table[own]
    registries.restore()


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

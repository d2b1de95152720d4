"""Loading what a command line names: a module, a Python file, a TOML file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_modules import forgotten_afterwards
from scenarist.config import Config, load_app
from scenarist.config.applications import (
    find_declaration_faults,
    find_shadowing_faults,
    find_shadowing_modules,
)
from scenarist.domain.errors import InvalidError

OWN_REGISTRY = """
from scenarist import ConfigRegistry

registry = ConfigRegistry()
registry.configure_data_node("orders")
"""


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, and leave no module or default entry behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCENARIST_CONFIG_PATH", raising=False)
    monkeypatch.delenv("TAIPY_CONFIG_PATH", raising=False)
    with forgotten_afterwards(tmp_path):
        yield
    (tmp_path / "empty.toml").write_text("")
    Config.load(str(tmp_path / "empty.toml"))


def write(file: str, text: str) -> Path:
    path = Path(file).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_module_is_imported_from_the_current_folder(tmp_path: Path) -> None:
    write("plant/__init__.py", "")
    write("plant/pipeline.py", OWN_REGISTRY)

    app = load_app("plant.pipeline")

    assert list(app.registry.data_nodes) == ["orders"]
    assert app.search_path == (str(tmp_path),)
    assert str(tmp_path) in sys.path


def test_a_file_is_imported_by_its_name_from_its_folder(tmp_path: Path) -> None:
    write("apps/my_plant.py", OWN_REGISTRY)

    app = load_app("apps/my_plant.py")

    assert list(app.registry.data_nodes) == ["orders"]
    assert app.search_path == (str(tmp_path / "apps"), str(tmp_path))
    assert app.own_folders == (str(tmp_path / "apps"),)
    assert "my_plant" in sys.modules


def test_a_file_finds_the_modules_beside_it() -> None:
    write("apps/my_steps.py", "def fit():\n    pass\n")
    write(
        "apps/my_plant.py",
        "import my_steps\n" + OWN_REGISTRY + "registry.configure_task('fit', my_steps.fit)\n",
    )

    app = load_app("apps/my_plant.py")

    assert app.registry.tasks["fit"].function == "my_steps:fit"
    assert app.registry.check() == []


def test_a_toml_file_finds_the_modules_beside_it(tmp_path: Path) -> None:
    write("apps/toml_steps.py", "def fit():\n    pass\n")
    write("apps/config.toml", "[TASK.fit]\nfunction = 'toml_steps.fit:function'\n")

    app = load_app("apps/config.toml")

    assert app.registry.check() == []
    assert app.registry is not Config
    assert app.search_path == (str(tmp_path / "apps"), str(tmp_path))


def test_a_toml_file_in_a_folder_of_its_own_finds_the_modules_beside_that_folder() -> None:
    write("template_steps/__init__.py", "")
    write("template_steps/fitting.py", "def fit():\n    pass\n")
    write("config/config.toml", "[TASK.fit]\nfunction = 'template_steps.fitting.fit:function'\n")

    assert load_app("config/config.toml").registry.check() == []


def test_the_folder_of_a_file_comes_before_the_current_one() -> None:
    write("twin_steps.py", "def wrong():\n    pass\n")
    write("apps/twin_steps.py", "def fit():\n    pass\n")
    write("apps/config.toml", "[TASK.fit]\nfunction = 'twin_steps.fit:function'\n")

    assert load_app("apps/config.toml").registry.check() == []


def test_a_current_folder_that_would_hide_a_library_is_not_searched(tmp_path: Path) -> None:
    write("pandas.py", "")
    write("apps/my_plant.py", OWN_REGISTRY)

    assert load_app("apps/my_plant.py").search_path == (str(tmp_path / "apps"),)


def test_a_module_that_is_in_none_of_the_folders_is_told_with_them(tmp_path: Path) -> None:
    write("apps/config.toml", "[TASK.fit]\nfunction = 'far_steps.fit:function'\n")

    (problem,) = load_app("apps/config.toml").registry.check()

    assert problem.message == (
        "there is no module 'far_steps' on Python's search path, nor in "
        f"{tmp_path / 'apps'} or {tmp_path}"
    )


@pytest.mark.parametrize("app", ["my-plant.py", "plants/my-plant.py", "plants.my-plant"])
def test_functions_of_the_main_program_are_those_of_the_module_that_is_loaded(app: str) -> None:
    folder = "" if app == "my-plant.py" else "plants/"
    write("exported.toml", "[TASK.fit]\nfunction = '__main__.fit:function'\n")
    write(
        f"{folder}my-plant.py",
        "from scenarist import Config\ndef fit():\n    pass\nConfig.load('exported.toml')\n",
    )

    registry = load_app(app).registry

    assert registry.tasks["fit"].function == app.removesuffix(".py").split("/")[-1] + ":fit"
    assert registry.check() == []


def test_functions_of_the_main_program_are_unknown_to_a_file_that_is_loaded_alone() -> None:
    write("exported.toml", "[TASK.fit]\nfunction = '__main__.fit:function'\n")

    (problem,) = load_app("exported.toml").registry.check()

    assert problem.message.endswith("or serve the Python file that loads this one")


def test_an_application_without_a_registry_of_its_own_uses_the_default_one() -> None:
    write("my_plant.py", "from scenarist import Config\nConfig.configure_data_node('orders')\n")

    app = load_app("my_plant.py")

    assert app.registry is Config
    assert list(app.registry.data_nodes) == ["orders"]


def test_an_application_with_several_registries_is_refused() -> None:
    write("my_plant.py", OWN_REGISTRY + "other = ConfigRegistry()\n")

    with pytest.raises(InvalidError, match=r"several registries \(registry, other\)"):
        load_app("my_plant.py")


def test_one_registry_under_two_names_is_one() -> None:
    write("my_plant.py", OWN_REGISTRY + "again = registry\n")

    assert list(load_app("my_plant.py").registry.data_nodes) == ["orders"]


@pytest.mark.parametrize("variable", ["SCENARIST_CONFIG_PATH", "TAIPY_CONFIG_PATH"])
def test_the_file_of_the_environment_is_applied_last(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("my_plant.py", OWN_REGISTRY)
    write("override.toml", "[DATA_NODE.orders]\nstorage_type = 'csv'\n")
    monkeypatch.setenv(variable, "override.toml")

    app = load_app("my_plant.py")

    assert app.registry.data_nodes["orders"].storage_type == "csv"


def test_a_file_of_the_environment_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("my_plant.py", OWN_REGISTRY)
    monkeypatch.setenv("SCENARIST_CONFIG_PATH", "nowhere.toml")

    with pytest.raises(InvalidError, match=r"nowhere\.toml: cannot be read"):
        load_app("my_plant.py")


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("no_such_plant.pipeline", "there is no module 'no_such_plant'"),
        ("no_such_plant.py", "there is no file "),
        ("apps/no_such_plant", "there is no file "),
        (".", ". is a folder; name a file in it, such as app.py"),
        ("./", "./ is a folder; name a file in it, such as app.py"),
        ("no_such_plant.toml", "no_such_plant.toml: cannot be read: No such file"),
    ],
)
def test_an_application_that_is_not_there_is_named(app: str, message: str) -> None:
    with pytest.raises(InvalidError) as refused:
        load_app(app)

    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nx = = 2\n", "my_plant.py:2: SyntaxError: invalid syntax"),
        ("x = 1\nraise ValueError('no')\n", "my_plant.py:2: ValueError: no"),
        ("import no_such_thing\n", "my_plant.py:1: ModuleNotFoundError: No module named"),
        (
            "from scenarist import ConfigRegistry\nConfigRegistry().load('no.toml')\n",
            "my_plant.py:2: no.toml: cannot be read",
        ),
    ],
)
def test_an_application_that_fails_is_named_with_its_line(source: str, message: str) -> None:
    file = write("my_plant.py", source)

    with pytest.raises(InvalidError) as refused:
        load_app("my_plant.py")

    assert f"{file.parent}/{message}" in refused.value.message


def test_a_file_whose_name_is_already_another_module_is_refused() -> None:
    write("json.py", OWN_REGISTRY)

    with pytest.raises(InvalidError, match="another module is already imported as 'json'"):
        load_app("json.py")


@pytest.mark.parametrize("name", ["my-plant", "01-config", "1", "my plant", "été", "class"])
def test_a_file_whose_name_is_no_identifier_is_imported_by_its_name(name: str) -> None:
    write(
        f"{name}.py",
        "def fit():\n    pass\n" + OWN_REGISTRY + "registry.configure_task('fit', fit)\n",
    )

    app = load_app(f"{name}.py")

    assert app.registry.tasks["fit"].function == f"{name}:fit"
    assert app.registry.check() == []


def test_a_file_with_a_dot_in_its_name_is_refused() -> None:
    write("plant.v2.py", OWN_REGISTRY)

    with pytest.raises(InvalidError, match=r"a dot in its name; rename it to plant_v2\.py"):
        load_app("plant.v2.py")


def test_an_application_may_be_loaded_twice() -> None:
    write("my_plant.py", OWN_REGISTRY)

    assert load_app("my_plant.py").registry is load_app("my_plant.py").registry


def test_importing_the_declarations_brings_no_table_library() -> None:
    heavy = "{'pandas', 'numpy', 'pyarrow', 'sqlalchemy', 'litestar'}"
    code = f"import sys, scenarist.config; assert not {heavy} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_of_python_come_before_those_of_the_application(tmp_path: Path) -> None:
    write("this.py", "raise ValueError\n")
    write("antigravity/__init__.py", "")
    write("my_plant.py", OWN_REGISTRY)

    app = load_app("my_plant.py")
    folders = [folder for folder in sys.path if "python3." in folder]

    assert sys.path.index(str(tmp_path)) > sys.path.index(folders[0])
    assert list(find_shadowing_modules(app.search_path)) == [
        ("antigravity", str(tmp_path / "antigravity")),
        ("this", str(tmp_path / "this.py")),
    ]


def test_a_file_that_changes_what_is_imported_is_a_mistake(tmp_path: Path) -> None:
    write("random.py", "def choice(items):\n    return items[0]\n")
    write("queue.py", "")
    write("pandas.py", "")
    write("steps.py", "import json\n\nfrom random import choice\n")

    assert list(find_shadowing_faults([str(tmp_path)])) == [
        (
            str(tmp_path / "pandas.py"),
            "hides the library 'pandas', which Scenarist uses; rename it",
        ),
        (
            str(tmp_path / "random.py"),
            "has the name of Python's own module 'random', which steps.py:3 imports instead; "
            "rename it",
        ),
    ]


@pytest.mark.parametrize(
    "use", ["from statistics import ours", "import statistics\nstatistics.ours()"]
)
def test_an_application_that_wants_its_own_module_of_that_name_is_told_to_rename_it(
    use: str, tmp_path: Path
) -> None:
    write("statistics.py", "def ours():\n    pass\n")
    write("my_plant.py", use + "\n" + OWN_REGISTRY)

    with pytest.raises(InvalidError) as refused:
        load_app("my_plant.py")

    assert refused.value.message.endswith(
        f"; 'statistics' is Python's own module, not {tmp_path / 'statistics.py'}: rename that file"
    )


def test_folders_that_an_application_adds_are_searched_by_its_workers_too(tmp_path: Path) -> None:
    write("lib/lib_steps.py", "def fit():\n    pass\n")
    write("more/keep", "")
    write(
        "my_plant.py",
        "import os, sys\nsys.path.append('lib')\nfrom lib_steps import fit\n"
        "os.chdir('more')\nsys.path.insert(0, 'deep')\n"
        + OWN_REGISTRY
        + "registry.configure_task('fit', fit)\n",
    )

    app = load_app("my_plant.py")

    assert app.search_path == (
        str(tmp_path / "more" / "deep"),
        str(tmp_path),
        str(tmp_path / "lib"),
    )
    assert app.registry.tasks["fit"].function == "lib_steps:fit"


GUARDED = """
from scenarist import Config


def step():
    pass


if __name__ == "__main__":
    Config.configure_scenario("s", [Config.configure_task("t", step)])
"""


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("x = 1\n", ["declares no data node, no task and no scenario; declare them at"]),
        (
            GUARDED,
            ["declares nothing, because the code under 'if __name__ == \"__main__\":' (line 9)"],
        ),
        (
            GUARDED + "\nConfig.configure_data_node('n')\n",
            [
                "declares no scenario, because the code under 'if __name__ == \"__main__\":' "
                "(line 9)"
            ],
        ),
        (OWN_REGISTRY, []),
        (OWN_REGISTRY + "if __name__ == '__main__':\n    print(registry.check())\n", []),
    ],
)
def test_an_application_that_declares_nothing_is_told_why(source: str, faults: list[str]) -> None:
    write("my_plant.py", source)

    found = list(find_declaration_faults(load_app("my_plant.py")))

    assert [fault[: len(start)] for fault, start in zip(found, faults, strict=True)] == faults


def test_a_file_that_declares_nothing_is_told() -> None:
    write("empty_one.toml", "[CORE]\nversion_number = '1'\n")

    assert len(list(find_declaration_faults(load_app("empty_one.toml")))) == 1


def test_declarations_in_two_registries_are_refused() -> None:
    write(
        "my_plant.py",
        OWN_REGISTRY + "from scenarist import Config\nConfig.configure_data_node('prices')\n",
    )

    with pytest.raises(InvalidError, match=r"several registries \(registry, Config\)"):
        load_app("my_plant.py")

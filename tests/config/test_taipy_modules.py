"""What a module of Taipy needs to be served, told by its text."""

import ast
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarist.config.taipy_modules import find_changes, format_change, rewrite_imports
from scenarist.domain.errors import InvalidError

GUI = "Scenarist serves no pages of an application"


def changes_of(folder: Path, source: str) -> list[str]:
    file = folder / "my-app.py"
    file.write_text(source)
    return [
        format_change(change).removeprefix(f"{file}:") for change in find_changes(file, [folder])
    ]


def rewritten(folder: Path, source: str) -> str:
    file = folder / "my-app.py"
    file.write_text(source)
    return rewrite_imports(file).decode()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("from taipy import Config\n", "from scenarist import Config\n"),
        ("from taipy.config import Config\n", "from scenarist import Config\n"),
        ("from taipy.core.config import Config, Scope\n", "from scenarist import Config, Scope\n"),
        ("from taipy.common.config import Scope as S\n", "from scenarist import Scope as S\n"),
        (
            "from taipy import Scope, Config, Gui, Frequency  # parts\n",
            "from scenarist import Config, Frequency, Scope  # parts\n",
        ),
        (
            "from taipy.core.config.data_node_config import DataNodeConfig\n",
            "from scenarist.config import DataNodeConfig\n",
        ),
        (
            "from taipy.core.config import CoreSection\n",
            "from scenarist.config import CoreConfig as CoreSection\n",
        ),
        ("import taipy as tp\ntp.Config\n", "import scenarist as tp\ntp.Config\n"),
        ("import taipy\ntaipy.Scope.CYCLE\n", "import scenarist as taipy\ntaipy.Scope.CYCLE\n"),
        ("import taipy as tp\ntp.run()\n", "\ntp.run()\n"),
        ("from taipy import Gui\n", "\n"),
        (
            "from taipy import *\r\nx = Config, Scope.CYCLE, set()\r\n",
            "from scenarist import Config, Scope\r\nx = Config, Scope.CYCLE, set()\r\n",
        ),
        (
            "from taipy.core.config import *\ndef f(x: TaskConfig): return Frequency\n",
            "from scenarist import Frequency\nfrom scenarist.config import TaskConfig\n"
            "def f(x: TaskConfig): return Frequency\n",
        ),
        (
            "from taipy.gui import *\nfrom taipy import *\nclass A:\n    class Config: pass\n"
            "Config\n",
            "\nfrom scenarist import Config\nclass A:\n    class Config: pass\nConfig\n",
        ),
        (
            "from taipy import *\nfrom scenarist import Config\nConfig, submit\n",
            "\nfrom scenarist import Config\nConfig, submit\n",
        ),
        ("def f():\n    from taipy import Gui\n", "def f():\n    pass\n"),
        (
            "if 1:\n    from taipy import Config; x = 1\n",
            "if 1:\n    from scenarist import Config; x = 1\n",
        ),
        (
            "from taipy import (\n    Config,\n    Scope,\n)\nx = 'é'\n",
            "from scenarist import Config, Scope\nx = 'é'\n",
        ),
        (
            "import taipy as tp ; from taipy import Config; x = 1\n",
            "pass ; from scenarist import Config; x = 1\n",
        ),
        (
            "é = 1; from taipy.core import Config, DataNodeConfig\n",
            "é = 1; from scenarist import Config; from scenarist.config import DataNodeConfig\n",
        ),
        (
            "import os, taipy as tp, sys\ntp.Config\n",
            "import os\nimport scenarist as tp\nimport sys\ntp.Config\n",
        ),
        ("import taipyx\nfrom .taipy import x\n", "import taipyx\nfrom .taipy import x\n"),
        ("from taipy import Config\r\nx = 1\r\n", "from scenarist import Config\r\nx = 1\r\n"),
    ],
)
def test_imports_are_rewritten_and_nothing_else(tmp_path: Path, source: str, text: str) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(source.encode())

    assert rewrite_imports(file).decode() == text


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8-sig", ""),
        ("utf-8-sig", "# -*- coding: utf-8 -*-\n"),
        ("latin-1", "# -*- coding: latin-1 -*-\n"),
        ("cp1252", "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\r\n"),
        ("shift_jis", "# coding=shift_jis\n"),
    ],
)
def test_a_module_keeps_its_encoding(tmp_path: Path, encoding: str, head: str) -> None:
    text = "日" if encoding == "shift_jis" else "é"
    source = f"{head}x = '{text}'; from taipy import Config  # {text}\n"
    file = tmp_path / "my-app.py"
    file.write_bytes(source.encode(encoding))

    (change,) = find_changes(file, [tmp_path])

    assert change.lines == (source.count("\n"),)
    assert rewrite_imports(file) == source.replace("taipy", "scenarist").encode(encoding)


@given(
    st.lists(
        st.sampled_from(
            [
                "from taipy import Config, Scope",
                "import taipy as tp",
                "import taipy.gui as g, os",
                "x = 'taipy'  # import taipy",
                "def f():\n    import taipy; return 1",
                "try:\n    from taipy import Gui\nexcept ImportError:\n    pass",
                "if 1: from taipy.core import Config, TaskConfig",
                "'''\nimport taipy\n'''",
                "tp = None",
            ]
        ),
        max_size=6,
    )
)
def test_a_rewritten_module_is_python_and_imports_no_taipy(parts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = rewritten(Path(folder), "\n".join(parts))

    for item in ast.walk(ast.parse(made)):
        if isinstance(item, ast.Import):
            assert not any(alias.name.startswith("taipy") for alias in item.names)
        if isinstance(item, ast.ImportFrom):
            assert item.module is not None
            assert not item.module.startswith("taipy")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tp.create_scenario(1)", "tp.create_scenario: a module that is served declares only"),
        ("tp.submit(1)", "tp.submit: submit with POST"),
        ("tp.get_scenarios()", "tp.get_scenarios: entities are read over REST"),
        ("tp.Core().run()", "tp.Core: remove it: scenarist serve runs the jobs"),
        ("tp.Orchestrator().run()", "tp.Orchestrator: remove it: scenarist serve runs the jobs"),
        ("tp.Rest().run()", "tp.Rest: remove it: scenarist serve serves REST"),
        ("tp.run(1)", "tp.run: remove it: start the server with scenarist serve"),
        ("tp.Gui('x').run()", f"tp.Gui: {GUI}"),
        ("tp.gui.Icon('x')", f"tp.gui.Icon: {GUI}"),
        ("Gui('x')", f"Gui: {GUI}"),
        ("x: Scenario = 1", "Scenario: entities are read over REST"),
        ("def f(x: Scenario): ...", "Scenario: entities are read over REST"),
        ("class A(Scenario): ...", "Scenario: entities are read over REST"),
        ("tp.nonsense()", "tp.nonsense: there is no such thing here"),
        ("Config.configure_pipeline('p', [])", "Config.configure_pipeline: pipelines of Taipy 2"),
        ("Config.configure_default_data_node('csv')", "Config.configure_default_data_node: call"),
        ("Config.pipelines['p']", "Config.pipelines: pipelines of Taipy 2 are sequences here"),
        ("Config.configure_scenario_from_tasks('s', [])", "call configure_scenario with the tasks"),
        ("Config.configure_scenario('s', pipeline_configs=[])", "pipeline_configs in configure_"),
        ("Config.configure_job_executions(nb_of_workers=2)", "write max_nb_of_workers"),
        ("Config.configure_generic_data_node('a', read_fct_params=[])", "write read_fct_args"),
        ("tp.Config.configure_data_node('a', cacheable=True)", "set skippable=True on the task"),
        ("Config.configure_csv_data_node('a', owner='me')", "properties={'owner': …}"),
        ("Config.configure_task('a', lambda: 1)", "lambda in configure_task: workers find"),
        ("Scope.PIPELINE", "Scope.PIPELINE: write Scope.SCENARIO"),
        ("tp.core.config.Config.check()", "write Config, after from scenarist import Config"),
        (
            "x: tp.core.config.CoreSection",
            "write CoreConfig, after from scenarist.config import CoreConfig",
        ),
    ],
)
def test_what_scenarist_has_not_is_told_with_what_to_do_instead(
    tmp_path: Path, line: str, message: str
) -> None:
    imports = "import taipy as tp\nfrom taipy import Config, Gui, Scenario, Scope\n"

    (*_, change) = changes_of(tmp_path, f"{imports}\n{line}\n")

    assert change.startswith("4: ")
    assert message in change
    assert "does not run" not in change


@pytest.mark.parametrize(
    "line",
    [
        "Config.configure_csv_data_node('a', has_header=False, scope=Scope.CYCLE)",
        "Config.configure_data_node('a', storage_type='csv', default_path='a.csv', encoding='x')",
        "Config.configure_data_node('a', properties={'owner': 'me'})",
        "Config.configure_task('a', print, input=[], output=[], skippable=True)",
        "Config.configure_scenario('a', task_configs=[], sequences={}, authorized_tags=['x'])",
        "Config.configure_core(version_number='1', mode='experiment')",
        "Config.configure_global_app(title='a')",
        "Config.sections, Config.job_config.mode, Config.global_config.x, Config.core.mode",
        "Config.load('a.toml'); Config.check(); Config.export('b.toml')",
        "Config.data_nodes['default'].scope = Scope.CYCLE",
        "Config.configure_data_node(**{'id': 'a'})",
    ],
)
def test_what_scenarist_has_too_needs_no_change(tmp_path: Path, line: str) -> None:
    (change,) = changes_of(tmp_path, f"from taipy import Config, Scope\n{line}\n")

    assert change == ("1: from taipy import Config, Scope → from scenarist import Config, Scope")


@pytest.mark.parametrize(
    "code",
    [
        "if __name__ == '__main__':\n    tp.run()\n",
        "if '__main__' == __name__:\n    tp.run()\n",
        "def f():\n    tp.run()\n",
        "async def f():\n    tp.run()\n",
        "f = lambda: tp.run()\n",
        "class A:\n    def f(self):\n        tp.run()\n",
    ],
)
def test_code_that_does_not_run_where_the_module_is_served_is_told_as_such(
    tmp_path: Path, code: str
) -> None:
    (*_, change) = changes_of(tmp_path, f"import taipy as tp\n{code}")

    assert change.endswith("scenarist serve (does not run where the module is served)")


def test_what_is_imported_from_deep_inside_taipy_is_told_by_its_name(tmp_path: Path) -> None:
    source = "from taipy.core.data.data_node import DataNode\nnodes: list[DataNode] = []\n"

    (_, change) = changes_of(tmp_path, source)

    assert change.startswith("2: DataNode: entities are read over REST")


def test_the_names_that_a_star_gives_are_told(tmp_path: Path) -> None:
    source = "from taipy import *\nx = Config.configure_data_node('x')\nsubmit(x)\nget('x')\n"

    changes = changes_of(tmp_path, f"{source}Gui().run()\n")

    assert [change.partition(": ")[2].partition(": ")[0] for change in changes] == [
        "from taipy import * → from scenarist import Config",
        "submit",
        "get",
        "Gui",
    ]


def test_a_star_that_gives_names_to_other_modules_only_has_to_be_replaced(tmp_path: Path) -> None:
    (_, change) = changes_of(tmp_path, "from taipy import *\n")

    assert change == "1: import the names that are used instead of *"


def test_annotations_that_are_not_evaluated_need_no_change(tmp_path: Path) -> None:
    head = "from __future__ import annotations\nfrom taipy import Scenario\n"

    (*_, change) = changes_of(
        tmp_path, f"{head}def f(x: Scenario) -> Scenario: ...\nx: Scenario | None = None\n"
    )

    assert change.endswith("(does not run where the module is served)")


def test_the_lines_of_one_change_are_told_together(tmp_path: Path) -> None:
    (_, change) = changes_of(tmp_path, "import taipy as tp\ntp.run()\n\ntp.run()\n")

    assert change.startswith("2, 4: tp.run: ")


def test_declarations_under_a_guard_are_to_be_moved(tmp_path: Path) -> None:
    guarded = "if __name__ == '__main__':\n    Config.configure_data_node('a')\n"

    (_, change) = changes_of(tmp_path, f"from taipy import Config\n{guarded}")

    assert change.startswith("3: declarations under 'if __name__")


def test_modules_that_the_module_imports_are_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "__init__.py").write_text("from .nodes import x\n")
    (tmp_path / "config" / "nodes.py").write_text("from taipy import Scope\nimport config\n")
    (tmp_path / "other.py").write_text("import taipy\n")

    changes = changes_of(tmp_path, "import os\nfrom config import x\n")

    assert changes == [
        f"{tmp_path / 'config' / 'nodes.py'}:1: from taipy import Scope → "
        "from scenarist import Scope"
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"x = =",
        b"\xff",
        b"x\n\n\xff",
        b"x\x00",
        b"# coding: nonsense\n",
        b"\xef\xbb\xbf# coding: latin-1",
    ],
)
def test_a_module_that_cannot_be_parsed_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "app.py"
    file.write_bytes(content)

    with pytest.raises(InvalidError, match=r"app\.py:(1| is not)"):
        find_changes(file, [])

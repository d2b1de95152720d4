"""`scenarist check --from-taipy`: every change that an application of Taipy needs, in one run."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_modules import forgotten_afterwards
from scenarist.cli import main
from scenarist.config import Config

SERVED = """\
from taipy import Config, Orchestrator
import near_steps


x = Config.configure_data_node("x", default_data=2)
y = Config.configure_data_node("y")
Config.configure_scenario("doubling", [Config.configure_task("t", near_steps.double, x, y)])
if __name__ == "__main__":
    Orchestrator().run()
"""
STEPS = "from taipy import Scope\n\n\ndef double(x):\n    return 2 * x\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in a folder with an application of Taipy, and leave no module or entry behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    Path("my-app.py").write_text(SERVED)
    Path("near_steps.py").write_text(STEPS)
    with forgotten_afterwards(tmp_path):
        yield
    Path("empty.toml").write_text("")
    Config.load("empty.toml")


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 0


def refusal_of(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    assert ended.value.code == 1
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_import_lines_are_listed_with_what_does_not_run_here(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "my-app.py")

    assert capsys.readouterr().out.splitlines() == [
        "my-app.py:1: from taipy import Config, Orchestrator → from scenarist import Config",
        "my-app.py:9: Orchestrator: remove it: scenarist serve runs the jobs (does not run where "
        "the module is served)",
        "near_steps.py:1: from taipy import Scope → from scenarist import Scope",
        "my-app.py needs no other change.",
    ]
    assert Path("my-app.py").read_text() == SERVED
    assert "taipy" not in sys.modules


def test_mistakes_of_the_declarations_are_listed_too(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED.replace('"x", ', '"x y", ').replace('"y")', '"class")'))

    out, error = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:5: DATA_NODE.x y: 'x y' is not a valid id" in out
    assert "my-app.py:6: DATA_NODE.class: 'class' is not a valid id" in out
    assert error == "scenarist: my-app.py needs 2 changes that --write does not make\n"


DECLARED = """\
import functools
import taipy as tp
import taipy.gui.builder as tgb
from taipy import Config, Gui
from taipy.core.notification import CoreEventConsumerBase


class Watching(CoreEventConsumerBase):
    def __init__(self, *queues):
        super().__init__(*queues)


with tgb.Page() as page:
    tgb.text("x")
Watching("id", "queue").start()
Gui(page).run()
tp.Core().run()
class Called:
    def __call__(self, x): return x
def double(x): return 2 * x
x = Config.configure_data_node("x", default_data=2)
y = Config.configure_data_node("y")
"""


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("t = Config.configure_task('t', double, [x, x], y)", "takes (x), but the task has 2"),
        ("Config.configure_task('t', functools.partial(double), x, y)", "TASK.t.function: "),
        ("Config.configure_task('t', Called(), x, y)", "TASK.t.function: "),
        ("Config.configure_scenario('s', [], sequences={'q': ['zz']})", "there is no task 'zz'"),
        ("Config.load('old.toml')", "'scenario:scope' is not a scope"),
    ],
)
def test_mistakes_of_the_declarations_are_listed_beside_other_changes(
    declaration: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.toml").write_text("[DATA_NODE.a]\nscope = 'scenario:scope'\n")
    Path("my-app.py").write_text(f"{DECLARED}{declaration}\n")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:17: tp.Core: remove it" in out
    assert "my-app.py:16: Gui: " in out
    assert message in out
    assert "could not be loaded" not in out


@pytest.mark.parametrize(
    "line",
    [
        "Config.configure_data_node('a', cacheable=True)",
        "Config.configure_data_node(\n    'a',\n    owner='me',\n)",
        "Config.configure_task('t', lambda x: x, x, y)",
        "Config.configure_pipeline('p', [])",
        "x.scope = tp.Scope.PIPELINE",
        "tp.create_scenario(x)",
    ],
)
def test_a_change_is_listed_once(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(f"{DECLARED}{line}\n")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    told = [item for item in out.splitlines() if item > "my-app.py:23"]
    assert len([item for item in told if item.startswith(("my-app.py:23", "my-app.py:25"))]) == 1


@pytest.mark.parametrize(
    "use",
    [
        "made = tp.create_scenario(x)",
        "try:\n    made = tp.get('x')\nexcept Exception:\n    made = None",
        "while not tp.is_submittable(x): pass",
        "for made in tp.get_scenarios(): print(made)",
        "if tp.exists('x'): print('x')",
        "Config.configure_pipeline('p', [])",
    ],
)
def test_a_module_goes_on_with_no_wrong_value(use: str, capsys: pytest.CaptureFixture[str]) -> None:
    rest = "open('written.txt', 'w').close()\nConfig.configure_data_node('z z')\n"
    mistake = "Config.configure_data_node('a a')\n"
    Path("my-app.py").write_text(f"{DECLARED}{mistake}{use}\n{rest}")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:23: DATA_NODE.a a: " in out
    assert "DATA_NODE.z z: 'z z' is not a valid id" in out
    assert not Path("written.txt").exists()


def test_what_depends_on_a_line_that_did_not_run_is_told_to_be_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my-app.py").write_text(
        f"{DECLARED}made = tp.get('x')\nname = 'b b'\nother = made.name\n"
        "Config.configure_data_node(name)\nConfig.configure_data_node(other)\n"
        "class Own(made): pass\n@made\ndef own(): pass\nmade = 'c c'\n"
        "Config.configure_data_node(made)\nConfig.configure_task('t', own)\n"
    )

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "DATA_NODE.b b: " in out
    assert "DATA_NODE.c c: " in out
    assert "my-app.py: my-app.py:27, and what depends on it, could not be loaded" in out


@pytest.mark.parametrize(
    ("rest", "is_known"),
    [
        ("def build(): Config.configure_data_node('z z')\ndef main(): build()\nmain()\n", True),
        ("class Own:\n    def __init__(self): Config.configure_data_node('z z')\nOwn()\n", True),
        ("for name in ['z z']: Config.configure_data_node(name)\n", False),
        ("def build(): Config.configure_data_node('z z')\nif made: build()\n", False),
        ("import near_steps\nnear_steps.double(1)\n", False),
    ],
)
def test_declarations_of_functions_below_a_line_that_did_not_run_are_found_or_told(
    rest: str, is_known: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my-app.py").write_text(f"{DECLARED}made = tp.get('x')\n{rest}")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert ("DATA_NODE.z z: " in out, "could not be loaded" in out) == (is_known, not is_known)


def test_a_module_whose_last_lines_use_entities_is_known_wholly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my-app.py").write_text(
        f"{DECLARED}made = [tp.create_scenario(x)]\nfor one in made: tp.submit(one)\nprint(made)\n"
    )

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "could not be loaded" not in out
    assert "declares no" not in out


def test_a_module_that_another_one_stopped_is_not_told_to_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = "import taipy as tp\nmade = tp.get('x')\nif made: from taipy import Config\n"
    declaring = "Config.configure_data_node('b')\n"
    Path("near_steps.py").write_text(f"{stopped}{declaring}{STEPS}names = list(made)\n")
    Path("my-app.py").write_text(SERVED.replace("near_steps\n", "near_steps\nnear_steps.names\n"))

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "AttributeError" not in out
    assert "my-app.py: near_steps.py:4, and what depends on it, could not be loaded" in out


def test_a_function_of_taipy_that_a_module_calls_in_its_own_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my-app.py").write_text(
        "import taipy as tp\ndef start():\n    return tp.create_scenario(1)\nstart()\n"
    )

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:3: create_scenario: a module that is served declares" in out


def test_what_a_module_prints_is_no_part_of_the_written_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("my-app.py").write_text(SERVED + "print('hello')\n")

    run("--from-taipy", "my-app.py", "--write", "-")

    printed = capsys.readouterr()
    assert "\nhello\n" not in printed.out
    assert "hello\n" in printed.err


def test_a_module_that_fails_is_told_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED + "raise ValueError('no')\n")

    out, _ = refusal_of("--from-taipy", "my-app.py", capsys=capsys)

    assert "my-app.py:10: ValueError: no" in out


def test_a_module_is_written_with_its_import_lines_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "my-app.py", "--write", "served.py")

    assert Path("served.py").read_text() == SERVED.replace(
        "from taipy import Config, Orchestrator", "from scenarist import Config"
    )
    assert Path("my-app.py").read_text() == SERVED


def test_a_module_is_printed_with_its_import_lines_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("--from-taipy", "near_steps.py", "--write", "-")

    printed = capsys.readouterr()
    assert printed.out == STEPS.replace("taipy", "scenarist")
    assert "near_steps.py:1: from taipy import Scope" in printed.err


def test_a_module_with_an_encoding_of_its_own_is_checked_and_written(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    source = f"# coding: latin-1\n{SERVED}é = 'é'\n".encode("latin-1")
    Path("my-app.py").write_bytes(source)

    run("--from-taipy", "my-app.py", "--write", "-")

    changed = source.replace(
        b"from taipy import Config, Orchestrator", b"from scenarist import Config"
    )
    assert capfdbinary.readouterr().out == changed


def test_a_module_that_imports_a_star_can_be_written_and_served(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("near_steps.py").write_text("def double(x): return x\n")
    Path("star.py").write_text(SERVED.replace("import Config, Orchestrator", "import *"))
    run("--from-taipy", "star.py", "--write", "served.py")
    assert Path("served.py").read_text().startswith("from scenarist import Config\n")
    Path("empty.toml").write_text("")
    Config.load("empty.toml")
    capsys.readouterr()

    run("served.py")

    assert "served.py can be served: 1 scenario config" in capsys.readouterr().out


def test_a_file_that_exists_is_replaced_only_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, error = refusal_of(*("--from-taipy", "my-app.py", "--write", "my-app.py"), capsys=capsys)
    assert "my-app.py exists; write to another file, or add --overwrite" in error
    assert Path("my-app.py").read_text() == SERVED

    run("--from-taipy", "my-app.py", "--write", "my-app.py", "--overwrite")

    assert Path("my-app.py").read_text().startswith("from scenarist import Config\n")


def test_a_written_module_can_be_served(capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("my-app.py", "near_steps.py"):
        run("--from-taipy", file, "--write", file, "--overwrite")
    capsys.readouterr()

    run("my-app.py")

    assert "my-app.py can be served: 1 scenario config" in capsys.readouterr().out


def test_changes_of_a_toml_file_are_told_with_their_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("old.toml").write_text(
        "[JOB]\nnb_of_workers = '2:int'\n\n[TASK.t]\nfunction = '__main__.f:function'\n\n"
        "[PIPELINE.p]\ntasks = ['t:SECTION']\n\n[SCENARIO.s]\npipelines = ['p:SECTION']\n"
    )

    out, error = refusal_of("--from-taipy", "old.toml", capsys=capsys)

    assert error == "scenarist: old.toml needs 4 changes\n"
    lines = [line.partition(": ")[0:3:2] for line in out.splitlines()]
    assert [(place, text.partition(":")[0]) for place, text in lines] == [
        ("old.toml:2", "JOB.nb_of_workers"),
        ("old.toml:11", "SCENARIO.s.pipelines"),
        ("old.toml:7", "PIPELINE"),
        ("old.toml:5", "TASK.t.function"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from-taipy", "nowhere.py"], "there is no file nowhere.py"),
        (["--from-taipy", "nowhere.toml"], "nowhere.toml: cannot be read: No such file"),
        (["--from-taipy", "cut.toml"], "cut.toml: is not valid UTF-8"),
        (["--from-taipy", "old.toml", "--write", "new.toml"], "a TOML file has no import lines"),
        (["my-app.py", "--write", "new.py"], "--write and --overwrite need --from-taipy"),
        (["--from-taipy", "my-app.py", "--write", "no/new.py"], "no/new.py cannot be written"),
    ],
)
def test_what_cannot_be_told_or_written_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.toml").write_text("")
    Path("cut.toml").write_bytes(b"x = '\xe2\x82")

    _, error = refusal_of(*arguments, capsys=capsys)

    assert message in error


def test_a_check_without_taipy_lists_every_change(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my-app.py").write_text(SERVED + "import taipy as tp\ntp.run()\n")

    _, error = refusal_of("my-app.py", capsys=capsys)

    assert "No module named 'taipy'; it is written for Taipy, and needs these changes:" in error
    assert "\n  my-app.py:11: tp.run: remove it" in error
    assert "\n  near_steps.py:1: from taipy import Scope → from scenarist import Scope" in error

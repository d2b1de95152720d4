"""The check of an application says what its workers will meet, not what its own process is."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from own_modules import forgotten_afterwards
from scenarist.cli import main
from scenarist.config import load_app
from scenarist.domain.errors import InvalidError
from scenarist.server.preflight import check_application, find_warnings


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, and leave no module behind."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    with forgotten_afterwards(tmp_path):
        yield


def write(file: str, text: str) -> None:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def declared(source: str, call: str = "registry.configure_task('t', step)") -> str:
    return f"from scenarist import ConfigRegistry\n{source}\nregistry = ConfigRegistry()\n{call}\n"


def mistakes_of(app: str) -> list[str]:
    with pytest.raises(InvalidError) as refused:
        check_application(load_app(app))
    return [error["message"] for error in refused.value.errors or []]


def test_a_module_that_extends_the_search_path_passes() -> None:
    write("lib/far_steps.py", "def step():\n    pass\n")
    write("plant.py", declared("import sys\nsys.path.append('lib')\nfrom far_steps import step"))

    check_application(load_app("plant.py"))


def test_a_module_that_no_folder_has_is_told_though_this_process_has_it() -> None:
    source = (
        "import sys, types\nmade = types.ModuleType('made_up')\nsys.modules['made_up'] = made\n"
    )
    source += "exec('def step(): pass', made.__dict__)\n"
    write("plant.py", declared(source, "registry.configure_task('t', made.step)"))

    (mistake,) = mistakes_of("plant.py")

    assert mistake.startswith("there is no module 'made_up' on Python's search path, nor in ")


def test_a_function_that_a_worker_defines_in_another_way_is_told() -> None:
    source = "import sys\nif 'pytest' in sys.modules:\n    def step(): return 1\n"
    source += "else:\n    def step(): return 2\n"
    write("plant.py", declared(source))

    (mistake,) = mistakes_of("plant.py")

    assert mistake.startswith(
        "'plant:step' is a different function in a worker process than the one"
    )


def test_a_module_that_ends_the_process_is_told() -> None:
    write("ends.py", "import os\nprint('so it goes')\nos._exit(3)\n")
    write("plant.py", declared("", "registry.configure_task('t', 'ends:step')"))

    with pytest.raises(InvalidError) as refused:
        check_application(load_app("plant.py"))

    assert "the functions cannot be inspected in a worker process" in refused.value.message
    assert "exited with code 3" in refused.value.message


def test_all_mistakes_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    write(
        "plant.toml",
        '[SCENARIST]\nprot = 80\n[TASK.t]\nfunction = "json.dumps:function"\nretires = 2\n',
    )

    with pytest.raises(SystemExit):
        main(["check", "plant.toml"])

    told = capsys.readouterr().err
    assert told.startswith("scenarist: the configuration has 3 mistakes:\n")
    assert "SCENARIST: there is no setting 'prot'; did you mean 'port'?" in told
    assert "TASK.t.retires: there is no key 'retires'; did you mean 'retries'?" in told
    assert "TASK.t.function: 'json:dumps' takes (obj, *, skipkeys=False" in told


def test_what_can_be_served_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    write("antigravity.py", "")
    write("plant.py", declared("def step(): pass"))

    with pytest.raises(SystemExit, match="0"):
        main(["check", "plant.py"])

    out, err = capsys.readouterr()
    assert (
        out == "plant.py can be served: 0 scenario configs, 1 task config, 0 data node configs.\n"
    )
    assert err.startswith("scenarist: warning: ")
    assert "has the name of Python's own module 'antigravity'" in err
    assert len(find_warnings(load_app("plant.py"))) == 1


FIRST_VALUES = """
import datetime, threading
import pandas as pd

class Odd(dict): pass

registry.configure_data_node('kept', 'pickle', default_data=Odd(a=1))
registry.configure_json_data_node('day', default_data=datetime.date(2026, 7, 1))
registry.configure_csv_data_node('file', default_path='there.csv', default_data=[{'a': 1}])
registry.configure_parquet_data_node('large', default_data=pd.DataFrame({'a': range(100_000)}))
registry.configure_excel_data_node('sheets', sheet_name=['A', 'B'], default_data=[{'a': 1}])
registry.configure_json_data_node('number', default_data=3 + 4j)
registry.configure_data_node('lock', 'pickle', default_data=threading.Lock())
registry.configure_csv_data_node('mixed', default_data=pd.DataFrame({'a': ['x', 1]}))
registry.configure_csv_data_node('twice', separator=';;', default_data=[{'a': 1}])
registry.configure_json_data_node('coded', encoder='no_such:Encoder', default_data=3 + 4j)
"""


def test_a_first_value_that_its_storage_refuses_is_told_and_nothing_is_left_behind() -> None:
    write("plant.py", declared("", FIRST_VALUES))
    Path("there.csv").write_text("a\n7\n")

    with pytest.raises(InvalidError) as refused:
        check_application(load_app("plant.py"))

    told = {error["field"].rsplit(": ")[-1]: error["message"] for error in refused.value.errors}
    assert "the sheets are 'A', 'B'" in told.pop("DATA_NODE.sheets.default_data")
    assert "complex" in told.pop("DATA_NODE.number.default_data")
    assert "cannot pickle" in told.pop("DATA_NODE.lock.default_data")
    assert "column 'a' holds" in told.pop("DATA_NODE.mixed.default_data")
    assert "separator" in told.pop("DATA_NODE.twice.default_data")
    assert list(told) == ["DATA_NODE.coded.encoder"]
    assert sorted(os.listdir()) == ["plant.py", "there.csv"]
    assert Path("there.csv").read_text() == "a\n7\n"


def test_two_secrets_for_which_there_is_one_variable_are_a_mistake() -> None:
    nodes = (
        "registry.configure_data_node('db', a_password='first')\n"
        "registry.configure_data_node('db_a', password={})\n"
        "registry.configure_task('t', len, [], [])"
    )
    write("same.py", declared("", nodes.format("'first'")))
    write("other.py", declared("", nodes.format("'second'")))

    assert not any("would be stored" in mistake for mistake in mistakes_of("same.py"))
    assert [mistake for mistake in mistakes_of("other.py") if "would be stored" in mistake] == [
        "its secret and another one of DATANODE_db would be stored in the same environment "
        "variable, SCENARIST_DATANODE_db_a_password; rename one of the properties, or take one "
        "from a variable with ENV[…]"
    ]


TYPED = """
from typing import Annotated, Literal
from msgspec import Meta
import pandas as pd

registry.configure_data_node('growth', default_data=2, schema=Annotated[float, Meta(le=1)])
registry.configure_data_node('word', default_data='c', schema=Literal['a', 'b'])
registry.configure_csv_data_node(
    'rows', default_data=pd.DataFrame({'a': [1, -1]}),
    schema={'items': {'properties': {'a': {'minimum': 0}}}},
)
registry.configure_data_node('right', default_data=0.5, schema=Annotated[float, Meta(le=1)])
"""


def test_a_first_value_that_does_not_fit_its_schema_is_told() -> None:
    write("plant.py", declared("", TYPED))

    assert mistakes_of("plant.py") == [
        "it does not fit the schema: 2 is greater than the maximum of 1",
        'it does not fit the schema: "c" is not one of "a" or "b"',
        "it does not fit the schema: [1].a: -1 is less than the minimum of 0",
    ]


def test_a_file_in_a_folder_of_its_own_is_checked_with_the_modules_beside_that_folder() -> None:
    write("near-steps.py", "def step():\n    pass\n")
    write("config/config.toml", "[TASK.t]\nfunction = 'near-steps.step:function'\n")

    check_application(load_app("config/config.toml"))

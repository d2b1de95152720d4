"""Files: loaded, applied over what is there, exported, restored."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scenarist.config import ConfigRegistry
from scenarist.domain.errors import ConflictError, InvalidError
from scenarist.domain.vocabulary import Scope


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry() -> ConfigRegistry:
    return ConfigRegistry()


def write(text: str, file: str = "config.toml") -> str:
    Path(file).write_text(text)
    return file


def loaded(text: str) -> ConfigRegistry:
    registry = ConfigRegistry()
    registry.load(write(text))
    return registry


def test_entries_may_refer_to_what_comes_later_in_the_file() -> None:
    registry = loaded(
        '[SCENARIO.s]\ntasks = ["t:SECTION"]\n'
        '[TASK.t]\nfunction = "json.dumps:function"\ninputs = "a"\n'
        "[DATA_NODE.a]\n"
    )

    assert [node.id for node in registry.scenarios["s"].data_nodes] == ["a"]


def test_the_default_section_supplies_entries_that_stand_before_it() -> None:
    registry = loaded('[DATA_NODE.a]\n[DATA_NODE.default]\nstorage_type = "csv"\nunit = "t"\n')

    assert registry.data_nodes["a"].storage_type == "csv"
    assert registry.data_nodes["a"].properties == {"unit": "t"}
    assert list(registry.data_nodes) == ["a"]


def test_plain_toml_values_need_no_suffix() -> None:
    registry = loaded("[TASK.t]\nskippable = true\nretries = 2\ntimeout = '90s'\n")

    task = registry.tasks["t"]
    assert (task.skippable, task.retries, task.timeout) == (True, 2, timedelta(seconds=90))


def test_a_variable_may_supply_a_typed_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETRIES", "4")

    assert loaded("[TASK.t]\nretries = 'ENV[RETRIES]:int'\n").tasks["t"].retries == 4


def test_the_settings_of_the_server_are_handed_on() -> None:
    registry = loaded('[SCENARIST]\nport = 8000\nworkers = "4:int"\n')

    assert registry.settings == {"port": 8000, "workers": 4}


def test_a_bad_value_is_found_by_check_in_its_place() -> None:
    registry = loaded(
        '[DATA_NODE.a]\nstorage_type = "csv"\n'
        '[DATA_NODE.a.properties]\nlimit = "x:int"\nunit = "t"\n'
    )

    assert registry.data_nodes["a"].properties == {"unit": "t"}
    assert [(problem.where, problem.message) for problem in registry.check()] == [
        (
            "config.toml: DATA_NODE.a.limit",
            "'x' is not a valid int; correct it, or write 'x:int:str' for plain text",
        )
    ]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("[NODES.a]\n", "NODES", "unknown section; the sections are [TAIPY], [CORE]"),
        ("[DATANODE.a]\n", "DATANODE", "unknown section; did you mean [DATA_NODE]?"),
        ("[tasks.a]\n", "tasks", "unknown section; did you mean [TASK]?"),
        ("title = 'x'\n", "title", "unknown section"),
        ("JOB = 3\n", "JOB", "is a value; write a table [JOB]"),
        ("TASK = 3\n", "TASK", "is a value; write tables such as [TASK.sales]"),
        (
            "[TASK]\nskippable = true\n",
            "TASK.skippable",
            "is a value outside of any entry; move it to [TASK.default]",
        ),
    ],
)
def test_a_table_in_the_wrong_place_is_found_by_check(text: str, where: str, message: str) -> None:
    problems = loaded(text).check()

    assert [problem.where for problem in problems] == [f"config.toml: {where}"]
    assert problems[0].message.startswith(message)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[TASK.fit\n", "config.toml:1:10: Expected ']' at the end of a table declaration"),
        ("[TASK.fit]\nretries = \n", "config.toml:2:11: Invalid value"),
        ("a = 1\na = 2\n", "config.toml:2:6: Cannot overwrite a value"),
        ("a = 1\nb = '''x", "config.toml:2:9: Expected \"'''\""),
    ],
)
def test_text_that_is_not_toml_is_refused_with_line_and_column(text: str, place: str) -> None:
    with pytest.raises(InvalidError) as refused:
        loaded(text)

    assert refused.value.message.startswith(place)


def test_a_file_that_is_not_there_is_named(registry: ConfigRegistry) -> None:
    with pytest.raises(InvalidError, match=r"missing\.toml: cannot be read: No such file"):
        registry.load("missing.toml")


def test_a_file_in_another_encoding_is_named(registry: ConfigRegistry) -> None:
    Path("config.toml").write_bytes("[TAIPY]\nname = 'é'\n".encode("latin-1"))

    with pytest.raises(InvalidError, match=r"config\.toml: is not valid UTF-8 at byte 16"):
        registry.load("config.toml")


def test_loading_replaces_everything(registry: ConfigRegistry) -> None:
    registry.configure_data_node("before")

    registry.load(write("[DATA_NODE.after]\n"))

    assert list(registry.data_nodes) == ["after"]


def test_a_file_that_fails_to_load_replaces_nothing(registry: ConfigRegistry) -> None:
    registry.configure_data_node("before")

    with pytest.raises(InvalidError):
        registry.load(write("[DATA_NODE.after\n"))

    assert list(registry.data_nodes) == ["before"]


def test_an_entry_that_was_replaced_by_a_file_cannot_be_changed(registry: ConfigRegistry) -> None:
    scenario = registry.configure_scenario("plan")
    registry.load(write("[SCENARIO.plan]\n"))

    with pytest.raises(ConflictError, match="replaced when a file was loaded"):
        scenario.add_sequences({"one": []})


def test_an_override_changes_the_keys_that_it_names_and_no_other(registry: ConfigRegistry) -> None:
    node = registry.configure_csv_data_node("a", "a.csv", encoding="latin-1")
    task = registry.configure_task("t", "json:dumps", node, retries=1)
    scenario = registry.configure_scenario("s", [task], sequences={"one": [task]})
    registry.configure_job_executions("standalone", 2)

    registry.override(
        write(
            '[DATA_NODE.a]\ndefault_path = "b.csv"\n[DATA_NODE.b]\n'
            '[TASK.t]\nretries = 5\noutputs = ["b:SECTION"]\n'
            '[SCENARIO.s.sequences]\ntwo = ["t:SECTION"]\n'
            "[JOB]\nmax_nb_of_workers = 8\n"
        )
    )

    assert node.properties == {"default_path": "b.csv", "encoding": "latin-1"}
    assert (task.function, task.inputs, task.retries) == ("json:dumps", [node], 5)
    assert task.outputs == [registry.data_nodes["b"]]
    assert scenario.sequences == {"one": [task], "two": [task]}
    assert (registry.jobs.mode, registry.jobs.max_nb_of_workers) == ("standalone", 8)
    assert registry.check() == []


def test_an_override_of_a_wrong_value_mends_it_alone(registry: ConfigRegistry) -> None:
    registry.configure_task("t", lambda: 1, "nothing")

    registry.override(write("[TASK.t]\nfunction = 'os.getpid'\n"))

    assert [problem.message for problem in registry.check()] == [
        "there is no data node 'nothing' in this registry; declare it first"
    ]


def test_a_backup_is_restored_over_whatever_is_there(registry: ConfigRegistry) -> None:
    registry.configure_csv_data_node("a", "a.csv")
    registry.backup("backup.toml")
    registry.configure_data_node("b")

    registry.restore("backup.toml")

    assert list(registry.data_nodes) == ["a"]
    assert registry.data_nodes["a"].properties == {"default_path": "a.csv"}


def test_default_data_that_toml_cannot_hold_is_refused_by_name(registry: ConfigRegistry) -> None:
    registry.configure_data_node("prices", default_data={"a": {1, 2}})

    with pytest.raises(InvalidError) as refused:
        registry.export("config.toml")

    assert refused.value.message == (
        "DATA_NODE.prices.default_data.a cannot be exported: TOML cannot represent a value of "
        "type set; declare it in Python, or store it in a file that default_path names"
    )
    assert not Path("config.toml").exists()


def test_keys_that_are_not_text_cannot_be_exported(registry: ConfigRegistry) -> None:
    registry.configure_data_node("prices", default_data={1: "a"})

    with pytest.raises(InvalidError, match="keys must be text in TOML, not 1"):
        registry.export("config.toml")


def test_a_folder_that_is_not_there_cannot_be_written_to(registry: ConfigRegistry) -> None:
    with pytest.raises(InvalidError, match="cannot be written: No such file"):
        registry.export("nowhere/config.toml")


def test_an_exported_file_reads_like_one_written_by_hand(registry: ConfigRegistry) -> None:
    a = registry.configure_csv_data_node("a", "a.csv", validity_period=timedelta(days=7))
    task = registry.configure_task("fit", "json.dumps", a)
    registry.configure_scenario("plan", [task], comparators={"a": max}, sequences={"s 1": [task]})

    registry.export("config.toml")

    assert (
        Path("config.toml").read_text()
        == """\
[DATA_NODE.a]
storage_type = "csv"
scope = "SCENARIO:SCOPE"
validity_period = "7d0h0m0s:timedelta"
default_path = "a.csv"

[TASK.fit]
function = "json:dumps"
inputs = ["a:SECTION"]
skippable = false
retries = 0
retry_delay = "0d0h0m1s:timedelta"
retries_after_loss = 2
fresh = false
cache = false

[SCENARIO.plan]
tasks = ["fit:SECTION"]

[SCENARIO.plan.comparators]
a = ["builtins:max"]

[SCENARIO.plan.sequences]
"s 1" = ["fit:SECTION"]
"""
    )


@pytest.mark.parametrize("section", ["gui", "VERSION_MIGRATION.migration_fcts", "MIGRATION"])
def test_sections_of_taipy_that_mean_nothing_here_are_ignored(section: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[{section}]\ndark_mode = 'True:bool'\n")
    registry = ConfigRegistry()

    registry.load(str(file))

    assert registry.check() == []


def test_pipelines_of_taipy_2_are_told_to_be_sequences(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[PIPELINE.p]\ntasks = []\n\n[SCENARIO.s]\npipelines = ['p:SECTION']\n")
    registry = ConfigRegistry()

    registry.load(str(file))

    assert [
        "pipelines of Taipy 2 are sequences here" in problem.message for problem in registry.check()
    ] == [True, True]


def test_what_a_file_overrides_stays_in_force(registry: ConfigRegistry) -> None:
    registry.override(
        write(
            '[DATA_NODE.a]\nscope = "GLOBAL:SCOPE"\ndefault_path = "over.csv"\n'
            '[TASK.t]\ninputs = ["a:SECTION"]\n[SCENARIO.s.sequences]\nall = ["t:SECTION"]\n'
            '[SCENARIO.s.properties]\nregion = "north"\n[JOB]\nmax_nb_of_workers = 8\n'
        )
    )

    node = registry.configure_csv_data_node("a", "own.csv", scope=Scope.CYCLE)
    copied = registry.configure_data_node_from(node, "b", default_path="b.csv")
    task = registry.configure_task("t", json.dumps, [copied, node], skippable=True)
    scenario = registry.configure_scenario(
        "s", [task], sequences={"one": [task]}, properties={"region": "south", "owner": "x"}
    )
    jobs = registry.configure_job_executions("standalone", max_nb_of_workers=2)

    assert (node.default_path, node.scope, copied.default_path) == (
        "over.csv",
        Scope.GLOBAL,
        "b.csv",
    )
    assert (task.inputs, task.skippable) == ([node], True)
    assert scenario.sequences == {"one": [task], "all": [task]}
    assert scenario.properties == {"region": "north", "owner": "x"}
    assert (jobs.mode, jobs.max_nb_of_workers) == ("standalone", 8)
    assert registry.check() == []


def test_what_is_set_on_an_entry_takes_the_place_of_what_a_file_overrides(
    registry: ConfigRegistry,
) -> None:
    registry.override(
        write(
            '[DATA_NODE.a]\nscope = "GLOBAL:SCOPE"\nstorage_type = "csv"\nencoding = "latin-1"\n'
            '[TASK.t]\nfunction = "json.dumps:function"\n'
            '[SCENARIO.s]\ntasks = ["t:SECTION"]\nsequences.all = ["t:SECTION"]\n'
        )
    )
    node: Any = registry.data_nodes["a"]
    scenario: Any = registry.scenarios["s"]

    node.scope = Scope.CYCLE
    node.encoding = None
    scenario.tasks.clear()
    del scenario.sequences["all"]
    registry.configure_data_node("a")
    registry.configure_scenario("s", frequency="DAILY")

    assert (node.scope, node.properties) == (Scope.CYCLE, {})
    assert (scenario.tasks, scenario.sequences) == ([], {})


def test_a_file_that_is_loaded_is_overridden_and_one_that_is_restored_is_not(
    registry: ConfigRegistry,
) -> None:
    base = write('[DATA_NODE.a]\ndefault_path = "own.p"\n')
    registry.override(write('[DATA_NODE.a]\ndefault_path = "over.p"\n', "over.toml"))

    registry.load(base)
    loaded = registry.data_nodes["a"].default_path
    registry.restore(base)

    assert (loaded, registry.data_nodes["a"].default_path) == ("over.p", "own.p")

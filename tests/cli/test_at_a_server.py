"""The commands that talk to a server: what they print, and how they end."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cli.terminal import Done, Terminal, run_apart
from scenarist import Client
from servers import StartedServer
from signed_in import PASSWORDS, with_users

HOSTILE = "red \x1b[31m bell \x07 turned \u202e [bold]round[/bold]"
ESCAPED = r"red \x1b[31m bell \x07 turned \u202e [bold]round[/bold]"


class Shell:
    """Commands of somebody whose files are in a folder."""

    def __init__(self, terminal: Terminal, folder: Path) -> None:
        self._terminal = terminal
        self._folder = folder

    def run(self, *arguments: str, typed: str = "") -> Done:
        return self._terminal.run(self._folder, *arguments, typed=typed)

    def lines(self, *arguments: str, typed: str = "") -> list[str]:
        """Run a command that succeeds; return the lines that it prints."""
        return self._terminal.printed_by(self._folder, *arguments, typed=typed).splitlines()

    def line(self, *arguments: str, typed: str = "") -> str:
        (printed,) = self.lines(*arguments, typed=typed)
        return printed

    def json(self, *arguments: str, typed: str = "") -> Any:
        text = self._terminal.printed_by(self._folder, *arguments, "--json", typed=typed)
        return json.loads(text)

    def mistake(self, *arguments: str, code: int, typed: str = "") -> str:
        return self._terminal.mistake(self._folder, *arguments, typed=typed, code=code)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with StartedServer(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as started:
        yield started


@pytest.fixture
def shell(
    server: StartedServer, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Somebody's shell, with the address of the server in the environment."""
    monkeypatch.setenv("SCENARIST_URL", server.address)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("SCENARIST_TOKEN", raising=False)
    return Shell(terminal, tmp_path)


@pytest.fixture
def scenario(shell: Shell) -> str:
    return shell.line("scenario", "create", "chain")


def node_of(shell: Shell, scenario: str, config: str) -> str:
    (node,) = shell.json("datanode", "list", "--scenario", scenario, "--config", config)
    identifier: str = node["id"]
    return identifier


def table(lines: Sequence[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def test_a_scenario_is_created_listed_shown_and_deleted(shell: Shell) -> None:
    tags = ["--tag", "draft", "--tag", "cold"]
    made = shell.line(
        "scenario", "create", "chain", "--name", "winter", *tags, "--property", "team=fuel",
        "--property", "year=2026",
    )  # fmt: skip

    head, row = table(shell.lines("scenario", "list", "--name", "winter"))
    assert head == ["ID", "NAME", "PRIMARY", "TAGS", "CREATED", "VERSION", "LAST"]
    assert row[:5] == [made, "winter", "no", "cold,", "draft"]
    assert len(shell.lines("scenario", "list", "--name", "winter", "--version", "latest")) == 2
    assert len(shell.lines("scenario", "list", "--name", "winter", "--version", "1.0")) == 1
    shown = shell.json("scenario", "show", made)
    assert shown["properties"] == {"team": "fuel", "year": 2026}
    lines = shell.lines("scenario", "show", made)
    assert f"id                     {made}" in lines
    # They are in lists only: "-" would say that there are none.
    assert not any(line.startswith(("inputs ", "last_submission ")) for line in lines)
    foreseen = shell.lines("scenario", "delete", made, "--dry-run")
    assert foreseen == [
        f"Scenario {made} would be deleted.",
        "scenarios: 1, sequences: 2, tasks: 2, data nodes: 3",
    ]
    shell.lines("scenario", "delete", made)
    assert shell.json("scenario", "list", "--name", "winter") == []


def test_what_scenarios_can_be_made_from_is_listed(shell: Shell) -> None:
    head, chain, *_ = shell.lines("scenario", "configs")

    assert head.split() == ["CONFIG", "FREQUENCY", "TASKS", "SEQUENCES"]
    assert chain.split() == ["chain", "-", "2", "all", "of", "it,", "half"]
    assert shell.json("scenario", "configs")[0]["tasks"] == ["first", "second"]


def test_a_list_is_cut_with_a_word_and_whole_as_json(shell: Shell, scenario: str) -> None:
    for number in range(3):
        shell.line("sequence", "create", scenario, f"s{number}")
    listing = ["sequence", "list", "--scenario", scenario]

    assert len(shell.lines(*listing, "--limit", "4")) == 5
    assert len(shell.lines(*listing)) == 6
    assert [found["name"] for found in shell.json(*listing)][2:] == ["s0", "s1", "s2"]
    assert len(shell.json(*listing, "--limit", "2")) == 2
    named = shell.json(*listing, "--name", "s0", "--name", "s2")
    assert [found["name"] for found in named] == ["s0", "s2"]


def test_a_sequence_of_task_configs_is_submitted_and_waited_for(
    shell: Shell, scenario: str
) -> None:
    sequence = shell.line("sequence", "create", scenario, "both of them", "first", "second")
    submission = shell.line("sequence", "submit", sequence, "--force", "--priority", "3")

    assert shell.json("sequence", "show", sequence)["name"] == "both of them"
    waited = shell.line("sequence", "submit", sequence, "--wait", "--timeout", "30")
    assert waited.endswith(" is COMPLETED.")
    assert shell.json("submission", "show", submission)["status"] == "COMPLETED"
    listed = table(shell.lines("submission", "list", "--entity", sequence))
    assert [row[2] for row in listed] == ["STATUS", "COMPLETED", "COMPLETED"]
    assert shell.json("datanode", "read", node_of(shell, scenario, "end")) == 3
    jobs = table(shell.lines("job", "list", "--submission", submission))
    assert [row[1] for row in jobs] == ["STATUS", "COMPLETED", "COMPLETED"]
    assert shell.line("sequence", "delete", sequence) == f"Sequence {sequence} was deleted."


def test_what_a_submit_would_run_is_shown_before(shell: Shell, scenario: str) -> None:
    head, first, second, summary = shell.lines("scenario", "plan", scenario)

    assert head.split() == ["TASK", "ACTION", "SECONDS", "BECAUSE"]
    assert first.startswith("first")
    assert second.split()[:2] == ["second", "RUN"]
    assert summary.startswith("2 RUN")
    sequence_id = shell.json("scenario", "show", scenario)["sequences"]["half"]["id"]
    planned = shell.json("sequence", "plan", sequence_id, "--force")
    assert [task["reason"] for task in planned["tasks"]] == ["NOT_SKIPPABLE"]
    with_input = shell.json("scenario", "plan", scenario, "--input", "start=7")
    assert with_input["counts"] == {"RUN": 2}
    assert shell.json("datanode", "read", node_of(shell, scenario, "start")) != 7


def test_scenarios_are_upgraded_one_by_one_or_all_of_a_config(shell: Shell, scenario: str) -> None:
    half = shell.json("scenario", "show", scenario)["sequences"]["half"]["id"]
    shell.line("sequence", "delete", half)

    planned = shell.lines("scenario", "upgrade", scenario, "--dry-run")
    upgraded = shell.json("scenario", "upgrade", "--all-of", "chain")
    neither = shell.run("scenario", "upgrade")
    with_unknown = shell.run("scenario", "upgrade", "SCENARIO_chain_0", scenario)
    of_none = shell.run("scenario", "upgrade", "--all-of", "chian")

    assert planned == [
        f"{scenario}: would be upgraded",
        "  created sequence 'half': the config declares it now",
    ]
    assert [change["id"] for change in upgraded["upgraded"][scenario]["changes"]] == [half]
    assert upgraded["refused"] == {}
    assert shell.line("scenario", "upgrade", scenario) == f"{scenario}: nothing to upgrade"
    assert (neither.code, neither.said) == (
        1,
        "scenarist: name the scenarios to upgrade, or their config with --all-of\n",
    )
    assert (with_unknown.code, with_unknown.printed) == (1, f"{scenario}: nothing to upgrade\n")
    assert with_unknown.said.startswith("SCENARIO_chain_0: ")
    assert of_none.said == "There is no scenario of the config 'chian'.\n"


def test_a_scenario_is_forked_with_another_input(shell: Shell, scenario: str) -> None:
    fork = shell.line("scenario", "fork", scenario, "--name", "other", "--input", "start=4")

    shown = shell.json("scenario", "show", fork)
    listed = shell.json("scenario", "list", "--forked-from", scenario)
    assert (shown["forked_from"], shown["name"]) == (scenario, "other")
    assert [found["id"] for found in listed] == [fork]
    assert shell.json("datanode", "read", node_of(shell, fork, "start")) == 4


def test_a_submission_is_watched_line_by_line_where_there_is_no_terminal(
    shell: Shell, scenario: str
) -> None:
    lines = shell.lines("scenario", "submit", scenario, "--watch")

    seen = [line.split()[1:] for line in lines[:-1]]
    assert seen[-1] == ["COMPLETED", "second"]
    assert ["COMPLETED", "first"] in seen
    assert lines[-1].endswith(" is COMPLETED.")


def test_what_is_over_is_watched_as_it_was(shell: Shell, scenario: str) -> None:
    submission = shell.json("scenario", "submit", scenario, "--wait")["id"]

    lines = shell.lines("submission", "watch", submission)

    assert [line.split()[1:] for line in lines[:-1]] == [
        ["COMPLETED", "first"],
        ["COMPLETED", "second"],
    ]
    documents = shell.lines("submission", "watch", submission, "--json")
    assert [json.loads(line)["status"] for line in documents] == ["COMPLETED"]


def test_a_submission_that_failed_ends_with_one_and_its_reason(shell: Shell) -> None:
    scenario = shell.line("scenario", "create", "broken")

    done = shell.run("scenario", "submit", scenario, "--watch")

    assert done.code == 1
    assert done.printed.endswith(" is FAILED.\n")
    assert "no luck with (1,)" in done.said
    (failed,) = shell.json("submission", "list", "--entity", scenario)
    retried = shell.run("submission", "retry", failed["id"], "--wait")
    assert retried.code == 1
    assert retried.printed.endswith(" is FAILED.\n")


def test_a_time_that_is_over_ends_with_124_and_the_jobs_go_on(shell: Shell) -> None:
    scenario = shell.line("scenario", "create", "endless")
    submission = shell.line("scenario", "submit", scenario)

    said = shell.mistake("scenario", "submit", scenario, "--wait", "--timeout", "0.2", code=124)
    watched = shell.run("submission", "watch", submission, "--timeout", "0.2")

    assert "after 0.2 seconds" in said
    assert watched.code == 124
    assert watched.said == f"scenarist: {submission} has not ended after 0.2 seconds\n"
    for found in shell.json("submission", "list", "--entity", scenario):
        cancelled = shell.line("submission", "cancel", found["id"])
        assert cancelled == f"Submission {found['id']} was cancelled."


def test_what_is_paused_waits_until_it_is_resumed(shell: Shell, scenario: str) -> None:
    paused = shell.line("orchestration", "pause")
    submission = shell.line("scenario", "submit", scenario)

    assert paused.startswith("No jobs are started: paused at ")
    assert paused.endswith(" by anyone.")
    assert shell.line("submission", "pause", submission).endswith(" is paused.")
    assert shell.line("orchestration", "resume") == "Jobs are started."
    assert shell.line("orchestration", "show") == "Jobs are started."
    shell.mistake("submission", "watch", submission, "--timeout", "0.2", "--json", code=124)
    assert shell.line("submission", "resume", submission).endswith(" is resumed.")
    assert shell.lines("submission", "watch", submission)[-1].endswith(" is COMPLETED.")


def test_a_job_is_shown_read_and_cancelled(shell: Shell) -> None:
    speaking = shell.line("scenario", "create", "speaking")
    submission = shell.json("scenario", "submit", speaking, "--wait")
    (job,) = submission["job_ids"]
    assert shell.json("job", "show", job)["status"] == "COMPLETED"
    assert shell.lines("job", "log", job)[0] == "from print"
    assert shell.json("job", "log", job)[0]["attempt"] == 1

    endless = shell.line("scenario", "create", "endless")
    waiting = shell.json("scenario", "submit", endless)["job_ids"]
    assert shell.line("job", "cancel", waiting[0]) == f"Job {waiting[0]} was cancelled."
    assert "COMPLETED" in shell.mistake("job", "cancel", job, code=1)


def test_a_value_is_written_in_each_way_and_read(
    shell: Shell, scenario: str, tmp_path: Path
) -> None:
    node = node_of(shell, scenario, "end")
    (tmp_path / "value.json").write_text('{"name": "é"}')

    for arguments, typed in (
        ([node, '{"name": "é"}', "--comment", "by hand"], ""),
        ([node], '{"name": "é"}'),
        ([node, "--file", str(tmp_path / "value.json")], ""),
    ):
        edit = shell.line("datanode", "write", *arguments, typed=typed)
        assert shell.json("datanode", "show", node)["last_edit_id"] == edit
        assert shell.lines("datanode", "read", node) == ["{", '  "name": "é"', "}"]
        assert shell.line("datanode", "read", node, "--json") == '{"name": "é"}'


def test_a_part_of_a_table_is_read(shell: Shell) -> None:
    node = node_of(shell, shell.line("scenario", "create", "tables"), "table")
    rows = '[{"city": "Oslo", "units": 1}, {"city": "Lima", "units": 25}]'
    shell.line("datanode", "write", node, rows)

    chosen = ["--column", "city", "--where", "units:GREATER_THAN:2", "--limit", "1"]

    assert shell.json("datanode", "read", node, *chosen) == [{"city": "Lima"}]


def test_files_go_up_and_come_down(shell: Shell, tmp_path: Path) -> None:
    node = node_of(shell, shell.line("scenario", "create", "tables"), "table")
    (tmp_path / "units.csv").write_text("city,units\nOslo,1\n")

    shell.line("datanode", "upload", node, str(tmp_path / "units.csv"))

    target = tmp_path / "again.csv"
    assert shell.line("datanode", "download", node, str(target)) == str(target)
    assert target.read_text() == "city,units\nOslo,1\n"
    said = shell.mistake("datanode", "upload", node, str(tmp_path / "none.csv"), code=1)
    assert said == f"{tmp_path}/none.csv cannot be read: No such file or directory"


def test_what_others_have_named_reaches_no_terminal_raw(
    shell: Shell, server: StartedServer, scenario: str
) -> None:
    with Client(server.address) as client:
        client.scenarios.change(scenario, properties={"note": HOSTILE})
    node = node_of(shell, scenario, "end")
    shell.line("datanode", "write", node, json.dumps({HOSTILE: HOSTILE}))

    outputs = [
        "\n".join(shell.lines("scenario", "show", scenario)),
        "\n".join(shell.lines("datanode", "read", node)),
        shell.mistake("scenario", "show", HOSTILE, code=3),
        shell.mistake("datanode", "write", node, HOSTILE, code=1),
        "\n".join(shell.lines("scenario", "list", "--json")),
    ]

    for output in outputs:
        assert all(part.isprintable() for part in output.split("\n")), output
    assert ESCAPED in outputs[2]
    assert shell.json("datanode", "read", node) == {HOSTILE: HOSTILE}
    assert shell.json("scenario", "show", scenario)["properties"] == {"note": HOSTILE}


def test_a_terminal_that_knows_few_characters_is_shown_escapes(
    shell: Shell, server: StartedServer, scenario: str, tmp_path: Path
) -> None:
    with Client(server.address) as client:
        client.scenarios.change(scenario, name="é")
    environment = {"SCENARIST_URL": server.address, "PYTHONIOENCODING": "ascii"}

    table = run_apart(tmp_path, "scenario", "list", "--name", "é", **environment)
    document = run_apart(tmp_path, "scenario", "show", scenario, "--json", **environment)

    assert table.code == 0
    assert r" \xe9 " in table.printed
    assert json.loads(document.printed)["name"] == "é"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["scenario", "show", "SCENARIO_nope"], 3),
        (["sequence", "submit", "SEQUENCE_nope"], 3),
        (["submission", "watch", "SUBMISSION_nope"], 3),
        (["scenario", "list", "--url", "http://127.0.0.1:1"], 4),
        (["submission", "watch", "x", "--url", "http://127.0.0.1:1"], 4),
        (["scenario", "list", "--url", "nowhere"], 1),
        (["submission", "list", "--status", "ASLEEP"], 1),
    ],
)
def test_a_refusal_is_one_line_and_a_code_of_its_own(
    shell: Shell, arguments: list[str], code: int
) -> None:
    shell.mistake(*arguments, code=code)


def test_a_command_that_is_not_understood_ends_with_2(shell: Shell) -> None:
    assert shell.run("scenario", "create").code == 2
    assert shell.run("scenario", "frobnicate").code == 2


def test_ctrl_c_ends_watching_without_more_words(
    shell: Shell, server: StartedServer, tmp_path: Path
) -> None:
    submission = shell.line("scenario", "submit", shell.line("scenario", "create", "endless"))
    process = subprocess.Popen(
        [sys.executable, "-m", "scenarist", "submission", "watch", submission],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SCENARIST_URL": server.address},
    )
    assert process.stdout is not None
    assert process.stdout.readline().split()[2] in {"nap", "second"}

    process.send_signal(signal.SIGINT)

    _, said = process.communicate()
    assert (process.returncode, said) == (130, "")
    assert shell.json("submission", "show", submission)["status"] == "RUNNING"
    shell.line("submission", "cancel", submission)


def test_a_reader_that_has_enough_ends_a_list_without_more_words(
    shell: Shell, server: StartedServer, scenario: str
) -> None:
    for number in range(300):
        sequence = {"scenario_id": scenario, "sequence_name": f"s{number}", "tasks": []}
        server.http.post("/api/v1/sequences", json=sequence).raise_for_status()
    listing = f"{sys.executable} -m scenarist sequence list --scenario {scenario} --json | head -1"

    done = subprocess.run(
        ["sh", "-c", listing],
        capture_output=True,
        text=True,
        env={**os.environ, "SCENARIST_URL": server.address},
        check=True,
    )

    assert (done.stdout, done.stderr) == ("[\n", "")


def test_who_logs_in_is_known_until_logging_out(
    shell: Shell, guarded: StartedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCENARIST_URL")
    secret = tmp_path / "config" / "scenarist" / "logins.json"
    login = ["login", "--url", f"{guarded.address}/", "--user", "rita", "--password-stdin"]
    said = shell.line(*login, typed=PASSWORDS["rita"])

    assert said == f"rita is signed in at {guarded.address}, with TAIPY_READER."
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert PASSWORDS["rita"] not in secret.read_text()
    assert shell.json("whoami")["username"] == "rita"
    assert shell.lines("scenario", "list")[0].startswith("ID")
    assert "TAIPY_EDITOR" in shell.mistake("scenario", "create", "chain", code=5)
    token = json.loads(secret.read_text())["at"][guarded.address]["token"]
    assert shell.line("logout") == f"rita is signed out at {guarded.address}."
    assert token not in secret.read_text()
    unknown = shell.mistake("scenario", "list", "--token", token, code=5)
    assert unknown.endswith("; sign in with: scenarist login")
    assert shell.line("logout") == f"No login is saved for {guarded.address}."


def test_a_token_is_shown_to_its_own_server_only(
    shell: Shell, server: StartedServer, guarded: StartedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = ["login", "--url", guarded.address, "--user", "rita", "--password-stdin"]
    shell.line(*login, typed=PASSWORDS["rita"])

    assert shell.json("whoami", "--url", guarded.address)["username"] == "rita"
    assert shell.json("whoami", "--url", server.address)["username"] == "anyone"
    alias = guarded.address.replace("127.0.0.1", "localhost")
    shell.mistake("whoami", "--url", alias, code=5)
    monkeypatch.setenv("SCENARIST_TOKEN", "of-nobody")
    shell.mistake("whoami", "--url", guarded.address, code=5)


def test_a_wrong_password_stores_nothing(shell: Shell, guarded: StartedServer) -> None:
    login = ["login", "--url", guarded.address, "--user", "rita", "--password-stdin"]

    said = shell.mistake(*login, typed="guessed at least", code=5)

    assert "guessed" not in said
    assert shell.line("logout", "--url", guarded.address).startswith("No login is saved")


def test_without_a_terminal_nobody_is_asked(shell: Shell) -> None:
    assert shell.mistake("login", code=1) == (
        "there is no terminal to ask for the user; use --user"
    )
    assert "use --password-stdin" in shell.mistake("login", "--user", "rita", code=1)


def test_a_server_without_authorization_needs_no_login(shell: Shell, tmp_path: Path) -> None:
    said = shell.line("login", "--user", "rita", "--password-stdin", typed="whatever it is")

    assert said.startswith("Authorization is off")
    assert "token" not in (tmp_path / "config/scenarist/logins.json").read_text()


def test_logging_out_of_a_server_that_is_gone_forgets_the_token(
    shell: Shell, tmp_path: Path
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with with_users(folder) as server:
        login = ["login", "--url", server.address, "--user", "rita", "--password-stdin"]
        shell.line(*login, typed=PASSWORDS["rita"])
        server.kill()

        done = shell.run("logout", "--url", server.address)

    assert (done.printed, done.code) == ("", 4)
    assert "the saved token was deleted, but the session was not ended" in done.said
    assert "rita" not in (tmp_path / "config/scenarist/logins.json").read_text()


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: Shell, shell_name: str) -> None:
    script = "\n".join(shell.lines("completion", shell_name))

    assert "submission" in script
    assert "--priority" in script or "priority" in script


def test_bash_completes_what_is_begun(shell: Shell, tmp_path: Path) -> None:
    script = tmp_path / "completion.bash"
    script.write_text("\n".join(shell.lines("completion", "bash")))
    program = (
        f"source {script}; COMP_WORDS=(scenarist submission wa); COMP_CWORD=2; _scenarist; "
        'echo "${COMPREPLY[@]}"'
    )

    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "watch\n"


def test_inputs_are_given_as_options_or_as_a_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text('{"start": 5}')
    scenario = shell.line("scenario", "create", "chain", "--inputs", str(file))
    assert shell.lines("scenario", "inputs", scenario) == ["start  5"]

    shell.lines("scenario", "submit", scenario, "--inputs", str(file), "--input", "start=7")
    assert shell.json("scenario", "inputs", scenario)["start"]["value"] == 7
    assert shell.lines("scenario", "inputs", scenario, "--input", "start=many") == ['start  "many"']
    deep = "[" * 50_000  # no JSON that Python could parse
    assert deep in shell.line("scenario", "inputs", scenario, "--input", f"start={deep}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "start"], "--input start: write it as NAME=VALUE"),
        (["--property", "team"], "--property team: write it as NAME=VALUE"),
        (["--input", "start=1", "--input", "start=2"], "start is given more than once"),
        (["--property", "a=1", "--property", "a=2"], "--property: a is given more than once"),
        (["--inputs", "twice.json"], "start is given more than once"),
        (["--inputs", "list.json"], "not a JSON object"),
        (["--inputs", "nan.json"], "is not JSON"),
        (["--inputs", "none.json"], "cannot be read"),
        (["--input", "strat=1"], "did you mean 'start'"),
    ],
)
def test_inputs_that_are_no_inputs_are_told(
    shell: Shell, tmp_path: Path, options: list[str], said: str
) -> None:
    (tmp_path / "twice.json").write_text('{"start": 1, "start": 2}')
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "nan.json").write_text('{"start": NaN}')

    given = [str(tmp_path / item) if item.endswith(".json") else item for item in options]
    assert said in shell.mistake("scenario", "create", "chain", *given, code=1)


def test_outcomes_are_shown_and_scenarios_compared(shell: Shell) -> None:
    one, other = (
        shell.line("scenario", "create", "judged", "--name", name, "--input", f"start={start}")
        for name, start in (("few", 1), ("many", 4))
    )
    for scenario in (one, other):
        shell.line("scenario", "submit", scenario, "--wait")

    listing = ["scenario", "list", "--config", "judged", "--sort", "-outcomes.pieces"]
    assert [line[-2:] for line in table(shell.lines(*listing))[1:]] == [
        ["5", "pieces"],
        ["2", "pieces"],
    ]
    assert len(shell.lines(*listing, "--min", "pieces=3", "--max", "pieces=9")) == 2
    assert "is not a number" in shell.mistake(*listing, "--min", "pieces=x", code=1)
    assert "outcomes.pieces        2 pieces" in shell.lines("scenario", "show", one)
    assert [line.split() for line in shell.lines("scenario", "diff", one, other)] == [
        ["WHAT", "WHERE", "few", "many"],
        ["start", "1", "4"],
        ["pieces", "2", "pieces", "5", "pieces", "(+3,", "+150.0", "%)"],
    ]
    assert shell.json("scenario", "diff", one, other)["base"] == one

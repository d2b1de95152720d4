"""Users, keys and secret keys on the command line, also beside a server that runs."""

import os
import pty
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.terminal import Done, Terminal, run_apart
from scenarist.domain.errors import InvalidError
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.passwords import Passwords
from scenarist.identity.secret_keys import SecretKeys
from scenarist.server import admin
from scenarist.server.settings import Settings
from servers import StartedServer
from signed_in import ask, audit_of, settings_in, token_of, with_users

PASSWORD = "typed by nobody else"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that no server uses, and one administrator."""
    folder = tmp_path_factory.mktemp("quiet")
    admin.add_user(settings_in(folder), "adam", PASSWORD, ["admin"])
    return folder


def sign_in(server: StartedServer, name: str, password: str) -> int:
    body = {"username": name, "password": password}
    return server.http.post("/api/v1/auth/login", json=body).status_code


def test_a_user_is_added_listed_changed_and_removed(quiet: Path, terminal: Terminal) -> None:
    done = run_apart(quiet, "user", "add", "Ines", "--password-stdin", typed=f"{PASSWORD}\n")
    assert done == Done("User ines can sign in, with TAIPY_READER.\n", "", 0)

    roles = ("--role", "editor", "-r", "TAIPY_EXECUTOR")
    printed = terminal.printed_by(quiet, "user", "roles", "INES", *roles)
    assert printed == "User ines has TAIPY_EDITOR, TAIPY_EXECUTOR.\n"

    printed = terminal.printed_by(quiet, "user", "list")
    assert printed == "adam: TAIPY_ADMIN\nines: TAIPY_EDITOR, TAIPY_EXECUTOR\n"

    passwd = ("user", "passwd", "ines", "--password-stdin")
    printed = terminal.printed_by(quiet, *passwd, typed="another one\n")
    assert printed == "User ines has a new password.\n"

    printed = terminal.printed_by(quiet, "user", "remove", "Ines")
    assert printed == "User ines is deleted.\n"


def test_a_mistake_is_one_line_and_the_exit_code_one(quiet: Path) -> None:
    done = run_apart(quiet, "user", "add", "ADAM", "--password-stdin", typed=PASSWORD)

    assert (done.printed, done.code) == ("", 1)
    assert done.said == (
        "scenarist: there is already a user adam; change that one, or choose another name\n"
    )


def test_mistakes_with_users_are_told_in_one_line(quiet: Path, terminal: Terminal) -> None:
    add = ("user", "add", "--password-stdin")

    for said, arguments, typed in (
        ("not a valid user name", (*add, "no name"), PASSWORD),
        ("no role 'root'", (*add, "ines", "-r", "root"), PASSWORD),
        ("this one has 7", (*add, "ines"), "hunter2\n"),
        ("this one has 0", (*add, "ines"), ""),
        ("UTF-8", (*add, "ines"), b"\xff\xfe and more\n"),
        ("no terminal", ("user", "add", "ines"), PASSWORD),
        ("no user 'nobody'", ("user", "remove", "nobody"), ""),
        ("no user 'nobody'", ("user", "passwd", "nobody", "--password-stdin"), PASSWORD),
        ("last user with TAIPY_ADMIN", ("user", "remove", "adam"), ""),
        ("last user with TAIPY_ADMIN", ("user", "roles", "adam"), ""),
    ):
        line = terminal.mistake(quiet, *arguments, typed=typed)
        assert said in line
        assert "hunter2" not in line


@pytest.mark.parametrize(
    "arguments", [("--password", PASSWORD), (PASSWORD,), (f"--password-stdin={PASSWORD}",)]
)
def test_a_password_cannot_stand_on_the_command_line(
    quiet: Path, terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    assert terminal.run(quiet, "user", "add", "ines", *arguments).code == 2

    assert terminal.printed_by(quiet, "user", "list") == "adam: TAIPY_ADMIN\n"


def test_a_password_is_asked_for_twice_without_being_shown(quiet: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "scenarist", "user", "hash"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = b""
        for prompt in (b"Password: ", b"Again: "):
            while prompt not in shown:
                shown += os.read(ours, 1000)
            os.write(ours, f"{PASSWORD}\n".encode())
        assert process.stdout is not None
        printed = process.stdout.read().decode()
    os.close(ours)

    assert process.returncode == 0
    assert PASSWORD.encode() not in shown
    assert Passwords().verify(printed.strip(), PASSWORD).is_right


def test_a_hash_is_printed_for_the_configuration_file(quiet: Path, terminal: Terminal) -> None:
    stdin = ("user", "hash", "--password-stdin")

    printed = terminal.printed_by(quiet, *stdin, typed=f"{PASSWORD}\r\n")

    assert Passwords().verify(printed.strip(), PASSWORD).is_right


def test_a_key_is_shown_once_listed_and_revoked(quiet: Path, terminal: Terminal) -> None:
    done = run_apart(quiet, "key", "create", "ci", "--role", "editor", "--days", "7")
    assert re.fullmatch(r"scn_\S{80}\n", done.printed)
    said = r"Key KEY_\S{36} expires on \d{4}-\d\d-\d\d\. .* not shown again\.\n"
    assert re.fullmatch(said, done.said)
    key_id = done.said.split()[1]

    listed = terminal.printed_by(quiet, "key", "list")
    assert listed.startswith(f"{key_id} ci: TAIPY_EDITOR, created by (command line), expires on ")
    assert done.printed.strip()[41:] not in listed

    assert terminal.printed_by(quiet, "key", "revoke", "ci") == "Key ci is revoked.\n"
    assert terminal.printed_by(quiet, "key", "list") == ""


def test_a_key_is_revoked_by_its_identifier_or_by_a_name_that_looks_like_one(
    quiet: Path, terminal: Terminal
) -> None:
    settings = settings_in(quiet)
    first, _ = admin.create_key(settings, "first", ["reader"], days=None)
    admin.create_key(settings, "KEY_ring", ["reader"], days=None)

    for name in (first.id, "KEY_ring"):
        terminal.printed_by(quiet, "key", "revoke", name)

    assert admin.list_keys(settings) == []


def test_mistakes_with_keys_are_told_in_one_line(quiet: Path, terminal: Terminal) -> None:
    for said, arguments in (
        ("no key named 'nothing'", ("key", "revoke", "nothing")),
        ("at most 400 days", ("key", "create", "ci", "--days", "401")),
        ("-1 days", ("key", "create", "ci", "--days=-1")),
        ("0 days", ("key", "create", "ci", "--days", "0")),
        ("no role 'root'", ("key", "create", "ci", "-r", "root")),
        ("no blank", ("key", "create", " ci")),
    ):
        assert said in terminal.mistake(quiet, *arguments)


def test_each_new_secret_key_is_another_one(quiet: Path, terminal: Terminal) -> None:
    first, second = (terminal.printed_by(quiet, "secret", "new") for _ in range(2))

    assert first != second
    assert len(SecretKeys.from_setting(first).derive("tokens")) == 1


def test_a_key_that_is_given_is_not_rotated_in_a_file(tmp_path: Path) -> None:
    settings = Settings(
        database=f"sqlite:///{tmp_path}/scenarist.db", secret_key="given-and-long-enough"
    )

    with pytest.raises(InvalidError, match="given by the setting") as refused:
        admin.rotate_secret_key(settings, forget_old=True)

    assert "given-and-long-enough" not in refused.value.message


def test_a_file_that_is_not_there_is_neither_rotated_nor_made(
    tmp_path: Path, terminal: Terminal
) -> None:
    admin.add_user(settings_in(tmp_path), "ines", PASSWORD, ["reader"])

    assert "no file of secret keys" in terminal.mistake(tmp_path, "secret", "rotate")

    assert not (tmp_path / "secret.key").exists()


@pytest.mark.parametrize(
    "command",
    [("user", "list"), ("user", "remove", "ines"), ("key", "list"), ("key", "revoke", "ci")],
)
def test_where_there_is_no_database_none_is_made(
    tmp_path: Path, terminal: Terminal, command: tuple[str, ...]
) -> None:
    assert "there is no database" in terminal.mistake(tmp_path, *command)

    assert list(tmp_path.iterdir()) == []


def test_whoever_has_no_name_on_this_machine_can_use_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)

    admin.add_user(settings_in(tmp_path), "ines", PASSWORD, ["reader"])

    with closing(sqlite3.connect(tmp_path / "scenarist.db")) as connection:
        assert connection.execute("SELECT address FROM audit").fetchall() == [
            ("login number 3999999999",)
        ]


def test_a_user_who_is_added_beside_a_server_can_sign_in_at_once(
    guarded: StartedServer, terminal: Terminal
) -> None:
    assert sign_in(guarded, "newcomer", PASSWORD) == 401

    add = ("user", "add", "newcomer", "--password-stdin")
    terminal.printed_by(guarded.folder, *add, typed=f"{PASSWORD}\n")

    assert sign_in(guarded, "newcomer", PASSWORD) == 201


def test_what_is_taken_away_beside_a_server_is_gone_at_once(
    guarded: StartedServer, terminal: Terminal
) -> None:
    edda = token_of(guarded, "edda")
    path = "/api/v1/sequences/NOTHING"
    assert ask(guarded, edda, "DELETE", path).status_code == 404

    terminal.printed_by(guarded.folder, "user", "roles", "edda", "--role", "reader")
    assert ask(guarded, edda, "DELETE", path).status_code == 403
    passwd = ("user", "passwd", "edda", "--password-stdin")
    terminal.printed_by(guarded.folder, *passwd, typed=f"{PASSWORD}\n")
    assert ask(guarded, edda, "GET", "/api/v1/auth/me").status_code == 401
    terminal.printed_by(guarded.folder, "user", "remove", "edda")

    assert sign_in(guarded, "edda", PASSWORD) == 401


def test_a_key_that_is_made_and_revoked_beside_a_server_counts_at_once(
    guarded: StartedServer, terminal: Terminal
) -> None:
    text = terminal.run(guarded.folder, "key", "create", "beside").printed.strip()
    assert ask(guarded, text, "GET", "/api/v1/sequences").status_code == 200

    terminal.printed_by(guarded.folder, "key", "revoke", "beside")

    assert ask(guarded, text, "GET", "/api/v1/sequences").status_code == 401


def test_a_rotation_beside_a_server_ends_no_session_and_forgetting_ends_all(
    guarded: StartedServer, terminal: Terminal
) -> None:
    old = token_of(guarded, "adam")
    printed = terminal.printed_by(guarded.folder, "secret", "rotate")
    assert printed == "There is a new secret key.\n"

    new = token_of(guarded, "adam")
    assert new.partition(".")[0] != old.partition(".")[0]
    for token in (old, new):
        assert ask(guarded, token, "GET", "/api/v1/auth/me").status_code == 200
    done = run_apart(guarded.folder, "secret", "rotate", "--forget-old")
    assert done == Done("There is a new secret key, and the old ones are removed.\n", "", 0)

    for token in (old, new):
        assert ask(guarded, token, "GET", "/api/v1/auth/me").status_code == 401
    newest = token_of(guarded, "adam")
    assert ask(guarded, newest, "GET", "/api/v1/auth/me").status_code == 200


def test_what_is_sealed_is_sealed_anew_with_the_newest_key(
    guarded: StartedServer, terminal: Terminal
) -> None:
    adam = token_of(guarded, "adam")
    params = {"config_id": "chain"}
    made = ask(guarded, adam, "POST", "/api/v1/scenarios", params=params).json()["scenario"]
    path = f"/api/v1/scenarios/{made['id']}/subscribers"
    for _ in range(2):
        answer = ask(guarded, adam, "POST", path, json={"url": "https://example.com/hooks"})
        assert answer.status_code == 201, answer.text
        terminal.printed_by(guarded.folder, "secret", "rotate", "--forget-old")
        adam = token_of(guarded, "adam")

    seal = SecretCipher(SecretKeys.from_file(guarded.folder / "secret.key"))
    with closing(sqlite3.connect(guarded.folder / "scenarist.db")) as connection:
        sealed = [row[0] for row in connection.execute("SELECT secret FROM subscribers")]
    assert len(sealed) == 2
    assert all(seal.decrypt(secret).startswith("whsec_") for secret in sealed)
    assert not any("whsec_" in secret for secret in sealed)


def test_what_was_done_by_hand_is_in_the_audit_with_who_did_it(
    guarded: StartedServer, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "keeper")
    add = ("user", "add", "traced", "--password-stdin")
    terminal.printed_by(guarded.folder, *add, typed=f"{PASSWORD}\n")

    (entry,) = audit_of(guarded, token_of(guarded, "adam"), entity_id="traced")

    assert (entry["actor"], entry["address"]) == ("(command line)", "login keeper")
    assert entry["operation"] == "user add"
    terminal.printed_by(guarded.folder, "secret", "rotate")
    (entry,) = audit_of(guarded, token_of(guarded, "adam"), operation="secret rotate", limit="1")
    assert (entry["actor"], entry["address"]) == ("(command line)", "login keeper")

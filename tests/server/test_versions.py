"""The version of an application: who says it, and who else is told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from builders import Clock
from scenarist.config import Application, ConfigRegistry
from scenarist.db import servers as server_rows
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Topic
from scenarist.db.servers import ConnectedServer
from scenarist.domain.errors import InvalidError
from scenarist.orchestrator.process_watch import identify_own_process
from scenarist.server.settings import Settings, read_settings
from scenarist.server.versions import VersionMonitor, find_app_version

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit of an application."""
    (tmp_path / "app.py").write_text("x = 1\n")
    (tmp_path / "steps.py").write_text("y = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def version_of(file: Path | str, *, declared: str | None = None, setting: str | None = None) -> str:
    registry = ConfigRegistry()
    if declared is not None:
        registry.configure_core(version_number=declared)
    application = Application(registry, (), name=str(file), file=str(file))
    return find_app_version(application, Settings(app_version=setting))


@needs_git
def test_the_setting_wins_over_the_declaration_and_that_over_the_commit(checkout: Path) -> None:
    app = checkout / "app.py"

    assert version_of(app, declared="2.0", setting="3.0") == "3.0"
    assert version_of(app, declared="2.0") == "2.0"
    assert version_of(app) == git(checkout, "rev-parse", "HEAD")[:12]


@needs_git
@pytest.mark.parametrize("changed", ["app.py", "steps.py"])
def test_a_checkout_with_a_changed_tracked_file_has_no_version(
    checkout: Path, changed: str
) -> None:
    (checkout / changed).write_text("z = 1\n")

    assert version_of(checkout / "app.py") == "latest"


@needs_git
def test_what_git_does_not_track_changes_no_version(checkout: Path) -> None:
    (checkout / ".scenarist").mkdir()
    (checkout / ".scenarist" / "scenarist.db").write_text("rows")

    assert version_of(checkout / "app.py") == git(checkout, "rev-parse", "HEAD")[:12]


@needs_git
def test_an_application_that_git_does_not_track_has_no_version(checkout: Path) -> None:
    (checkout / "installed.py").write_text("x = 1\n")

    assert version_of(checkout / "installed.py") == "latest"


@needs_git
def test_the_checkout_of_a_hook_that_started_the_server_does_not_count(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(checkout / ".git"))
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "app.py"
    elsewhere.write_text("x = 1\n")

    assert version_of(elsewhere) == "latest"


@needs_git
def test_a_repository_without_a_commit_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")

    assert version_of(tmp_path / "app.py") == "latest"


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text("x = 1\n")
    monkeypatch.setenv("PATH", str(tmp_path))

    assert version_of(tmp_path / "app.py") == "latest"


def test_a_declared_version_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RELEASE", "2026.4")

    assert version_of("app.py", declared="ENV[RELEASE]") == "2026.4"


@pytest.mark.parametrize("version", ["", " 1.0", "1.0\n", "x" * 129, "1\x1b[31m"])
def test_a_version_that_is_no_label_is_refused(version: str) -> None:
    with pytest.raises(InvalidError, match=r"app_version .* must have 1 to 128 printable"):
        read_settings({}, {"SCENARIST_APP_VERSION": version}, {})


def test_a_declared_version_that_is_no_label_is_found_by_check() -> None:
    registry = ConfigRegistry()
    registry.configure_core(version_number="1.0\n")

    (problem,) = registry.check(lambda uses: [None] * len(uses))

    assert problem.where.endswith("CORE.version_number")
    assert "must have 1 to 128 printable characters" in problem.message


@pytest.fixture
def monitors(database: Database, clock: Clock) -> tuple[VersionMonitor, VersionMonitor]:
    """Those of two processes with versions 1.0 and 2.0 of an application; a test calls them."""
    return (
        VersionMonitor(database, "1.0", now=clock),
        VersionMonitor(database, "2.0", now=clock),
    )


def test_two_versions_on_one_database_are_told_of_each_other(
    monitors: tuple[VersionMonitor, VersionMonitor],
) -> None:
    old, new = monitors
    old.check()
    new.check()  # it starts as the only one
    alone = new.find_others()
    old.check()  # notified of the start
    new.check()  # notified of the other's answer

    assert alone == []
    assert (old.find_others(), new.find_others()) == (["2.0"], ["1.0"])


def test_a_start_notifies_the_others_and_so_do_their_answers(
    database: Database, monitors: tuple[VersionMonitor, VersionMonitor]
) -> None:
    told: list[Topic] = []
    database.subscribe(frozenset({Topic.SERVERS}), lambda _: told.append(Topic.SERVERS))
    old, new = monitors
    old.check()
    new.check()
    old.check()
    assert len(told) == 3

    new.check()
    old.check()

    assert len(told) == 3  # they do not go on for ever


def test_one_that_stops_is_no_longer_told_of(
    monitors: tuple[VersionMonitor, VersionMonitor],
) -> None:
    old, new = monitors
    for monitor in (old, new, old, new):
        monitor.check()

    old.stop()
    new.check()

    assert new.find_others() == []


def test_one_that_was_killed_is_forgotten_at_the_next_start(
    database: Database, clock: Clock, monitors: tuple[VersionMonitor, VersionMonitor]
) -> None:
    killed, new = monitors
    killed.check()
    new.check()

    assert [server.version for server in server_rows.list_all(database.reader)] == ["2.0"]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are identified only on Linux")
def test_one_whose_process_has_ended_on_this_machine_does_not_count(
    database: Database, clock: Clock
) -> None:
    new = VersionMonitor(database, "2.0", now=clock)
    new.check()
    place, _, started = identify_own_process().rpartition(" ")
    ended = ConnectedServer("killed", "1.0", f"{place} {int(started) + 1}")
    database.write(lambda connection: server_rows.add(connection, ended, clock()))

    new.check()

    assert new.find_others() == []


def test_another_version_is_logged_when_it_is_first_seen(
    monitors: tuple[VersionMonitor, VersionMonitor],
) -> None:
    old, new = monitors

    with capture_logs() as logged:
        for monitor in (old, new, old, new, old, new):
            monitor.check()

    assert [(entry["event"], entry["own"], entry["version"]) for entry in logged] == [
        ("another version of the application is connected to this database", "1.0", "2.0"),
        ("another version of the application is connected to this database", "2.0", "1.0"),
    ]


def test_servers_of_the_same_version_are_not_worth_a_word(database: Database, clock: Clock) -> None:
    first, second = (VersionMonitor(database, "1.0", now=clock) for _ in range(2))

    with capture_logs() as logged:
        for monitor in (first, second, first, second):
            monitor.check()

    assert (first.find_others(), second.find_others(), logged) == ([], [], [])

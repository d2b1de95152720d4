"""The version of the application, and the versions that other processes of the database have."""

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import structlog

from scenarist.config import Application, resolve
from scenarist.db import servers as server_rows
from scenarist.db.engine import Database
from scenarist.db.notify.notifications import Notification, Topic
from scenarist.db.servers import ConnectedServer
from scenarist.domain.errors import UnavailableError
from scenarist.orchestrator.process_watch import identify_own_process, is_gone
from scenarist.server.settings import Settings
from scenarist.system.background import BackgroundLoop

DEFAULT_VERSION = "latest"
"""The version of an application that has none."""

_COMMIT = re.compile(r"^# branch\.oid ([0-9a-f]{12})", re.MULTILINE)
_GIT_SECONDS = 5.0  # for each call of git
_GIT_VARIABLES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"})
_RETRY_SECONDS = 1.0

_log = structlog.get_logger(__name__)


def find_app_version(application: Application, settings: Settings) -> str:
    """Return the version of an application.

    It is that of the setting `app_version`, else the `version_number` that is declared, else the
    commit of the git checkout that the application is part of, if no tracked file has changed, else
    `DEFAULT_VERSION`.

    Raises:
        InvalidError: The declared version refers to an environment variable that is not set.
    """
    declared = settings.app_version or resolve(application.registry.core.version_number)
    if declared:
        return str(declared)
    return _find_commit(application.file or application.name) or DEFAULT_VERSION


class VersionMonitor:
    """Tells which other versions of the application are connected to the database.

    Each process has a row. One that starts deletes the rows of all others, and those that still run
    add theirs again when they are notified, so a process that was killed leaves none for long.
    Each process logs a version other than its own when it first sees it.
    """

    def __init__(self, database: Database, version: str, *, now: Callable[[], datetime]) -> None:
        self.version = version
        self._database = database
        self._now = now
        self._own = ConnectedServer(str(uuid4()), version, identify_own_process())
        self._others: Sequence[ConnectedServer] = ()
        self._logged: set[str] = set()
        self._is_started = False
        self._loop = BackgroundLoop("versions", self.check, on_error=self._log_failure)

    def find_others(self) -> list[str]:
        """Return the versions of other processes that differ from that of this process, sorted."""
        return sorted(
            {server.version for server in self._others if not is_gone(server.process)}
            - {self.version}
        )

    def start(self) -> None:
        """Register this process, and watch for others until `stop` is called."""
        self._database.subscribe(frozenset({Topic.SERVERS}), self._on_commit)
        self._loop.start()

    def stop(self) -> None:
        self._loop.stop()
        try:
            self._database.write(lambda connection: server_rows.remove(connection, self._own.id))
        except UnavailableError as error:
            _log.warning("this server stays registered", reason=error.message)

    def check(self) -> None:
        """Register this process if it is not, and find the others; called by its thread."""
        if not self._is_started:
            self._database.write(
                lambda connection: server_rows.replace_all(connection, self._own, self._now())
            )
            self._is_started = True
        found = server_rows.list_all(self._database.reader)
        if all(server.id != self._own.id for server in found):
            self._database.write(
                lambda connection: server_rows.add(connection, self._own, self._now())
            )
        self._others = [server for server in found if server.id != self._own.id]
        others = set(self.find_others())
        for version in sorted(others - self._logged):
            _log.warning(
                "another version of the application is connected to this database",
                version=version,
                own=self.version,
            )
        self._logged = others

    def _on_commit(self, notification: Notification) -> None:
        self._loop.wake()

    def _log_failure(self, error: Exception) -> float:
        if isinstance(error, UnavailableError):
            _log.warning("versions of other servers are not known", reason=error.message)
        else:
            _log.exception("versions of other servers are not known")
        return _RETRY_SECONDS


def _find_commit(file: str) -> str | None:
    """Return the commit of a tracked file, if nothing that is tracked beside it has changed."""
    path = Path(file)
    if not path.is_file():
        return None
    if _run_git(path, "ls-files", "--error-unmatch", "--", path.name) is None:
        return None
    status = _run_git(path, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or ""
    is_clean = all(line.startswith("#") for line in status.splitlines())
    commit = _COMMIT.search(status)
    return commit[1] if is_clean and commit is not None else None


def _run_git(path: Path, *arguments: str) -> str | None:
    """Return the output of a git command in the folder of a file; None if it fails."""
    environment = {key: os.environ[key] for key in os.environ if key not in _GIT_VARIABLES}
    try:
        done = subprocess.run(  # noqa: S603 - arguments of our own
            ["git", *arguments],  # noqa: S607 - the one that the user has
            cwd=path.parent,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return done.stdout if done.returncode == 0 else None

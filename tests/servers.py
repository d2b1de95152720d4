"""Starts real servers in processes of their own."""

import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

import empty_databases
from warm_starts import WarmProcess

TESTS = Path(__file__).parent
PATIENCE_SECONDS = 30


class StartedServer:
    """A server process on a free port, with its storage in a folder.

    Args:
        database: The URL of its database; a file in the folder, when it is not said, which is
            there already with no rows: making the tables is a third of the work of a start.
        storage: Where values go; a folder in the folder, when it is not said.
        command: What it does: `serve`, or `orchestrate`, which has no address.
        umask: That of the process; the one of these tests, if not given.
    """

    def __init__(
        self,
        folder: Path,
        app: str = "workshop.py",
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        database: str | None = None,
        storage: str | None = None,
        command: str = "serve",
        umask: int | None = None,
    ) -> None:
        self.folder = folder
        if database is None:
            empty_databases.copy_to(folder / "scenarist.db")
        self._environment = dict(environment or {})
        self.database = database or f"sqlite:///{folder}/scenarist.db"
        self._storage = storage or f"{folder}/data"
        self._app = str(TESTS / "apps" / app) if app.endswith(".py") else app
        self._options = options
        self._command = command
        self._umask = umask
        self.lines: list[dict[str, Any]] = []
        self.http = httpx.Client(timeout=PATIENCE_SECONDS)
        self.start()

    def start(self, port: int = 0) -> None:
        """Start a server on the same folder, after `kill` or `stop`; on any free port with 0."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "SCENARIST_APP_VERSION": "latest",  # else the commit of these tests, when it is clean
            **self._environment,
        }
        self.process = WarmProcess(
            [
                self._command,
                self._app,
                "--workers=2",
                "--log-format=json",
                f"--database={self.database}",
                f"--storage={self._storage}",
                *([f"--port={port}"] if self._command == "serve" else []),
                *self._options,
            ],
            folder=self.folder,
            environment=environment,
            umask=self._umask,
        )
        self.address = self._read_address()
        # Nobody else reads what it logs, and a full pipe would stop it.
        self._drain = threading.Thread(target=self._keep_lines, daemon=True)
        self._drain.start()
        self.http.base_url = httpx.URL(self.address)

    def _read_address(self) -> str:
        text = ""
        for line in self.process.stderr:
            text += line
            if line.startswith("{"):
                event = json.loads(line)
                self.lines.append(event)
                if event.get("event") in {"serving", "orchestrating"}:
                    return str(event.get("address", ""))
        raise AssertionError(f"the server did not start: {text}")

    def _keep_lines(self) -> None:
        for line in self.process.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"event": line})

    def kill(self) -> None:
        """End it as a power cut would; requests under way get no answer."""
        self.process.kill()
        self.process.wait()
        self._hang_up()

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        self._hang_up()
        return code

    def _hang_up(self) -> None:
        self._drain.join()
        self.process.stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        elif not self.process.stderr.closed:
            self._hang_up()  # it ended by itself
        self.http.close()

    def create(self, config_id: str) -> dict[str, Any]:
        """Create a scenario; its tasks and data nodes by config id come with it."""
        response = self.http.post(f"/api/v1/scenarios?config_id={config_id}")
        assert response.status_code == 201, response.text
        scenario: dict[str, Any] = response.json()["scenario"]
        for kind, plural in (("tasks", "task_of"), ("datanodes", "node_of")):
            listed = self.http.get(f"/api/v1/{kind}?scenario_id={scenario['id']}").json()
            scenario[plural] = {item["config_id"]: item["id"] for item in listed["results"]}
        return scenario

    def submit(self, sequence_id: str, wait: int = PATIENCE_SECONDS) -> dict[str, Any]:
        """Submit a sequence and return its submission once it has ended."""
        response = self.http.post(
            f"/api/v1/sequences/submit/{sequence_id}",
            headers={"Prefer": f"return=representation, wait={wait}"},
        )
        assert response.status_code == 200, response.text
        submission: dict[str, Any] = response.json()["submission"]
        return submission

    def jobs(self, submission: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.http.get(f"/api/v1/jobs?submission_id={submission['id']}").json()
        results: list[dict[str, Any]] = found["results"]
        return results

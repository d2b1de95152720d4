"""Servers in processes of their own, on a free port of the loopback."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

APPS = Path(__file__).parent / "apps"
_PATIENCE_SECONDS = 60


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Let processes that are started meanwhile run on one core only; None changes nothing."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def wait_until(is_so: Callable[[], bool], *, what: str, seconds: float, every: float) -> None:
    """Look again and again until something is so.

    Raises:
        TimeoutError: It was not so in time.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {seconds:g} s")
        time.sleep(every)


class Server:
    """A server process and the children it starts; all are gone after the ``with`` block."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str],
        address: str | None = None,
        core: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._log = folder / "server.log"
        with self._log.open("wb") as log, pinned(core):
            self.process = psutil.Popen(
                command,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.address = address or self._logged_address()
            self.http = httpx.Client(
                base_url=f"{self.address}/api/v1", timeout=_PATIENCE_SECONDS, headers=headers
            )
            self._wait_for_answer()
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.stop()

    def stop(self) -> None:
        """Ask it to end; what is left of it and its children after that is killed."""
        family = self._family()
        if self.process.is_running():
            self.process.send_signal(signal.SIGTERM)
            psutil.wait_procs([self.process], 15)
        _kill_all(family)

    def kill(self) -> None:
        """End it as a power cut would: the children too."""
        _kill_all(self._family())

    def _family(self) -> list[psutil.Process]:
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return [self.process]

    def processor_seconds(self) -> float:
        """Return the processor time that the server itself has used, without its workers."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def family_seconds(self) -> float:
        """Return the processor time that the server and its children have used."""
        times = [member.cpu_times() for member in self._family()]
        return float(sum(time.user + time.system for time in times))

    def post(self, path: str, **options: Any) -> Any:
        return self.http.post(path, **options).raise_for_status()

    def list(self, path: str) -> list[dict[str, Any]]:
        """Return a list, be it in an envelope or bare."""
        answer = self.http.get(path).raise_for_status().json()
        results: list[dict[str, Any]] = answer["results"] if isinstance(answer, dict) else answer
        return results

    def create(self, config_id: str) -> str:
        """Create a scenario and return its identifier."""
        created = self.post(f"/scenarios/?config_id={config_id}").json()
        return str(created["scenario"]["id"])

    def create_sequence_of(self, config_id: str) -> str:
        """Create a scenario and return the identifier of its only sequence."""
        scenario_id = self.create(config_id)
        return str(self.list(f"/sequences?scenario_id={scenario_id}")[0]["id"])

    def _logged_address(self) -> str:
        found: list[str] = []

        def is_serving() -> bool:
            self._refuse_ended()
            lines = self._log.read_text().splitlines()
            events = [json.loads(line) for line in lines if line.startswith("{")]
            found.extend(event["address"] for event in events if event["event"] == "serving")
            return bool(found)

        wait_until(is_serving, what="the start of the server", seconds=60, every=0.01)
        return found[0]

    def _wait_for_answer(self) -> None:
        def answers() -> bool:
            self._refuse_ended()
            try:
                return self.http.get("/tasks/").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers, what="the first answer", seconds=60, every=0.05)

    def _refuse_ended(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self._log.read_text()[-2000:]}")


def _kill_all(family: Sequence[psutil.Process]) -> None:
    for member in family:
        # Not a process that has been given the same number since.
        if member.is_running():
            with suppress(psutil.NoSuchProcess):
                member.kill()
    psutil.wait_procs(family, 10)


def scenarist(
    folder: Path,
    *,
    core: int | None = None,
    database: str | None = None,
    options: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    app: Path = APPS / "workload.py",
) -> Server:
    """Start Scenarist with two workers; its database is in the folder, unless it is named.

    Args:
        headers: What each request of the returned server's own client brings along.
        wrapper: A command that runs it.
    """
    return Server(
        [
            *wrapper,
            sys.executable,
            "-m",
            "scenarist",
            "serve",
            str(app),
            "--port=0",
            "--workers=2",
            "--log-format=json",
            f"--database={database or f'sqlite:///{folder}/scenarist.db'}",
            f"--storage={folder}/data",
            *options,
        ],
        folder,
        environment=environment or {},
        core=core,
        headers=headers,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

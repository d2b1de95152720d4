"""Promise 1 at every commit: what breaks there loses nothing that was acknowledged."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from scenarist.db.engine import Database
from servers import StartedServer

pytestmark = pytest.mark.e2e

COMMITS_OF_AN_ERRAND = 4
"""Of making a scenario, of submitting two tasks in a row, and of the beginning and end of each."""


@dataclass
class Errand:
    """A scenario that is made and submitted, as far as a client knows."""

    key: str
    acknowledged: list[str] = field(default_factory=list)  #: paths that were answered with

    def run(self, server: StartedServer) -> bool:
        """Do it; return whether the server lived to the end."""
        try:
            scenario = server.http.post("/api/v1/scenarios?config_id=chain").raise_for_status()
            self.acknowledged.append(scenario.headers["location"])
            sequence = scenario.json()["scenario"]["sequences"]["all of it"]["id"]
            self._submit(server, f"/api/v1/sequences/submit/{sequence}")
        except httpx.TransportError:
            return False
        return True

    def _submit(self, server: StartedServer, where: str) -> None:
        headers = {"Idempotency-Key": self.key}
        submitted = server.http.post(where, headers=headers).raise_for_status()
        self.acknowledged.append(submitted.headers["location"])
        self._follow(server)

    def _follow(self, server: StartedServer) -> dict[str, Any]:
        answer = server.http.get(self.acknowledged[1], headers={"Prefer": "wait=30"})
        submission: dict[str, Any] = answer.raise_for_status().json()["submission"]
        return submission

    def look_after(self, server: StartedServer) -> None:
        """See on a new server that all which was acknowledged is there, and goes on to its end."""
        for where in self.acknowledged:
            assert server.http.get(where).status_code == 200
        if len(self.acknowledged) == 1:
            scenario = server.http.get(self.acknowledged[0]).json()["scenario"]
            sequence = scenario["sequences"]["all of it"]["id"]
            self._submit(server, f"/api/v1/sequences/submit/{sequence}")
        if len(self.acknowledged) == 2:
            assert self._follow(server)["job_counts"] == {"COMPLETED": 2}


@pytest.mark.timeout(300)  # some twenty servers are started, one after the other
def test_nothing_is_lost_whichever_commit_the_server_dies_at(
    tmp_path: Path, database_url: str
) -> None:
    armed = tmp_path / "armed"
    errands: list[Errand] = []
    lived = [False]
    for point in (f"{when} {n}" for n in itertools.count(1) for when in ("before", "after")):
        armed.unlink(missing_ok=True)
        with StartedServer(
            tmp_path, app="mortal.py", environment={"DIE_AT": point}, database=database_url
        ) as server:
            if errands:
                errands[-1].look_after(server)
            errands.append(Errand(key=point))
            armed.touch()
            lived.append(errands[-1].run(server))
        if lived[-2:] == [True, True]:  # both before and after a commit that there is no more
            break

    assert lived.count(False) - 1 >= 2 * COMMITS_OF_AN_ERRAND
    with Database(database_url) as database:
        counts = database.reader.execute(
            text(
                "SELECT (SELECT count(*) FROM jobs WHERE status <> 'COMPLETED'),"
                " (SELECT count(*) FROM job_holds), (SELECT count(*) FROM job_waits),"
                " (SELECT count(job_id) - count(DISTINCT job_id) FROM edits)"
            )
        ).one()
    assert tuple(counts) == (0, 0, 0, 0)


@pytest.mark.timeout(120)
def test_a_full_disk_costs_the_request_and_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    environment = {"LARGEST_FILE": str(3 * 1024 * 1024)}
    acknowledged = []
    with StartedServer(tmp_path, app="mortal.py", environment=environment) as server:
        answer = server.http.post("/api/v1/scenarios?config_id=chain")
        while answer.status_code == 201:
            acknowledged.append(answer.headers["location"])
            answer = server.http.post("/api/v1/scenarios?config_id=chain")

        assert answer.status_code == 503
        assert "nothing was changed" in answer.json()["detail"]
        assert server.http.get("/healthz").status_code == 200

    with StartedServer(tmp_path) as server:
        for where in acknowledged:
            assert server.http.get(where).status_code == 200
        scenario = server.create("chain")
        submission = server.submit(scenario["sequences"]["all of it"]["id"])
        assert submission["status"] == "COMPLETED"

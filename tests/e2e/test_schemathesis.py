"""What Schemathesis finds between the description of the API and a started server: nothing."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, StopReason, from_schema
from schemathesis.engine.events import EngineFinished, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.run import PhaseName

from scenarist.server import admin
from scenarist.server.settings import Settings
from servers import StartedServer
from signed_in import bearer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

# Requests for each operation, and walks along the links, on top of the examples and of each limit
# of each parameter. What is on PostgreSQL only is found by the limits.
EXAMPLES = {"sqlite": 10, "postgresql": 1}
PHASES = {
    PhaseName.EXAMPLES,
    PhaseName.COVERAGE,
    PhaseName.FUZZING,
    PhaseName.STATEFUL_TESTING,
}
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "5xx"]
# A request may fit its description and still be refused, for what a schema cannot say.
BEYOND_A_SCHEMA = {
    "createScenario": "the config is named in one place, or in two that agree",
    "changeScenario": "a tag is printable",
    "createSequence": "the tasks are connected ones of the scenario",
    "changeSequence": "the tasks are connected ones of the scenario",
    "createCycle": "dates are there, and in order",
    "compareScenarios": "the scenarios are of one config, which has comparators",
    "compareSideBySide": "the scenarios are several, and the base is one of them",
    "createScenarioSubscriber": "the address is one that may be called",
    "createSequenceSubscriber": "the address is one that may be called",
    "readDataNode": "the value is a table where rows or columns are chosen",
    "writeDataNode": "the value fits the storage",
    "appendToDataNode": "the value fits the storage",
    "uploadDataNode": "the file is one of the storage",
    "createKey": "the key expires within 400 days",
}
# Parameters whose words only the server knows.
OPAQUE = {"cursor", "sort", "where", "after", "Last-Event-ID"}
# Texts of which people read each character.
PRINTABLE = {"name", "sequence_name", "comment", "editor_id"}

CONFIGURATION: dict[str, Any] = {
    "seed": 20261123,
    "continue-on-failure": True,
    "checks": {"enabled": True, "positive_data_acceptance": {"expected-statuses": ACCEPTED}},
    "generation": {"deterministic": True, "database": "none"},
    "operations": [
        # An endless stream: what comes at once is looked at.
        {
            "include-operation-id": "followEvents",
            "request-timeout": 0.3,
            "generation": {"max-examples": 3},
        },
    ]
    + [
        {
            "include-operation-id": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": ["400", *ACCEPTED]}},
        }
        for name in BEYOND_A_SCHEMA
    ],
}


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[StartedServer]:
    """A server with a scenario, and jobs that have run, that asks who asks."""
    settings = Settings(database=database_url)
    _, key = admin.create_key(settings, "schemathesis", ["admin"], days=1)
    options = ["--auth=local"]
    with StartedServer(tmp_path, options=options, database=database_url) as started:
        started.http.headers.update(bearer(key))
        started.submit(started.create("chain")["sequences"]["half"]["id"])
        yield started


def test_what_is_served_is_what_is_described(server: StartedServer) -> None:
    faults: dict[str, str] = {}
    phases = set()
    reason = None

    for event in from_schema(api_of(server)).execute():
        if isinstance(event, ScenarioFinished):
            phases.add(event.phase)
            faults = faults_of(event) | faults
        elif isinstance(event, NonFatalError | FatalError):
            faults[str(event)] = ""
        elif isinstance(event, EngineFinished):
            reason = event.stop_reason

    assert not faults, "\n\n".join(f"{fault}\n{example}" for fault, example in faults.items())
    assert phases == PHASES
    assert reason is StopReason.COMPLETED
    assert [line for line in server.lines if line.get("level") == "error"] == []


def api_of(server: StartedServer) -> Any:
    header = server.http.headers["Authorization"]
    scheme = {"bearer": header.removeprefix("Bearer ")}
    examples = EXAMPLES[server.database.partition(":")[0]]
    config = schemathesis.Config.from_dict(
        {
            **CONFIGURATION,
            "generation": {**CONFIGURATION["generation"], "max-examples": examples},
            "auth": {"openapi": {"bearer": scheme}},
        }
    )
    api = schemathesis.openapi.from_url(
        f"{server.address}/schema/openapi.json", config=config, headers={"Authorization": header}
    )

    @api.hook
    def map_case(context: Any, case: Any) -> Any:
        if case.meta.generation.mode.is_positive:
            for fields in (case.query, case.headers, case.body):
                if isinstance(fields, MutableMapping):
                    make_acceptable(fields)
        return case

    return api


def make_acceptable(fields: MutableMapping[str, Any]) -> None:
    """Keep what a schema cannot say, in a request that is to be accepted."""
    for name in OPAQUE:
        fields.pop(name, None)
    for name in PRINTABLE & set(fields):
        if isinstance(fields[name], str):
            letters = (letter if letter.isprintable() else "a" for letter in fields[name])
            fields[name] = "".join(letters)
    if isinstance(fields.get("priority"), float):
        # For JSON Schema 5.0 is an integer, for msgspec it is not.
        fields["priority"] = int(fields["priority"])


def faults_of(event: ScenarioFinished) -> dict[str, str]:
    """Return what went wrong, each with the request that shows it and its answer."""
    return {
        f"{event.recorder.label}: {check.name}\n{check.failure_info.failure}": (
            f"{check.failure_info.code_sample}\n{answer_of(event, case_id)}"
        )
        for case_id, checks in event.recorder.checks.items()
        for check in checks
        if check.status is Status.FAILURE and check.failure_info is not None
    }


def answer_of(event: ScenarioFinished, case_id: str) -> str:
    response = event.recorder.interactions[case_id].response
    return "no answer" if response is None else f"{response.status_code} {response.text[:500]}"

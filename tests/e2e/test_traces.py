"""One trace holds a request and the jobs that it made, across all processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otlp_receiver import ERROR, ReceivedSpan, TraceReceiver
from servers import TESTS, StartedServer

pytestmark = pytest.mark.e2e

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.fixture
def receiver() -> Iterator[TraceReceiver]:
    with TraceReceiver() as started:
        yield started


def started(folder: Path, receiver: TraceReceiver) -> StartedServer:
    return StartedServer(folder, environment=receiver.environment)


def submit(server: StartedServer, config_id: str, *, flags: str = "01") -> None:
    sequence = server.create(config_id)["sequences"]["all"]["id"]
    answer = server.http.post(
        f"/api/v1/sequences/submit/{sequence}?",
        headers={"Prefer": "wait=30", "traceparent": f"00-{TRACE}-{SPAN}-{flags}"},
    )
    assert answer.status_code == 204


def only(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = (span for span in spans if span.name == name)
    return found


def test_the_trace_of_a_client_holds_its_request_the_job_and_what_the_task_traces(
    tmp_path: Path, receiver: TraceReceiver
) -> None:
    with started(tmp_path, receiver) as server:
        submit(server, "traced")
        server_process = server.process.pid
        server.stop()

    spans = [span for span in receiver.spans if span.trace_id == TRACE]
    request = only(spans, "POST /api/v1/sequences/submit/{sequence_id}")
    submitted = only(spans, "submit")
    job = only(spans, "job traces")
    wait = only(spans, "wait for claim")
    run = only(spans, "run pipelines:trace_itself")
    own = only(spans, "of the task")
    assert [span.parent_id for span in (request, submitted, job, wait, run, own)] == [
        SPAN,
        request.id,
        submitted.id,
        job.id,
        job.id,
        run.id,
    ]
    assert len(spans) == 6
    processes = [span.resource["process.pid"] for span in (request, job, run, own)]
    assert processes[:2] == [server_process] * 2
    assert processes[2] == processes[3] != server_process
    assert job.begun == wait.begun <= wait.ended <= run.begun <= own.begun
    assert own.ended <= run.ended <= job.ended
    assert (
        job.attributes["scenarist.submission_id"] == submitted.attributes["scenarist.submission_id"]
    )
    assert job.attributes["scenarist.ending"] == "COMPLETED"
    assert request.attributes["http.response.status_code"] == 204
    assert {span.resource["service.name"] for span in spans} == {"scenarist"}


def test_the_trace_goes_on_where_the_server_that_accepts_traces_nothing(
    tmp_path: Path, receiver: TraceReceiver
) -> None:
    with (
        StartedServer(tmp_path, options=["--no-orchestrator"]) as server,
        StartedServer(
            tmp_path, command="orchestrate", environment=receiver.environment
        ) as orchestrator,
    ):
        submit(server, "traced")
        orchestrator_process = orchestrator.process.pid
        orchestrator.stop()

    job = only(receiver.spans, "job traces")
    run = only(receiver.spans, "run pipelines:trace_itself")
    assert (job.trace_id, job.parent_id, run.parent_id) == (TRACE, SPAN, job.id)
    assert job.resource["process.pid"] == orchestrator_process
    assert [span for span in receiver.spans if span.trace_id != TRACE] == []


def test_what_a_worker_does_for_a_request_is_in_its_trace(
    tmp_path: Path, receiver: TraceReceiver
) -> None:
    with started(tmp_path, receiver) as server:
        rated = [server.create("rated") for _ in range(2)]
        for scenario in rated:
            given = f"/api/v1/datanodes/{scenario['node_of']['given']}/write"
            server.http.put(given, json=1).raise_for_status()
            server.submit(scenario["sequences"]["scoring"]["id"])
        first, second = (scenario["id"] for scenario in rated)
        compared = server.http.post(
            "/api/v1/scenarios/compare",
            json={"scenario_ids": [first, second], "data_node_config_ids": ["scored"]},
        )
        server.stop()

    assert compared.status_code == 200, compared.text
    request = only(receiver.spans, "POST /api/v1/scenarios/compare")
    runs = [span for span in receiver.spans if span.trace_id == request.trace_id]
    assert {span.parent_id for span in runs if span.name.startswith("run ")} == {request.id}


def test_a_job_that_goes_wrong_is_marked_and_no_span_has_what_was_said(
    tmp_path: Path, receiver: TraceReceiver
) -> None:
    with started(tmp_path, receiver) as server:
        submit(server, "broken")
        server.http.get(
            "/api/v1/jobs?access_token=sesame", headers={"Authorization": "Bearer sesame"}
        )
        server.stop()

    job = only(receiver.spans, "job breaks")
    run = only(receiver.spans, "run pipelines:fail")
    assert (job.status, run.status) == (ERROR, ERROR)
    assert job.attributes["scenarist.ending"] == "FAILED"
    assert only(receiver.spans, "GET /api/v1/jobs").status != ERROR
    assert b"sesame" not in receiver.sent
    assert b"no luck" not in receiver.sent


def test_what_a_client_does_not_sample_is_not_sent(tmp_path: Path, receiver: TraceReceiver) -> None:
    with started(tmp_path, receiver) as server:
        submit(server, "traced", flags="00")
        server.stop()

    assert [span.name for span in receiver.spans if span.trace_id == TRACE] == []


def test_a_request_and_its_jobs_have_a_trace_of_their_own_and_the_log_names_it(
    tmp_path: Path, receiver: TraceReceiver
) -> None:
    with started(tmp_path, receiver) as server:
        server.submit(server.create("traced")["sequences"]["all"]["id"])
        server.http.get("/healthz")
        server.stop()

    (line,) = (line for line in server.lines if line["event"] == "submitted")
    job = only(receiver.spans, "job traces")
    assert job.trace_id == line["trace_id"]
    assert [span for span in receiver.spans if "healthz" in span.name] == []


def test_without_an_exporter_no_process_imports_opentelemetry(tmp_path: Path) -> None:
    with StartedServer(tmp_path) as server:
        traced = server.create("traced")
        server.submit(traced["sequences"]["look"]["id"])
        knows = server.http.get(f"/api/v1/datanodes/{traced['node_of']['knows']}/read").json()
    code = """
import sys
from scenarist.observability import tracing
tracing.start()
print("opentelemetry" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert knows == {"data": False}
    assert done.stdout == "False\n"


def test_a_collector_that_is_not_there_keeps_nothing_from_running(tmp_path: Path) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with StartedServer(tmp_path, environment=nowhere) as server:
        ended = server.submit(server.create("speaking")["sequences"]["all"]["id"])
        code = server.stop()

    assert ended["status"] == "COMPLETED"
    assert code == 0


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("OTEL_TRACES_EXPORTER", "carrier_pigeon", "carrier_pigeon"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke/signals", "smoke/signals"),
    ],
)
def test_an_exporter_that_is_not_there_is_said_at_the_start(
    tmp_path: Path, receiver: TraceReceiver, variable: str, value: str, named: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scenarist", "serve", str(TESTS / "apps" / "workshop.py")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS), **receiver.environment, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"scenarist: there is no OpenTelemetry exporter {named!r}; install its package, "
        "or change OTEL_TRACES_EXPORTER or OTEL_EXPORTER_OTLP_PROTOCOL\n"
    )

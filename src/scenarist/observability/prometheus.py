"""Metric families for Prometheus; docs/operations.md has the same names and help texts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from scenarist.observability.metrics import (
    Backlog,
    DatabaseMetrics,
    Histogram,
    OrchestratorMetrics,
    ProcessMetrics,
)


def iter_database_metrics(backlog: Backlog) -> Iterator[Metric]:
    """Yield the metrics of the database, which are the same on each of its servers."""
    jobs = GaugeMetricFamily(
        "scenarist_jobs", "Unfinished jobs in the database, by status.", labels=["status"]
    )
    for status, count in backlog.jobs.items():
        jobs.add_metric([status], count)
    yield jobs
    yield GaugeMetricFamily(
        "scenarist_pending_job_age_seconds",
        "How long the next runnable job in the database has waited; 0 if there is none.",
        value=backlog.next_job_wait_seconds,
    )
    yield GaugeMetricFamily(
        "scenarist_submissions_under_way",
        "Unfinished submissions in the database.",
        value=backlog.submissions,
    )
    yield GaugeMetricFamily(
        "scenarist_orchestrators",
        "Orchestrators registered in the database; some may have ended without notice.",
        value=backlog.orchestrators,
    )
    yield GaugeMetricFamily(
        "scenarist_webhook_deliveries",
        "Webhook messages in the database that have not been delivered.",
        value=backlog.deliveries,
    )


def iter_process_metrics(metrics: ProcessMetrics, *, is_orchestrating: bool) -> Iterator[Metric]:
    """Yield the metrics of one process: what it has done since its start, and what it is doing."""
    yield from _iter_commit_metrics(metrics.database)
    yield from _iter_job_metrics(metrics.orchestrator.metrics)
    yield GaugeMetricFamily(
        "scenarist_orchestrator_up",
        "1 while this process claims jobs.",
        value=float(is_orchestrating),
    )
    yield GaugeMetricFamily(
        "scenarist_executor_slots",
        "Number of jobs that the executor of this process can run at the same time.",
        value=metrics.orchestrator.slots,
    )
    yield GaugeMetricFamily(
        "scenarist_executor_jobs",
        "Jobs that this process has sent to its executor and that have not come back.",
        value=metrics.orchestrator.running,
    )
    yield GaugeMetricFamily(
        "scenarist_event_streams",
        "Clients that follow events on this process.",
        value=metrics.notifier.listener_count,
    )


def build_histogram(
    name: str,
    help_text: str,
    series: Mapping[tuple[str, ...], Histogram],
    *,
    labels: Sequence[str] = (),
) -> Metric:
    family = HistogramMetricFamily(name, help_text, labels=labels)
    for values, histogram in series.items():
        bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(histogram.counts), strict=True))
        family.add_metric(values, buckets, histogram.seconds)
    return family


def _iter_commit_metrics(metrics: DatabaseMetrics) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "scenarist_database_commits",
        "Transactions committed by this process.",
        value=metrics.commits,
    )
    yield CounterMetricFamily(
        "scenarist_database_writes",
        "Writes in the transactions committed by this process; one transaction can have several.",
        value=metrics.writes,
    )
    yield GaugeMetricFamily(
        "scenarist_database_write_wait_seconds",
        "How long the oldest write of this process has waited; 0 if none is in progress.",
        value=metrics.write_wait_seconds(),
    )
    yield build_histogram(
        "scenarist_database_turn_seconds",
        "Time until a transaction of this process could write, as only one writes at a time.",
        {(): metrics.write_lock_waits},
    )
    yield build_histogram(
        "scenarist_database_commit_seconds",
        "Duration of the commits of this process, without the writes, with the sync to disk.",
        {(): metrics.commit_durations},
    )


def _iter_job_metrics(metrics: OrchestratorMetrics) -> Iterator[Metric]:
    yield build_histogram(
        "scenarist_job_claim_seconds",
        "Time from when a job could run to its claim by this process.",
        {(): metrics.claim_delays},
    )
    yield build_histogram(
        "scenarist_job_hand_over_seconds",
        "Time from the claim of a job by this process to its start in a worker.",
        {(): metrics.start_delays},
    )
    yield build_histogram(
        "scenarist_job_run_seconds",
        "Run time of job attempts for this process, including reading and writing of values.",
        {(): metrics.run_durations},
    )
    attempts = CounterMetricFamily(
        "scenarist_job_attempts",
        "Job attempts recorded by this process, by task config and ending.",
        labels=["task", "ending"],
    )
    for (task, ending), count in list(metrics.attempts.items()):
        attempts.add_metric([task, ending], count)
    yield attempts
    yield CounterMetricFamily(
        "scenarist_failed_steps",
        "Steps of the orchestrator of this process whose transaction failed.",
        value=metrics.failed_steps,
    )
    seconds = CounterMetricFamily(
        "scenarist_task_run_seconds",
        "Run time of job attempts for this process, by task config.",
        labels=["task"],
    )
    for task, total in list(metrics.run_seconds.items()):
        seconds.add_metric([task], total)
    yield seconds

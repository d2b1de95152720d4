"""What figures are called for Prometheus: docs/operations.md has the same names and words."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from scenarist.domain.figures import DatabaseFigures, JobFigures, ProcessFigures, Times
from scenarist.services.health import Work


def of_work(work: Work) -> Iterator[Metric]:
    """Yield what is the same whichever server of a database is asked."""
    jobs = GaugeMetricFamily(
        "scenarist_jobs", "Jobs in the database that have not ended, by status.", labels=["status"]
    )
    for status, count in work.jobs.items():
        jobs.add_metric([status], count)
    yield jobs
    yield GaugeMetricFamily(
        "scenarist_pending_job_age_seconds",
        "How long the job in the database that is claimed next has waited; 0 when no job may run.",
        value=work.first_waits_seconds,
    )
    yield GaugeMetricFamily(
        "scenarist_submissions_under_way",
        "Submissions in the database that have not ended.",
        value=work.submissions,
    )
    yield GaugeMetricFamily(
        "scenarist_orchestrators",
        "Orchestrators in the database that take up jobs, as far as is known.",
        value=work.orchestrators,
    )
    yield GaugeMetricFamily(
        "scenarist_webhook_deliveries",
        "Messages of webhooks in the database that have not arrived.",
        value=work.deliveries,
    )


def of_process(figures: ProcessFigures, *, is_orchestrating: bool) -> Iterator[Metric]:
    """Yield what one process has done since its start, and does now."""
    yield from _of_database(figures.database)
    yield from _of_jobs(figures.orchestrator.figures)
    yield GaugeMetricFamily(
        "scenarist_orchestrator_up",
        "1 while this process takes up jobs.",
        value=float(is_orchestrating),
    )
    yield GaugeMetricFamily(
        "scenarist_executor_slots",
        "Jobs that the executor of this process can run at the same time.",
        value=figures.orchestrator.slots,
    )
    yield GaugeMetricFamily(
        "scenarist_executor_jobs",
        "Jobs that this process has handed to its executor and that have not come back.",
        value=figures.orchestrator.running,
    )
    yield GaugeMetricFamily(
        "scenarist_event_streams",
        "Clients that follow the events from this process.",
        value=figures.news.listeners,
    )


def histogram(
    name: str,
    sentence: str,
    series: Mapping[tuple[str, ...], Times],
    *,
    labels: Sequence[str] = (),
) -> Metric:
    family = HistogramMetricFamily(name, sentence, labels=labels)
    for values, times in series.items():
        bounds = [*(str(bound) for bound in times.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(times.counts), strict=True))
        family.add_metric(values, buckets, times.seconds)
    return family


def _of_database(figures: DatabaseFigures) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "scenarist_database_commits",
        "Transactions that this process has committed.",
        value=figures.commits,
    )
    yield CounterMetricFamily(
        "scenarist_database_writes",
        "Pieces of work in the transactions that this process has committed.",
        value=figures.writes,
    )
    yield GaugeMetricFamily(
        "scenarist_database_write_wait_seconds",
        "How long the oldest write of this process has waited; 0 when none is under way.",
        value=figures.write_wait_seconds(),
    )
    yield histogram(
        "scenarist_database_turn_seconds",
        "Time until a transaction of this process might write, as one does at a time.",
        {(): figures.turn_times},
    )
    yield histogram(
        "scenarist_database_commit_seconds",
        "Time of the commits of this process alone, with their sync to the disk.",
        {(): figures.commit_times},
    )


def _of_jobs(figures: JobFigures) -> Iterator[Metric]:
    yield histogram(
        "scenarist_job_claim_seconds",
        "Time from when a job might run to its claim by this process.",
        {(): figures.claim_times},
    )
    yield histogram(
        "scenarist_job_hand_over_seconds",
        "Time from the claim of a job by this process to its start in a worker.",
        {(): figures.hand_over_times},
    )
    yield histogram(
        "scenarist_job_run_seconds",
        "Time that attempts of jobs ran for this process, with reading and writing of values.",
        {(): figures.run_times},
    )
    attempts = CounterMetricFamily(
        "scenarist_job_attempts",
        "Attempts of jobs that this process has recorded, by config of the task and ending.",
        labels=["task", "ending"],
    )
    for (task, ending), count in list(figures.attempts.items()):
        attempts.add_metric([task, ending], count)
    yield attempts
    yield CounterMetricFamily(
        "scenarist_failed_steps",
        "Steps of the orchestrator of this process that could not be recorded as a whole.",
        value=figures.failed_steps,
    )
    seconds = CounterMetricFamily(
        "scenarist_task_run_seconds",
        "Time that attempts of jobs ran for this process, by config of the task.",
        labels=["task"],
    )
    for task, total in list(figures.run_seconds.items()):
        seconds.add_metric([task], total)
    yield seconds

"""What the server has done and has to do, for Prometheus."""

from bisect import bisect_left
from collections.abc import Awaitable, Iterator
from itertools import accumulate
from time import perf_counter

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from scenarist.api.descriptions import responses
from scenarist.api.requests import READ, AnyRequest
from scenarist.services.health import HealthService

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_PATH = "none"
_TEXT = "text/plain; version=0.0.4"


class Metrics:
    """Counts and times the requests of one application, and tells them with what waits for work.

    The time is that until the answer begins, so that a stream counts like any other answer.
    """

    def __init__(self, health: HealthService) -> None:
        self._requests = _Requests()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self._requests)
        self._registry.register(_Work(health))

    def counted(self, app: ASGIApp) -> ASGIApp:
        requests = self._requests

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            begun = perf_counter()

            # Not ``async``, as a coroutine of its own would cost as much as the counting.
            def note(message: Message) -> Awaitable[None]:
                if message["type"] == "http.response.start":
                    requests.add(scope, message["status"], perf_counter() - begun)
                return send(message)

            await app(scope, receive, note)

        return door

    def text(self) -> bytes:
        """Return all series in the text format of Prometheus.

        Raises:
            UnavailableError: The database cannot be read; says why.
        """
        return generate_latest(self._registry)


class _Series:
    """The requests of one method, path and status."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)  # by the bound that their time is within
        self.seconds = 0.0


class _Requests(Collector):
    """Counts in the event loop, so without a lock: half the cost of the library's own counters."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], _Series] = {}

    def add(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope.get("method", "")
        if method not in _METHODS:
            # A client may write whatever it likes; that must not make a series each time.
            method = "other"
        key = (method, scope.get("path_template", _NO_PATH), status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = _Series()
        series.counts[bisect_left(_BOUNDS, seconds)] += 1
        series.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "scenarist_http_requests",
            "Requests that were answered.",
            labels=["method", "path", "status"],
        )
        times = HistogramMetricFamily(
            "scenarist_http_request_seconds",
            "Time until the answer of a request began.",
            labels=["method", "path"],
        )
        together: dict[tuple[str, str], _Series] = {}
        for (method, path, status), series in list(self._series.items()):
            requests.add_metric([method, path, str(status)], sum(series.counts))
            total = together.setdefault((method, path), _Series())
            total.counts = [a + b for a, b in zip(total.counts, series.counts, strict=True)]
            total.seconds += series.seconds
        bounds = [*(str(bound) for bound in _BOUNDS), "+Inf"]
        for (method, path), series in together.items():
            buckets = list(zip(bounds, accumulate(series.counts), strict=True))
            times.add_metric([method, path], buckets, series.seconds)
        yield requests
        yield times


class _Work(Collector):
    """Reads from the database what there is to do, each time it is asked."""

    def __init__(self, health: HealthService) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        work = self._health.count_work()
        jobs = GaugeMetricFamily(
            "scenarist_jobs", "Jobs that have not ended, by status.", labels=["status"]
        )
        for status, count in work.jobs.items():
            jobs.add_metric([status], count)
        yield jobs
        yield GaugeMetricFamily(
            "scenarist_submissions_under_way",
            "Submissions that have not ended.",
            value=work.submissions,
        )
        yield GaugeMetricFamily(
            "scenarist_orchestrator_up",
            "1 while jobs are being taken up.",
            value=float(work.is_orchestrating),
        )
        yield CounterMetricFamily(
            "scenarist_database_commits",
            "Transactions that this process has committed.",
            value=work.commits,
        )


@get(
    "/metrics",
    opt=READ | {"opened_by": "open_metrics"},
    summary="Read the metrics",
    tags=["health"],
    sync_to_thread=True,
    responses=responses(200, str, "The series.")
    | {
        200: ResponseSpec(
            data_container=str,
            description="Series in the text format of Prometheus.",
            media_type="text/plain",
            generate_examples=False,
        )
    },
)
def get_metrics(request: AnyRequest) -> Response[bytes]:
    """Requests by method, path and status with their times, jobs and submissions under way.

    The process is there too: its start, memory, processor time and open files.
    """
    metrics: Metrics = request.app.state["metrics"]
    return Response(metrics.text(), media_type=_TEXT)


HANDLERS = [get_metrics]

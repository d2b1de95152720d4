"""Route of the metrics for Prometheus, and the metrics of requests."""

from collections.abc import Iterator

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from litestar.types import Scope
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from scenarist.api.openapi.responses import describe_responses
from scenarist.api.requests import READ, AnyRequest
from scenarist.observability.metrics import REQUEST_BOUNDS, Histogram, ProcessMetrics
from scenarist.observability.prometheus import (
    build_histogram,
    iter_database_metrics,
    iter_process_metrics,
)
from scenarist.services.health import HealthService

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_PATH = "none"
_CONTENT_TYPE = "text/plain; version=0.0.4"


class Metrics:
    """Metrics of one application: counts and times its requests, and renders all metrics."""

    def __init__(self, health: HealthService, figures: ProcessMetrics) -> None:
        self.requests = RequestMetrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self.requests)
        self._registry.register(_StateMetrics(health, figures))

    def text(self) -> bytes:
        """Return all series in the text format of Prometheus.

        Raises:
            UnavailableError: The database cannot be read; the message says why.
        """
        return generate_latest(self._registry)


class RequestMetrics(Collector):
    """Number and duration of requests.

    They are counted in the event loop, and thus without a lock, at half the cost of the library's
    own counters. The duration ends when the response starts, so a stream counts like any response.
    """

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], Histogram] = {}

    def add(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope.get("method", "")
        if method not in METHODS:
            # Clients may send any method; each must not create a new series.
            method = "other"
        key = (method, scope.get("path_template", _NO_PATH), status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Histogram(REQUEST_BOUNDS)
        series.add(seconds)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "scenarist_http_requests",
            "Requests that this process has responded to.",
            labels=["method", "path", "status"],
        )
        together: dict[tuple[str, ...], Histogram] = {}
        for (method, path, status), series in list(self._series.items()):
            requests.add_metric([method, path, str(status)], sum(series.counts))
            together.setdefault((method, path), Histogram(REQUEST_BOUNDS)).include(series)
        yield requests
        yield build_histogram(
            "scenarist_http_request_seconds",
            "Time until this process began to respond to a request.",
            together,
            labels=("method", "path"),
        )


class _StateMetrics(Collector):
    """Collector of the metrics of the database, queried at each scrape, and of the process."""

    def __init__(self, health: HealthService, figures: ProcessMetrics) -> None:
        self._health = health
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from iter_database_metrics(self._health.count_work())
        yield from iter_process_metrics(
            self._figures, is_orchestrating=self._health.is_orchestrating
        )


@get(
    "/metrics",
    opt=READ | {"opened_by": "open_metrics"},
    summary="Read the metrics",
    tags=["health"],
    sync_to_thread=True,
    responses=describe_responses(200, str, "The metrics.")
    | {
        200: ResponseSpec(
            data_container=str,
            description="Metrics in the text format of Prometheus.",
            media_type="text/plain",
            generate_examples=False,
        )
    },
)
def get_metrics(request: AnyRequest) -> Response[bytes]:
    """Read the metrics of requests, the database, jobs and submissions, for Prometheus.

    Metrics of the process are included: its start, memory, processor time and open files.
    """
    metrics: Metrics = request.app.state["metrics"]
    return Response(metrics.text(), media_type=_CONTENT_TYPE)


HANDLERS = [get_metrics]

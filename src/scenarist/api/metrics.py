"""What the server has done and has to do, for Prometheus."""

from collections.abc import Iterator

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from litestar.types import Scope
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from scenarist.api.descriptions import responses
from scenarist.api.families import histogram, of_process, of_work
from scenarist.api.requests import READ, AnyRequest
from scenarist.domain.figures import REQUEST_BOUNDS, ProcessFigures, Times
from scenarist.services.health import HealthService

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_PATH = "none"
_TEXT = "text/plain; version=0.0.4"


class Metrics:
    """Counts and times the requests of one application, and tells them with all other figures."""

    def __init__(self, health: HealthService, figures: ProcessFigures) -> None:
        self.requests = RequestFigures()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self.requests)
        self._registry.register(_Figures(health, figures))

    def text(self) -> bytes:
        """Return all series in the text format of Prometheus.

        Raises:
            UnavailableError: The database cannot be read; says why.
        """
        return generate_latest(self._registry)


class RequestFigures(Collector):
    """Counts in the event loop, so without a lock: half the cost of the library's own counters.

    The time is that until the answer begins, so that a stream counts like any other answer.
    """

    def __init__(self) -> None:
        self._series: dict[tuple[str, str, int], Times] = {}

    def add(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope.get("method", "")
        if method not in METHODS:
            # A client may write whatever it likes; that must not make a series each time.
            method = "other"
        key = (method, scope.get("path_template", _NO_PATH), status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Times(REQUEST_BOUNDS)
        series.add(seconds)

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "scenarist_http_requests",
            "Requests that this process has answered.",
            labels=["method", "path", "status"],
        )
        together: dict[tuple[str, ...], Times] = {}
        for (method, path, status), series in list(self._series.items()):
            requests.add_metric([method, path, str(status)], sum(series.counts))
            together.setdefault((method, path), Times(REQUEST_BOUNDS)).include(series)
        yield requests
        yield histogram(
            "scenarist_http_request_seconds",
            "Time until this process began to answer a request.",
            together,
            labels=("method", "path"),
        )


class _Figures(Collector):
    """Asks the database what there is to do each time it is asked, and the process what it did."""

    def __init__(self, health: HealthService, figures: ProcessFigures) -> None:
        self._health = health
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from of_work(self._health.count_work())
        yield from of_process(self._figures, is_orchestrating=self._health.is_orchestrating)


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

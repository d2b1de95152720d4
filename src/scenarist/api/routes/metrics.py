"""Route of the metrics for Prometheus, and the metrics of requests."""

from collections.abc import Iterator

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Response
from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from scenarist.api.openapi.components import describe_responses
from scenarist.api.request_metrics import RequestMetrics
from scenarist.api.requests import READ, AnyRequest
from scenarist.observability.metrics import ProcessMetrics
from scenarist.observability.prometheus import (
    iter_database_metrics,
    iter_process_metrics,
)
from scenarist.services.health import HealthService

_CONTENT_TYPE = "text/plain; version=0.0.4"


class Metrics:
    """Metrics of one application: counts and times its requests, and renders all metrics."""

    def __init__(self, health: HealthService, process_metrics: ProcessMetrics) -> None:
        self.requests = RequestMetrics()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(self.requests)
        self._registry.register(_StateMetrics(health, process_metrics))

    def render(self) -> bytes:
        """Return all series in the text format of Prometheus.

        Raises:
            UnavailableError: The database cannot be read; the message says why.
        """
        return generate_latest(self._registry)


class _StateMetrics(Collector):
    """Collector of the metrics of the database, queried at each scrape, and of the process."""

    def __init__(self, health: HealthService, process_metrics: ProcessMetrics) -> None:
        self._health = health
        self._metrics = process_metrics

    def collect(self) -> Iterator[Metric]:
        yield from iter_database_metrics(self._health.count_backlog())
        yield from iter_process_metrics(
            self._metrics, is_orchestrating=self._health.is_orchestrating
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
    return Response(metrics.render(), media_type=_CONTENT_TYPE)


HANDLERS = [get_metrics]

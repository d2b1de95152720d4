"""Counts and durations of HTTP requests, by method, path and status."""

from collections.abc import Iterator

from litestar.types import Scope
from prometheus_client import Metric
from prometheus_client.metrics_core import CounterMetricFamily
from prometheus_client.registry import Collector

from scenarist.observability.metrics import REQUEST_BOUNDS, Histogram
from scenarist.observability.prometheus import build_histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NO_PATH = "none"


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
            together.setdefault((method, path), Histogram(REQUEST_BOUNDS)).merge(series)
        yield requests
        yield build_histogram(
            "scenarist_http_request_seconds",
            "Time until this process began to respond to a request.",
            together,
            labels=("method", "path"),
        )

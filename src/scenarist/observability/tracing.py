"""Traces from a request to its jobs, if OpenTelemetry and an exporter are configured.

The standard ``OTEL_*`` variables configure everything. Until `start` has found an exporter,
OpenTelemetry is not imported and the functions here do nothing.
"""

import os
import re
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from scenarist.domain.errors import InvalidError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

_EXPORTERS = "opentelemetry_traces_exporter"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
# The extra `otel` installs the first of them.
_EXPORTER_OF_PROTOCOL = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_SHUTDOWN_SECONDS = 2.0  # to export the remaining traces when a process ends
_PARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_NOTHING = nullcontext(None)

Attributes = Mapping[str, str | int | float | bool]


class _State:
    """Tracing state of this process, which OpenTelemetry keeps per process as well."""

    provider: "TracerProvider | None" = None
    tracer: "Tracer | None" = None


def start() -> None:
    """Start tracing if the environment names an exporter.

    Raises:
        InvalidError: The exporter is not installed.
    """
    names = _read_exporter_names()
    if not names:
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        raise InvalidError(
            "traces need an extra that is not installed: pip install 'scenarist[otel]'; or set "
            "OTEL_TRACES_EXPORTER=none"
        )
    from importlib.metadata import entry_points, version

    from opentelemetry import trace
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "scenarist"}))
    # `stop` shuts it down, with a shorter timeout.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for name in names:
        found = list(entry_points(group=_EXPORTERS, name=name))
        if not found:
            raise InvalidError(
                f"there is no OpenTelemetry exporter {name!r}; install its package, or change "
                "OTEL_TRACES_EXPORTER or OTEL_EXPORTER_OTLP_PROTOCOL"
            )
        provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    # Spans that the functions of tasks create use the same provider.
    trace.set_tracer_provider(provider)
    _State.provider = provider
    _State.tracer = trace.get_tracer("scenarist", version("scenarist"))


def stop() -> None:
    """Export the remaining spans, if the collector takes them within two seconds."""
    if _State.provider is not None:
        last = threading.Thread(target=_State.provider.shutdown, name="traces", daemon=True)
        last.start()
        last.join(_SHUTDOWN_SECONDS)
        _State.provider = _State.tracer = None


def is_on() -> bool:
    return _State.tracer is not None


def validate_traceparent(traceparent: str | None) -> str | None:
    """Return a traceparent from a client (W3C Trace Context) if it is well-formed, else None."""
    return traceparent if traceparent and _PARENT.fullmatch(traceparent) else None


def span(
    name: str,
    attributes: Attributes | None = None,
    *,
    parent: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> "AbstractContextManager[Span | None]":
    """Trace the block as a span, whose parent is the current span by default.

    Args:
        parent: Another parent span, in the form that `get_traceparent` returns.
        headers: Headers of a request, which name the parent in any format of ``OTEL_PROPAGATORS``;
            the span is then a server span.
    """
    if _State.tracer is None:
        return _NOTHING
    from opentelemetry import propagate
    from opentelemetry.trace import SpanKind

    context = None
    if headers is not None:
        context = propagate.extract(headers)
    elif parent is not None:
        context = _to_context(parent)
    return _State.tracer.start_as_current_span(
        name,
        context,
        kind=SpanKind.INTERNAL if headers is None else SpanKind.SERVER,
        attributes=attributes,
        # A refused request is not an error of the server, and traces must not contain users' data.
        record_exception=False,
        set_status_on_exception=False,
    )


def get_traceparent() -> str | None:
    """Return the current span in the form of W3C Trace Context; None without one."""
    if _State.tracer is None:
        return None
    from opentelemetry.trace import get_current_span

    return _format_traceparent(get_current_span())


def open_span(
    name: str, attributes: Attributes, *, parent: str | None, at: datetime
) -> "tuple[Span, str | None]":
    """Start a span that is not bound to a block; return it with its traceparent.

    Args:
        at: The start time.

    Raises:
        RuntimeError: Tracing is off.
    """
    if _State.tracer is None:
        raise RuntimeError("check is_on first")
    context = None if parent is None else _to_context(parent)
    opened = _State.tracer.start_span(
        name, context, attributes=attributes, start_time=_nanoseconds(at)
    )
    return opened, _format_traceparent(opened)


def close_span(opened: "Span", attributes: Attributes, *, is_amiss: bool, at: datetime) -> None:
    """End a span from `open_span`."""
    opened.set_attributes(attributes)
    if is_amiss:
        mark_failed(opened)
    opened.end(_nanoseconds(at))


def mark_failed(opened: "Span") -> None:
    from opentelemetry.trace import Status, StatusCode

    opened.set_status(Status(StatusCode.ERROR))


def add_trace_id(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Add the ids of the current span to a log line: a processor of structlog."""
    current = get_traceparent()
    if current is not None:
        _, event["trace_id"], event["span_id"], _ = current.split("-")
    return event


def _read_exporter_names() -> list[str]:
    """Return the exporters that the environment names, by the names of their entry points."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return []
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if not exporters.strip():
        exporters = "otlp" if any(os.environ.get(name) for name in _ENDPOINTS) else "none"
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), "http/protobuf").strip()
    names = [name.strip() for name in exporters.split(",")]
    return [
        _EXPORTER_OF_PROTOCOL.get(protocol, protocol) if name == "otlp" else name
        for name in names
        if name not in {"", "none"}
    ]


def _to_context(parent: str) -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def _format_traceparent(opened: "Span") -> str | None:
    context = opened.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000

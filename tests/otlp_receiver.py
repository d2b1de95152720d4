"""Receives the traces of servers and their workers, as a collector would (OTLP over HTTP)."""

import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

ERROR = 2
"""The status of a span that has gone wrong, as the protocol numbers it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedSpan:
    name: str
    trace_id: str
    id: str
    parent_id: str
    status: int
    begun: int
    ended: int
    attributes: Mapping[str, object]
    resource: Mapping[str, object]


class TraceReceiver:
    """Listens on a free port of the loopback, within a ``with`` block."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                receiver._bodies.append(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to send its traces here, and to say which process it is."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel,process",
        }

    @property
    def sent(self) -> bytes:
        """All that was sent, to look for what should not be there."""
        return b"".join(self._bodies)

    @property
    def spans(self) -> list[ReceivedSpan]:
        """All spans so far; a process that has stopped has sent all of its own."""
        return [
            ReceivedSpan(
                name=span.name,
                trace_id=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                status=span.status.code,
                begun=span.start_time_unix_nano,
                ended=span.end_time_unix_nano,
                attributes={item.key: _plain(item.value) for item in span.attributes},
                resource={item.key: _plain(item.value) for item in of.resource.attributes},
            )
            for body in self._bodies
            for of in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return None if kind is None else getattr(value, kind)

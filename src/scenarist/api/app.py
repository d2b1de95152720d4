"""The ASGI application: all routes and middleware over one set of services."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from zoneinfo import ZoneInfo

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from scenarist.api import problems
from scenarist.api.batching import Batcher
from scenarist.api.bulkheads import Bulkheads
from scenarist.api.middleware.auth import AuthMiddleware, LoginExecutor
from scenarist.api.middleware.cross_origin import refuse_foreign_pages
from scenarist.api.middleware.methods import add_head_and_options
from scenarist.api.middleware.request_log import observe_requests, trace_requests
from scenarist.api.openapi.document import build_document, operation_id
from scenarist.api.requests import check_parameters, find_parameter_types
from scenarist.api.routes import (
    audit,
    configs,
    cycles,
    data_nodes,
    edits,
    events,
    files,
    forks,
    health,
    inputs,
    jobs,
    keys,
    metrics,
    orchestration,
    plans,
    reference,
    scenarios,
    sequences,
    sessions,
    side_by_side,
    submissions,
    subscribers,
    tasks,
    upgrades,
    users,
    values,
)
from scenarist.api.short_reads import ReadScheduler
from scenarist.observability.metrics import ProcessMetrics
from scenarist.services.container import Services

LARGEST_BODY = 1024 * 1024
"""Largest body of a request in bytes; 413 above it. Values of data nodes may be larger."""


def create_app(  # noqa: PLR0913 - everything that the application is assembled from
    services: Services,
    auth: AuthMiddleware,
    process_metrics: ProcessMetrics,
    *,
    zone: ZoneInfo,
    cors_origins: Sequence[str] = (),
    hosts: Sequence[str] = (),
    pages: Sequence[Router] = (),
    reads_in_threads: bool = False,
    has_access_log: bool = False,
) -> Litestar:
    """Create the application.

    Args:
        zone: Time zone of timestamps in requests that do not specify one.
        cors_origins: Origins whose pages may call the API.
        hosts: Names of the server that are accepted in ``Host``; any name if empty.
        pages: Routers for web pages beside the API.
        reads_in_threads: Whether even a look-up by key may take longer than switching threads.
        has_access_log: Whether each request is logged.
    """
    app_metrics = metrics.Metrics(services.health, process_metrics)
    app = Litestar(
        route_handlers=[_make_router(), *pages],
        state=State(
            {
                "services": services,
                "submit_batcher": Batcher(services.submissions.submit_many),
                "event_batcher": Batcher(services.event_log.read_many),
                "metrics": app_metrics,
                "auth": auth,
                "zone": zone,
                "read_scheduler": ReadScheduler(in_threads=reads_in_threads),
                "login_executor": LoginExecutor(),
                "bulkheads": Bulkheads(),
            }
        ),
        guards=[auth],
        before_request=check_parameters,
        exception_handlers=problems.HANDLERS,
        openapi_config=_make_openapi_config(),
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )
    handlers = [handler for route in app.routes for handler in getattr(route, "route_handlers", ())]
    _check_permissions_declared(handlers)
    app.state["parameter_types"] = {handler: find_parameter_types(handler) for handler in handlers}
    # Wrapped around all of Litestar: it has no handlers for HEAD, and a 404 has to be counted too.
    inner = refuse_foreign_pages(
        add_head_and_options(app.asgi_handler),
        cors_origins=cors_origins,
        hosts=hosts,
        count_refusal=auth.count_refusal,
    )
    app.asgi_handler = observe_requests(
        trace_requests(inner), app_metrics.requests, has_access_log=has_access_log
    )
    return app


def _make_openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Scenarist",
        version=version("scenarist"),
        description="Create scenarios, submit their sequences and tasks, follow the jobs and read "
        "the results.",
        openapi_router=reference.make_pages_router(),
        render_plugins=[
            reference.ReferencePages(),
            reference.OpenApiDocument(build_document),
        ],
        operation_id_creator=operation_id,
        use_handler_docstrings=True,
    )


def _check_permissions_declared(handlers: Iterable[HTTPRouteHandler]) -> None:
    """Check that every handler declares who may call it, so that none is left open by mistake.

    Raises:
        RuntimeError: A handler declares neither a permission nor that it is open.
    """
    for handler in handlers:
        if handler.http_methods == {"OPTIONS"}:
            continue  # Litestar's own; the middleware responds before it
        if "permission" not in handler.opt and "is_open" not in handler.opt:
            raise RuntimeError(
                f"{handler.handler_name} ({', '.join(handler.paths)}) does not declare who may "
                "call it; give it an opt such as READ"
            )


def _make_router() -> Router:
    # All in one router: Litestar 2.25 breaks a threaded handler if it is first registered on its
    # own and then again together with another handler of the same path.
    handlers = [
        *sequences.HANDLERS,
        *scenarios.HANDLERS,
        *forks.HANDLERS,
        *side_by_side.HANDLERS,
        *inputs.HANDLERS,
        *configs.HANDLERS,
        *cycles.HANDLERS,
        *tasks.HANDLERS,
        *data_nodes.HANDLERS,
        *values.HANDLERS,
        *files.HANDLERS,
        *edits.HANDLERS,
        *plans.HANDLERS,
        *upgrades.HANDLERS,
        *submissions.HANDLERS,
        *jobs.HANDLERS,
        *orchestration.HANDLERS,
        *subscribers.HANDLERS,
        *events.HANDLERS,
        *sessions.HANDLERS,
        *users.HANDLERS,
        *keys.HANDLERS,
        *audit.HANDLERS,
        *metrics.HANDLERS,
        *health.HANDLERS,
    ]
    return Router(path="/", route_handlers=handlers)

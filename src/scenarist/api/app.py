"""The ASGI application: all paths over one bundle of services."""

from importlib.metadata import version

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from scenarist.api import (
    data_nodes,
    health,
    jobs,
    problems,
    scenarios,
    sequences,
    submissions,
    tasks,
)
from scenarist.api.gathering import Gatherer
from scenarist.api.requests import refuse_unknown_parameters
from scenarist.domain.errors import ScenaristError
from scenarist.services.bundle import Services

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request's body; more is answered with 413."""


def create_app(services: Services) -> Litestar:
    return Litestar(
        route_handlers=[_paths()],
        state=State({"services": services, "submits": Gatherer(services.submissions.submit_many)}),
        before_request=refuse_unknown_parameters,
        exception_handlers={
            ScenaristError: problems.from_scenarist_error,
            ValidationException: problems.from_validation_exception,
            HTTPException: problems.from_http_exception,
            Exception: problems.from_anything_else,
        },
        openapi_config=OpenAPIConfig(
            title="Scenarist",
            version=version("scenarist"),
            description="Scenarios, sequences and their jobs.",
            path="/schema",
            render_plugins=[JsonRenderPlugin()],
            use_handler_docstrings=True,
        ),
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )


def _paths() -> Router:
    # In one router: Litestar 2.25 breaks a threaded handler that it registers on its own and
    # again with the next handler of the same path.
    return Router(
        path="/",
        route_handlers=[
            *sequences.HANDLERS,
            *scenarios.HANDLERS,
            *tasks.HANDLERS,
            *data_nodes.HANDLERS,
            *submissions.HANDLERS,
            *jobs.HANDLERS,
            *health.HANDLERS,
        ],
    )

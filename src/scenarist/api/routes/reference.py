"""The pages of the API reference: Swagger UI over the OpenAPI document.

Everything a page loads comes with the package ``swagger-ui-bundle-v2``. Nothing is loaded from
other sites, and the security policy forbids it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import swagger_ui_bundle  # type: ignore[import-untyped]
from litestar import Litestar, Request, Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.status_codes import HTTP_404_NOT_FOUND

from scenarist.api.requests import READ

PATH = "/schema"

_ASSETS = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_START_SCRIPT = "start.js"
_CACHED = CacheControlHeader(max_age=3600)

# Swagger UI has its icons as data URLs in its style sheet.
_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Scenarist: the API</title>
    <link rel="icon" type="image/png" href="{PATH}/assets/favicon-32x32.png">
    <link rel="stylesheet" href="{PATH}/assets/swagger-ui.css">
  </head>
  <body>
    <main id="api"></main>
    <noscript>This page needs JavaScript; the OpenAPI document is {PATH}/openapi.json.</noscript>
    <script src="{PATH}/assets/swagger-ui-bundle.js"></script>
    <script src="{PATH}/assets/{_START_SCRIPT}"></script>
  </body>
</html>
"""

_SCRIPT = f"""SwaggerUIBundle({{
  url: "{PATH}/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  validatorUrl: null,
}});
"""


class ReferencePages(OpenAPIRenderPlugin):
    """The page, and the files that it loads."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return _PAGE.encode()

    def receive_router(self, router: Router) -> None:
        router.register(get_asset)


class OpenApiDocument(JsonRenderPlugin):
    """The OpenAPI document, built on its first request.

    Args:
        complete: Builds it from Litestar's description of the application.
    """

    def __init__(self, complete: Callable[[dict[str, Any], Litestar], dict[str, Any]]) -> None:
        super().__init__()
        self._complete = complete
        self._text: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._text is None:
            self._text = msgspec.json.encode(self._complete(openapi_schema, request.app))
        return self._text


@get("/assets/{name:str}", sync_to_thread=True, cache_control=_CACHED)
def get_asset(name: FromPath[str]) -> Response[bytes]:
    if name == _START_SCRIPT:
        return Response(_SCRIPT.encode(), media_type="text/javascript")
    media_type = _ASSETS.get(name)
    if media_type is None:
        raise NotFoundException
    content = Path(str(swagger_ui_bundle.swagger_ui_path), name).read_bytes()
    return Response(content, media_type=media_type)


async def _replace_html_404(response: Response[Any]) -> Response[Any]:
    """Turn Litestar's HTML page for an unknown path into the 404 that all other paths send."""
    if response.status_code == HTTP_404_NOT_FOUND:
        raise NotFoundException
    return response


def make_pages_router() -> Router:
    """Return the router of the pages; Litestar adds the routes of the plugins."""
    return Router(
        PATH,
        route_handlers=[],
        include_in_schema=False,
        opt=READ | {"opened_by": "open_description"},
        after_request=_replace_html_404,
        response_headers={
            "Content-Security-Policy": _SECURITY_POLICY,
        },
    )

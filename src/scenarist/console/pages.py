"""Handlers of the console: the page, and its files under paths that contain their version.

A file never changes under its path, so browsers cache it for good. The page itself is revalidated
each time, with a 304 response while it is unchanged.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

FOLDER = Path(__file__).with_name("static")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    # Browsers refuse to turn a string into markup, even where a script tries to.
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

_PUBLIC = {"is_open": True}  # needs no credentials: the files are the same on every server
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_PAGE = "index.html"
_LAZY_MODULES = {"vendor/uplot.js"}  # imported on demand, so not preloaded


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A static file, uncompressed and gzipped."""

    content: bytes
    compressed: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class StaticFiles:
    """All files by name, and the version: a digest of all of them."""

    by_name: dict[str, StaticFile]
    version: str


def build_router(auth: str) -> Router:
    """Return the router that serves the console.

    Args:
        auth: The authorization mode; the page needs it before its first request.
    """

    @get(["/", "/console"], sync_to_thread=False)
    def get_console(request: Request[Any, Any, Any]) -> Response[bytes]:
        page = _render_page(auth)
        tag = f'"{blake2b(page.content, digest_size=12).hexdigest()}"'
        headers = {
            "Content-Security-Policy": POLICY,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-cache",
            "ETag": tag,
        }
        if tag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        return _make_response(request, page, headers)

    return Router(
        "/", route_handlers=[get_console, get_console_file], opt=_PUBLIC, include_in_schema=False
    )


@get("/console/{version:str}/{name:path}", sync_to_thread=False)
def get_console_file(
    request: Request[Any, Any, Any], version: FromPath[str], name: FromPath[Path]
) -> Response[bytes]:
    files = _load_files()
    file = files.by_name.get(str(name).lstrip("/"))
    if file is None or version != files.version:
        raise NotFoundException
    return _make_response(request, file, {"Cache-Control": "public, max-age=31536000, immutable"})


@cache
def _load_files() -> StaticFiles:
    digest = blake2b(digest_size=8)
    by_name = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix not in _TYPES or path.name == _PAGE:
            continue
        content = path.read_bytes()
        name = path.relative_to(FOLDER).as_posix()
        digest.update(name.encode() + b"\0" + content)
        by_name[name] = _make_file(content, path.suffix)
    return StaticFiles(by_name, digest.hexdigest())


@cache
def _render_page(auth: str) -> StaticFile:
    """Return the page with the paths of its files, preloaded so that they load in parallel."""
    files = _load_files()
    base = f"/console/{files.version}"
    modules = (name for name in files.by_name if name.endswith(".js") and name not in _LAZY_MODULES)
    preloads = (f'<link rel="modulepreload" href="{base}/{name}">' for name in modules)
    text = (FOLDER / _PAGE).read_text()
    for placeholder, value in (
        ("BASE", base),
        ("AUTH", auth),
        ("MODULES", "\n    ".join(preloads)),
    ):
        text = text.replace("{" + placeholder + "}", value)
    return _make_file(text.encode(), ".html")


def _make_file(content: bytes, suffix: str) -> StaticFile:
    return StaticFile(content, gzip.compress(content, mtime=0), _TYPES[suffix])


def _make_response(
    request: Request[Any, Any, Any], file: StaticFile, headers: dict[str, str]
) -> Response[bytes]:
    headers = {**headers, "Vary": "Accept-Encoding"}
    content = file.content
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = file.compressed
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=file.media_type, headers=headers)

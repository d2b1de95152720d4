"""What handlers take from a request: services, actor, filters, headers and preferences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, TypeVar, get_args, get_origin, overload

from litestar import Request
from litestar.di import Provide
from litestar.enums import ParamType
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg, QueryParameter
from msgspec import UNSET, UnsetType

from scenarist.api.batching import Batcher
from scenarist.domain.entities import Submission
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.timestamps import parse_timestamp
from scenarist.observability import tracing
from scenarist.services.container import Services
from scenarist.services.submit_requests import SubmitRequest

AnyRequest = Request[Any, Any, Any]

MAY_BE_REPEATED = "May be repeated; any of the values matches."
"""Ends the description of a filter."""

RepeatedFilter = Annotated[list[str] | None, QueryParameter(description=MAY_BE_REPEATED)]
IdFilter = Annotated[
    list[str] | None,
    QueryParameter(name="id", description="Only with this identifier. " + MAY_BE_REPEATED),
]
VersionFilter = Annotated[
    list[str] | None,
    QueryParameter(
        name="version",
        description="Only of this version of the application. " + MAY_BE_REPEATED,
    ),
]
READ = {"permission": Permission.READ}
EDIT = {"permission": Permission.EDIT}
EXECUTE = {"permission": Permission.EXECUTE}
OPERATE = {"permission": Permission.OPERATE}
ADMINISTER = {"permission": Permission.ADMINISTER}
SIGNED_IN = {"permission": None}
OPEN = {"is_open": True}
"""Values of a handler's ``opt`` that declare who may call it: actors with a permission, any
authenticated actor, or everybody. Without one of them, the application does not start.
"""

PREFERS_BODY = PREFERS_WAIT = {"headers": ("Prefer",)}
ACCEPTS_IDEMPOTENCY_KEY = {"headers": ("Idempotency-Key",)}
"""Values of ``opt`` that declare request headers for the OpenAPI document."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_IGNORED_BY_WRITES = {
    b"content-encoding": "send the body as it is, without compression",
    b"if-match": "it is for changes of one entity, and writes of a value",
    b"if-modified-since": "it is for reads of resources with dates",
    b"if-none-match": "it is for reads; a write compares versions with If-Match",
    b"if-unmodified-since": "resources have versions and no dates; use If-Match",
}

MemberT = TypeVar("MemberT", bound=StrEnum)

LONGEST_WAIT_SECONDS = 300.0
LARGEST_VALUE = 64 * 1024 * 1024
"""Largest body in bytes that is a value of a data node; 413 above it."""


def filter_by(kind: type[StrEnum], *sentences: str) -> QueryParameter:
    """Declare a filter by words of an enumeration, which `members_of` reads."""
    return QueryParameter(
        description=" ".join((*sentences, MAY_BE_REPEATED)), schema_extra={"enum": list(kind)}
    )


@overload
def member_of(kind: type[MemberT], text: str, field: str) -> MemberT: ...


@overload
def member_of(kind: type[MemberT], text: str | None, field: str) -> MemberT | None: ...


def member_of(kind: type[MemberT], text: str | None, field: str) -> MemberT | None:
    """Read a member of an enumeration: a word such as DAILY, or Taipy's form Frequency.DAILY.

    Raises:
        InvalidError: There is no such member; the message lists all.
    """
    if text is None:
        return None
    try:
        return kind(text.rpartition(".")[2].upper())
    except ValueError:
        known = ", ".join(kind)
        raise InvalidError(
            f"there is no {field} {text[:100]!r}; use one of {known}",
            errors=[{"field": field, "message": f"not one of {known}"}],
        ) from None


def members_of(kind: type[MemberT], texts: Sequence[str] | None, field: str) -> tuple[MemberT, ...]:
    """Read the members of an enumeration in a repeatable filter, without duplicates.

    Raises:
        InvalidError: One of them is not a member; the message lists all.
    """
    return tuple(dict.fromkeys(member_of(kind, text, field) for text in texts or ()))


def unique_values(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Return the values of a repeatable filter, without duplicates."""
    return tuple(dict.fromkeys(texts or ()))


def timestamp_of(request: AnyRequest, text: str | UnsetType | None, field: str) -> datetime | None:
    """Read a timestamp or a date; without a time zone, it is in the server's time zone.

    Raises:
        InvalidError: It is neither, or too far from now; the message names the field.
    """
    if text is None or text is UNSET:
        return None
    try:
        return parse_timestamp(text.strip(), request.app.state["zone"])
    except ValueError:
        raise InvalidError(
            f"{field} {text[:100]!r} is not a timestamp; write it as 2026-01-31T12:00:00Z, or as "
            "2026-01-31: without a time zone, it is in the server's time zone",
            errors=[{"field": field, "message": "neither a timestamp nor a date"}],
        ) from None
    except OverflowError:
        raise InvalidError(
            f"{field} {text[:100]!r} is too far from now; in UTC it must be within the years "
            "1 to 9999",
            errors=[{"field": field, "message": "too far from now"}],
        ) from None


def services_of(request: AnyRequest) -> Services:
    services: Services = request.app.state["services"]
    return services


def submit_batcher_of(request: AnyRequest) -> Batcher[SubmitRequest, Submission]:
    batcher: Batcher[SubmitRequest, Submission] = request.app.state["submit_batcher"]
    return batcher


def actor_of(request: AnyRequest) -> Actor:
    """Return the actor of the request, as stored by the authentication guard."""
    actor: Actor = request.scope["actor"]  # type: ignore[typeddict-item]
    return actor


def provide_params(params: type[Any]) -> dict[str, Provide]:
    """Return the dependency that reads the query into a dataclass, the handler's ``params``."""
    return {"params": Provide(params, sync_to_thread=False)}


async def check_parameters(request: AnyRequest) -> None:
    """Refuse query parameters and headers that would be ignored, and repeated and null parameters.

    It is ``async`` because Litestar would call a plain function in a thread, which costs more.

    Raises:
        InvalidError: There are unknown parameters (the message lists the known ones), a parameter
            that takes one value is repeated or null, or a header has no meaning for the request.
    """
    if request.method not in _SAFE_METHODS:
        _check_headers(request)
    if not request.scope["query_string"]:
        return
    known = _find_known_parameters(request)
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        there_are = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise InvalidError(
            f"{request.url.path} has no query parameter {unknown[0]!r}; {there_are}",
            code="parameter_unknown",
            errors=[{"field": name, "message": "unknown query parameter"} for name in unknown],
        )
    items = list(request.query_params.multi_items())
    for name, count in Counter(name for name, _ in items).items():
        if count > 1 and not any(get_origin(kind) is list for kind in known[name]):
            raise InvalidError(
                f"{name} is given {count} times; give it once",
                code="parameter_repeated",
                errors=[{"field": name, "message": "may be given once"}],
            )
    for name, text in items:
        # Litestar reads this as None if the parameter is not a text.
        if text == "null" and not {str, list[str]} & set(known[name]):
            raise InvalidError(
                f"{name} cannot be null; leave it out",
                errors=[{"field": name, "message": "cannot be null"}],
            )


def _find_known_parameters(request: AnyRequest) -> Mapping[str, tuple[Any, ...]]:
    """Return the types that each query parameter may have."""
    known: Mapping[str, tuple[Any, ...]] = request.app.state["parameter_types"][
        request.route_handler
    ]
    prefix = request.route_handler.opt.get("parameter_prefix")
    if prefix is None:
        return known
    # The handler reads these itself: their names depend on the application.
    return {**known, **{name: (str,) for name in request.query_params if name.startswith(prefix)}}


def _check_headers(request: AnyRequest) -> None:
    """Refuse headers that would change what a write does, if it took notice of them."""
    for raw_name, value in request.scope["headers"]:
        reason = _IGNORED_BY_WRITES.get(raw_name)
        if reason is None or (raw_name, value.lower()) == (b"content-encoding", b"identity"):
            continue
        if raw_name == b"if-match" and _compares_versions(request.route_handler):
            continue
        name = raw_name.decode().title()
        raise InvalidError(
            f"{request.method} {request.url.path} does not take the header {name}: {reason}",
            code="header_unsupported",
            errors=[{"field": name, "message": reason}],
        )


def _compares_versions(handler: BaseRouteHandler) -> bool:
    responses = getattr(handler, "responses", None) or {}
    return HTTPStatus.PRECONDITION_FAILED in responses


def find_parameter_types(handler: BaseRouteHandler) -> dict[str, tuple[Any, ...]]:
    """Return the types that each query parameter of a handler may have."""
    dependencies = handler.resolve_dependencies()
    signatures = [handler.parsed_fn_signature]
    signatures += [dependency.parsed_fn_signature for dependency in dependencies.values()]
    return {
        field.kwarg_definition.name or field.name: _find_types(field.annotation)
        for signature in signatures
        for field in signature.parameters.values()
        if field.name not in dependencies
        and isinstance(field.kwarg_definition, ParameterKwarg)
        and field.kwarg_definition.param_type is ParamType.QUERY
    }


def _find_types(annotation: Any) -> tuple[Any, ...]:
    # A list that must be given is no union, and its arguments are the types of its items.
    return (annotation,) if get_origin(annotation) is list else get_args(annotation)


def single_header(request: AnyRequest, name: str) -> str | None:
    """Return a header that may be sent only once, or None.

    Raises:
        InvalidError: It was sent more than once.
    """
    found: list[str] = request.headers.getall(name.lower(), [])
    if len(found) > 1:
        raise InvalidError(
            f"the header {name} is sent {len(found)} times; send it once",
            code="header_repeated",
            errors=[{"field": name, "message": "may be sent once"}],
        )
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Preferences:
    """A client's preferences for the response (header ``Prefer``, RFC 7240)."""

    is_representation: bool = False
    wait_seconds: float | None = None


def preferences_of(request: AnyRequest) -> Preferences:
    """Read ``return=representation`` and ``wait=SECONDS``; ignore other preferences.

    If a preference occurs twice, the first one counts, as RFC 7240 requires. A longer wait than
    `LONGEST_WAIT_SECONDS` is shortened to it.

    Raises:
        InvalidError: The time to wait is not an integer number of seconds.
    """
    header = ",".join(request.headers.getall("prefer", ()))
    if not header:
        return Preferences()
    is_representation = False
    wait: float | None = None
    for part in header.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "return" and value.lower() == "representation":
            is_representation = True
        elif name == "wait" and wait is None:
            if not value.isdecimal():
                raise InvalidError(
                    f"Prefer: wait={value} is not a number of seconds; write it as wait=30"
                )
            wait = min(float(value), LONGEST_WAIT_SECONDS)
    return Preferences(is_representation, wait)


def traceparent_of(request: AnyRequest) -> str | None:
    """Return the current span, or the client's if tracing is off in this process."""
    return tracing.get_traceparent() or tracing.validate_traceparent(
        request.headers.get("traceparent")
    )


def idempotency_key_of(request: AnyRequest) -> str | None:
    key = single_header(request, "Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise InvalidError("an Idempotency-Key must have 1 to 255 characters")
    return str(key)

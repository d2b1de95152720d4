"""What every handler takes from a request: the services, the actor, the wishes of the client."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_args, overload

from litestar import Request
from litestar.params import QueryParameter

from scenarist import tracing
from scenarist.api.gathering import Gatherer
from scenarist.domain.entities import Submission
from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Actor, Permission
from scenarist.services.bundle import Services
from scenarist.services.wishes import Wish

AnyRequest = Request[Any, Any, Any]

Status = Annotated[
    str | None,
    QueryParameter(description="Only those of this status, such as COMPLETED or Status.COMPLETED."),
]
READ = {"permission": Permission.READ}
EDIT = {"permission": Permission.EDIT}
EXECUTE = {"permission": Permission.EXECUTE}
OPERATE = {"permission": Permission.OPERATE}
ADMINISTER = {"permission": Permission.ADMINISTER}
SIGNED_IN = {"permission": None}
OPEN = {"is_open": True}
"""What a handler's ``opt`` says of who may: an actor with a permission, whoever is signed in, or
anybody. Without any of these the application does not start.
"""

PREFERS_BODY = PREFERS_WAIT = {"headers": ("Prefer",)}
REPEATS_BY_KEY = {"headers": ("Idempotency-Key",)}
"""What it says of headers that nothing else tells the description of."""

MemberT = TypeVar("MemberT", bound=StrEnum)

LONGEST_WAIT_SECONDS = 300.0
LARGEST_VALUE = 64 * 1024 * 1024
"""Bytes of a body that is a value of a data node; more is answered with 413."""


@overload
def member_of(kind: type[MemberT], text: str, field: str) -> MemberT: ...


@overload
def member_of(kind: type[MemberT], text: str | None, field: str) -> MemberT | None: ...


def member_of(kind: type[MemberT], text: str | None, field: str) -> MemberT | None:
    """Read a plain word such as DAILY, or the dotted form of the documented system.

    Raises:
        InvalidError: There is no such word; lists those there are.
    """
    if text is None:
        return None
    try:
        return kind(text.rpartition(".")[2].upper())
    except ValueError:
        known = ", ".join(kind)
        raise InvalidError(
            f"there is no {field} {text[:100]!r}; there are {known}",
            errors=[{"field": field, "message": f"not one of {known}"}],
        ) from None


def services_of(request: AnyRequest) -> Services:
    services: Services = request.app.state["services"]
    return services


def submits_of(request: AnyRequest) -> Gatherer[Wish, Submission]:
    submits: Gatherer[Wish, Submission] = request.app.state["submits"]
    return submits


def actor_of(request: AnyRequest) -> Actor:
    """Return who asks, as the gate has found out."""
    actor: Actor = request.scope["actor"]  # type: ignore[typeddict-item]
    return actor


async def refuse_unknown_parameters(request: AnyRequest) -> None:
    """Refuse a query parameter that the path does not have, rather than ignore a typing slip.

    Litestar calls a function that is not ``async`` in another thread, which would cost more.

    Raises:
        InvalidError: Names the unknown parameters, and those that the path has; or the parameter
            that is null.
    """
    if not request.scope["query_string"]:
        return
    handler = request.route_handler
    known = {
        getattr(field.kwarg_definition, "name", None) or field.name: get_args(field.annotation)
        for field in handler.parsed_fn_signature.parameters.values()
        if field.name not in {"request", "data", "body", *request.path_params}
    }
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        there_are = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise InvalidError(
            f"{request.url.path} has no query parameter {unknown[0]!r}; {there_are}",
            code="parameter_unknown",
            errors=[{"field": name, "message": "unknown query parameter"} for name in unknown],
        )
    for name, text in request.query_params.multi_items():
        # Litestar reads this as nothing, where something else than a text is wanted.
        if text == "null" and str not in known[name]:
            raise InvalidError(
                f"{name} cannot be null; leave it out",
                errors=[{"field": name, "message": "cannot be null"}],
            )


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a client prefers of an answer (the header ``Prefer``, RFC 7240)."""

    is_representation: bool = False
    wait_seconds: float | None = None


def preferences_of(request: AnyRequest) -> Preferences:
    """Read ``return=representation`` and ``wait=SECONDS``; other preferences are passed over.

    Raises:
        InvalidError: The time to wait is not a number of seconds.
    """
    header = request.headers.get("prefer")
    if header is None:
        return Preferences()
    is_representation = False
    wait: float | None = None
    for part in header.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "return" and value.lower() == "representation":
            is_representation = True
        elif name == "wait":
            if not value.isdecimal():
                raise InvalidError(
                    f"Prefer: wait={value} is not a number of seconds, such as wait=30"
                )
            wait = min(float(value), LONGEST_WAIT_SECONDS)
    return Preferences(is_representation, wait)


def traceparent_of(request: AnyRequest) -> str | None:
    """Return the span that is current, or the client's where this process traces nothing."""
    return tracing.traceparent() or tracing.well_formed(request.headers.get("traceparent"))


def idempotency_key_of(request: AnyRequest) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise InvalidError("an Idempotency-Key has 1 to 255 characters")
    return str(key)

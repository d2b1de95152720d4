"""Authentication and authorization of requests, before anything else of them is read."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from scenarist.api.openapi.components import to_camel_case
from scenarist.api.problems import CREDENTIAL_MISSING
from scenarist.api.requests import AnyRequest, actor_of
from scenarist.domain.errors import (
    ConflictError,
    DeniedError,
    ScenaristError,
    UnauthenticatedError,
    UnavailableError,
)
from scenarist.domain.permissions import ANYONE, Actor, Origin, Permission
from scenarist.domain.users import AuditEntry
from scenarist.services.audit import AuditService
from scenarist.services.authentication import Authenticator
from scenarist.services.refused_requests import RefusalCounter
from scenarist.services.sessions import rate_limit_key

AnyConnection = ASGIConnection[Any, Any, Any, Any]
T = TypeVar("T")

_SIGN_IN_THREADS = 4
_SIGN_IN_WAITING = 64
_SIGN_IN_OF_ADDRESS = 16


class AuthMiddleware:
    """Authenticates each request and checks its role, as a guard in front of every handler.

    Args:
        authenticator: None if authorization is off: then every caller is `ANYONE`.
        refusals: Counts requests that are refused before the caller is known; None to count none.
        opened: Names of the settings in effect that open paths to everybody: a handler names its
            setting as ``opened_by`` in its ``opt``.
        looks_up_in_threads: Whether a look-up may take longer than switching threads.
    """

    def __init__(
        self,
        authenticator: Authenticator | None,
        audit: AuditService,
        *,
        refusals: RefusalCounter | None = None,
        opened: frozenset[str] = frozenset(),
        looks_up_in_threads: bool = False,
    ) -> None:
        self._looks_up_in_threads = looks_up_in_threads
        self._authenticator = authenticator
        self._audit = audit
        self._refusals = refusals
        self._opened = opened

    @property
    def is_off(self) -> bool:
        return self._authenticator is None

    def count_refusal(self, address: str, operation: str, reason: str) -> None:
        """Count a refusal for the audit log, which gets their number and not a row for each."""
        if self._refusals is not None:
            self._refusals.count(address, operation, reason)

    async def __call__(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        """Store the actor in the scope of the request.

        Raises:
            UnauthenticatedError: There are no valid credentials.
            DeniedError: The actor lacks the required role; the message names it.
            ConflictError: The path manages users or keys, and authorization is off.
            UnavailableError: The issuer of the token cannot be reached.
        """
        scope: Any = connection.scope
        opt = handler.opt
        if self._authenticator is None and opt.get("permission") is Permission.ADMINISTER:
            raise ConflictError(
                "while authorization is off, users and keys can be managed on the command line "
                "only, since anybody could create one here and still use it once authorization is "
                "on",
                code="authorization_off",
            )
        if self._authenticator is None or "is_open" in opt or opt.get("opened_by") in self._opened:
            scope["actor"] = ANYONE
            return
        actor = None
        permission: Permission | None = opt["permission"]
        try:
            credential = credential_of(connection)
            actor = await self._authenticate(self._authenticator, credential)
            if permission is not None:
                actor.require(permission)
        except (UnauthenticatedError, DeniedError) as refusal:
            await sync_to_thread(self._record_refusal, connection, handler, actor, refusal)
            raise
        if permission is not Permission.READ:
            actor = replace(actor, origin=origin_of(connection, handler))
        scope["actor"] = actor

    async def require(self, request: AnyRequest, permission: Permission) -> None:
        """Require a permission that the handler does not: one that the body asks for.

        Raises:
            DeniedError: The actor lacks the role; the refusal is recorded.
        """
        actor = actor_of(request)
        try:
            actor.require(permission)
        except DeniedError as refusal:
            handler: BaseRouteHandler = request.scope["route_handler"]
            await sync_to_thread(self._record_refusal, request, handler, actor, refusal)
            raise

    def make_find_actor(self, request: AnyRequest) -> Callable[[], Awaitable[Actor]]:
        """Return a function that authenticates the caller again, for a response that takes long.

        It raises what a new request with the same credential would raise.
        """
        authenticator = self._authenticator
        if authenticator is None:
            return _find_anyone
        credential = credential_of(request)

        async def find_actor() -> Actor:
            return await self._authenticate(authenticator, credential)

        return find_actor

    async def _authenticate(self, authenticator: Authenticator, credential: str) -> Actor:
        if self._looks_up_in_threads:
            return await sync_to_thread(_authenticate_now, authenticator, credential)
        actor = authenticator.find_cached(credential)
        if actor is None and authenticator.needs_network(credential):
            verified = await sync_to_thread(authenticator.verify, credential)
            actor = authenticator.authenticate(credential, verified)
        return actor or _authenticate_now(authenticator, credential)

    def _record_refusal(
        self,
        connection: AnyConnection,
        handler: BaseRouteHandler,
        actor: Actor | None,
        refusal: ScenaristError,
    ) -> None:
        origin = origin_of(connection, handler)
        entry = AuditEntry(
            created_at=self._audit.now(),
            actor=None if actor is None else actor.name,
            actor_id=None if actor is None else actor.id,
            key_id=None if actor is None else actor.key_id,
            address=origin.address,
            operation=origin.operation,
            entity_id=_entity_of(connection.path_params),
            is_allowed=False,
            reason=refusal.message,
        )
        # The request is refused even if the refusal cannot be recorded.
        with suppress(UnavailableError):
            self._audit.add_refusal(entry)


class LoginExecutor:
    """Bounded executor for sign-ins: hashing a password takes memory and a processor."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_SIGN_IN_THREADS, "sign-in")
        self._inside: Counter[str] = Counter()

    async def run(self, address: str, work: Callable[[], T]) -> T:
        """Run work in one of the threads for sign-ins.

        Raises:
            UnavailableError: Too many sign-ins are waiting, in total or from this address.
        """
        key = rate_limit_key(address)
        if (
            self._inside.total() >= _SIGN_IN_THREADS + _SIGN_IN_WAITING
            or self._inside[key] >= _SIGN_IN_OF_ADDRESS
        ):
            raise UnavailableError("too many sign-ins are in progress; try again")
        self._inside[key] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]


def auth_of(request: AnyRequest) -> AuthMiddleware:
    auth: AuthMiddleware = request.app.state["auth"]
    return auth


def credential_of(connection: AnyConnection) -> str:
    """Return the bearer token of a request (RFC 6750, section 2.1).

    Raises:
        UnauthenticatedError: There is none, or more than one.
    """
    found = [value for name, value in connection.scope["headers"] if name == b"authorization"]
    if not found:
        raise UnauthenticatedError(
            "the request has no credentials; send the header Authorization with Bearer TOKEN",
            code=CREDENTIAL_MISSING,
        )
    scheme, _, token = found[0].decode("latin-1").strip().partition(" ")
    token = token.strip()
    if len(found) > 1 or scheme.lower() != "bearer" or not token or " " in token:
        raise UnauthenticatedError(
            "the header Authorization is malformed; send it once, as Bearer TOKEN",
            code="credential_malformed",
        )
    return token


def origin_of(connection: AnyConnection, handler: BaseRouteHandler) -> Origin:
    client = connection.client
    return Origin("" if client is None else client.host, to_camel_case(handler.handler_name))


def _entity_of(path_params: Mapping[str, Any]) -> str | None:
    if not path_params:
        return None
    # PostgreSQL cannot store null characters, and no database lone surrogates.
    plain = str(next(iter(path_params.values())))[:512].replace("\0", "\ufffd")
    return plain.encode("utf-8", "replace").decode()


def _authenticate_now(authenticator: Authenticator, credential: str) -> Actor:
    actor = authenticator.find_cached(credential)
    return actor or authenticator.authenticate(credential, authenticator.verify(credential))


async def _find_anyone() -> Actor:
    return ANYONE

"""Servers with authorization, and what their users show."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

import empty_databases
from scenarist.db.engine import Database
from scenarist.domain.listings import AuditFilter, PageRequest
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.users import AuditEntry, Realm
from scenarist.identity.passwords import Passwords
from scenarist.identity.secret_keys import SecretKeys
from scenarist.identity.tokens import TokenSigner
from scenarist.server.admin import open_database
from scenarist.server.settings import Settings
from scenarist.services.audit import AuditService
from scenarist.services.authentication import Authenticator
from scenarist.services.keys import KeyService
from scenarist.services.sessions import SessionService
from scenarist.services.users import UserService
from servers import StartedServer

PASSWORDS = {
    "rita": "reading is enough",
    "edda": "edits every day",
    "exel": "executes all of it",
    "adam": "administers the rest",
    "nina": "may do nothing yet",
}
ROLES = {
    "rita": ["TAIPY_READER"],
    "edda": ["TAIPY_EDITOR"],
    "exel": ["TAIPY_EXECUTOR"],
    "adam": ["TAIPY_ADMIN"],
    "nina": [],
}

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Takes no time; what it makes looks like any other hash."""
SETTING_UP = Actor("whoever sets it up", frozenset({Role.ADMIN}))


def with_users(folder: Path, *options: str) -> StartedServer:
    """Start a server that has all the users, with a secret key of its own."""
    empty_databases.copy_to(folder / "scenarist.db")
    with open_database(settings_in(folder), make=True) as database:
        # Whoever signs in gets a hash of the usual effort then.
        users = UserService(database, Passwords(CHEAP), now=lambda: datetime.now(UTC))
        for name, password in PASSWORDS.items():
            users.create(SETTING_UP, name, password, ROLES[name])
    if not any(option.startswith("--audit-refusals") for option in options):
        # Tests are refused faster than people, and look at what the audit says of it.
        options = ("--audit-refusals=10000", *options)
    return StartedServer(folder, options=("--auth=local", *options))


def settings_in(folder: Path) -> Settings:
    return Settings(database=f"sqlite:///{folder}/scenarist.db")


def token_of(server: StartedServer, name: str) -> str:
    """Sign somebody in."""
    answer = server.http.post(
        "/api/v1/auth/login", json={"username": name, "password": PASSWORDS[name]}
    )
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["token"]
    return token


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def ask(
    server: StartedServer, token: str | None, method: str, path: str, **more: Any
) -> httpx.Response:
    headers: Mapping[str, str] = more.pop("headers", {})
    return server.http.request(method, path, headers={**bearer(token), **headers}, **more)


def audit_of(server: StartedServer, token: str, **wanted: str) -> list[dict[str, Any]]:
    """Read the audit as an administrator, the newest first."""
    found = ask(server, token, "GET", "/api/v1/audit", params=wanted)
    assert found.status_code == 200, found.text
    entries: list[dict[str, Any]] = found.json()["results"]
    return entries


SECRET_KEY = "the-key-of-a-server-in-a-test"
SESSION = timedelta(hours=8)
HERE = Origin("192.0.2.1", "login")
ADMIN = Actor("chief", frozenset({Role.ADMIN}), origin=Origin("192.0.2.9", "administer"))


class Entrance:
    """What one server has over a database to know who comes in; passwords take no time."""

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        *,
        keys: SecretKeys | None = None,
        hasher: PasswordHasher = CHEAP,
    ) -> None:
        self.database = database
        self.signer = TokenSigner(keys or SecretKeys.from_setting(SECRET_KEY), now=now)
        self.authenticator = Authenticator(database, self.signer, now=now, realm=Realm.LOCAL)
        passwords = Passwords(hasher)
        self.signing_in = SessionService(
            database,
            self.authenticator,
            self.signer,
            passwords,
            now=now,
            realm=Realm.LOCAL,
            directory=None,
            session_length=SESSION,
        )
        self.users = UserService(database, passwords, now=now)
        self.keys = KeyService(database, now=now)
        self.audit = AuditService(database, now=now)

    def add(self, name: str, *roles: str) -> None:
        """Add one of `PASSWORDS` with the usual roles, or with others."""
        self.users.create(ADMIN, name, PASSWORDS[name], roles or ROLES[name])

    def sign_in(self, name: str, origin: Origin = HERE) -> str:
        return self.signing_in.sign_in(name, PASSWORDS[name], origin).token

    def actor(self, credential: str) -> Actor:
        """Find out who asks, as the gate does."""
        known = self.authenticator.find_cached(credential)
        if known is not None:
            return known
        return self.authenticator.authenticate(credential, self.authenticator.verify(credential))

    def entries(self, **wanted: Any) -> list[AuditEntry]:
        """Read the audit, the newest first."""
        request = PageRequest(limit=1000, is_descending=True)
        filters: dict[str, Any] = {
            name: (value,) if isinstance(value, str) else value for name, value in wanted.items()
        }
        return self.audit.list_page(ADMIN, AuditFilter(**filters), request).items

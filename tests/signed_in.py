"""Servers with authorization, and what their users show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from scenarist import administration
from scenarist.settings import Settings
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


def with_users(folder: Path, *options: str) -> StartedServer:
    """Start a server that has all the users, with a secret key of its own."""
    settings = settings_in(folder)
    for name, password in PASSWORDS.items():
        administration.add_user(settings, name, password, ROLES[name])
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

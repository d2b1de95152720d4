"""Every operation of the API description, for everybody who may ask: made from the description."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from ldap_server import BASE_DN, SERVICE_DN, SERVICE_PASSWORD, Ldaptor
from oidc_provider import Provider
from scenarist.domain.permissions import Actor, Permission, Role
from scenarist.server import admin
from servers import StartedServer
from signed_in import ROLES, ask, bearer, settings_in, token_of, with_users

Document = dict[str, Any]

NEEDS = {
    Role.READER: Permission.READ,
    Role.EDITOR: Permission.EDIT,
    Role.EXECUTOR: Permission.EXECUTE,
    Role.ADMIN: Permission.ADMINISTER,
}
OPEN = {"GET /healthz", "GET /readyz", "POST /api/v1/auth/login"}
# Bodies that change nothing for those who ask after this.
BODIES: dict[str, Document] = {
    "changePassword": {"old_password": "does not matter", "new_password": "short"},
    "createKey": {"name": " ", "roles": []},
    "createUser": {"username": "nobody", "password": "short", "roles": []},
}
LDAP_USERS = [
    ("nora", "right", ["TAIPY_READER"]),
    ("lea", "right", ["TAIPY_EDITOR"]),
    ("omar", "right", ["TAIPY_EXECUTOR"]),
    ("ines", "right", ["TAIPY_EDITOR", "TAIPY_ADMIN"]),
    ("tom", "right", []),
]
ENDS_THE_SESSION = "logout"


@dataclass(frozen=True, kw_only=True)
class Operation:
    id: str
    method: str
    path: str
    role: str
    statuses: frozenset[int]
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def address(self) -> str:
        """The path with identifiers of nothing that there is."""
        return re.sub(r"\{(\w+)\}", "NOTHING", self.path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def of_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    """A server whose users are those of a directory."""
    folder = tmp_path_factory.mktemp("of-directory")
    with (
        Ldaptor() as directory,
        declared(
            folder,
            f"""
        protocol = "ldap"
        server = "{directory.address}"
        base_dn = "{BASE_DN}"
        bind_dn = "{SERVICE_DN}"
        bind_password = "{SERVICE_PASSWORD}"
        [AUTHENTICATION.groups]
        "Plans, all" = ["TAIPY_READER"]
        editors = ["TAIPY_EDITOR"]
        runners = ["TAIPY_EXECUTOR"]
        readers = ["TAIPY_ADMIN"]
        """,
        ) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as started:
        yield started


@pytest.fixture(scope="module")
def of_issuer(
    provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartedServer]:
    """A server that takes the tokens of an issuer."""
    with declared(
        tmp_path_factory.mktemp("of-issuer"),
        f"""
        protocol = "oidc"
        issuer = "{provider.url}"
        audience = "scenarist"
        name_claim = "sub"
        """,
    ) as server:
        yield server


def declared(folder: Path, section: str) -> StartedServer:
    """Start a server with a section [AUTHENTICATION]."""
    file = folder / "authentication.toml"
    file.write_text("[AUTHENTICATION]\n" + dedent(section))
    return StartedServer(folder, environment={"SCENARIST_CONFIG_PATH": str(file)})


@pytest.fixture(scope="module")
def operations(guarded: StartedServer) -> list[Operation]:
    return described_by(guarded, token_of(guarded, "adam"))


def described_by(server: StartedServer, token: str) -> list[Operation]:
    document = server.http.get("/schema/openapi.json", headers=bearer(token)).json()
    found = []
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            content = said.get("requestBody", {}).get("content", {})
            found.append(
                Operation(
                    id=said["operationId"],
                    method=method.upper(),
                    path=path,
                    role=said.get("x-role", "none"),
                    statuses=frozenset(map(int, said["responses"])),
                    body=BODIES.get(
                        said["operationId"], content.get("application/json", {}).get("example")
                    ),
                    query={
                        item["name"]: "anything"
                        for item in said.get("parameters", ())
                        if item.get("in") == "query" and item.get("required")
                    },
                )
            )
    # A session that is signed out is no use for the rest.
    return sorted(found, key=lambda item: item.id == ENDS_THE_SESSION)


def outcome_of(
    server: StartedServer, token: str | None, operation: Operation, method: str
) -> tuple[int, str]:
    """Ask; return the status and the code of the problem, where there is one."""
    with server.http.stream(
        method,
        operation.address,
        headers=bearer(token),
        params=operation.query,
        json=operation.body,
    ) as answer:
        if "event-stream" in answer.headers.get("content-type", ""):
            return answer.status_code, ""
        text = answer.read()
    is_problem = answer.headers.get("content-type") == "application/problem+json" and text
    return answer.status_code, answer.json()["code"] if is_problem else ""


def faults_of(
    server: StartedServer, operations: list[Operation], token: str | None, roles: list[str] | None
) -> list[str]:
    """Return what is not as it should be for somebody with some roles; None for nobody at all."""
    actor = Actor("somebody", frozenset(map(Role, roles or ())))
    faults = []
    for operation in operations:
        methods = ["GET", "HEAD"] if operation.method == "GET" else [operation.method]
        for method in methods:
            status, code = outcome_of(server, token, operation, method)
            expected = expected_of(operation, None if roles is None else actor)
            if expected is not None and status != expected:
                faults.append(f"{method} {operation.path}: {status} {code}, not {expected}")
            elif expected is None and not is_documented(operation, status, code):
                faults.append(f"{method} {operation.path}: {status} {code}")
    return faults


def expected_of(operation: Operation, actor: Actor | None) -> int | None:
    """Return the status of a refusal; None for whatever is documented for those who may."""
    if operation.role == "none":
        return None
    if actor is None:
        return 401
    if operation.role == "any":
        return None
    needed = NEEDS[Role(operation.role)]
    try:
        actor.require(needed)
    except Exception:  # noqa: BLE001 - whatever it says
        return 403
    return None


def is_documented(operation: Operation, status: int, code: str) -> bool:
    if operation.id == "login":
        return (status, code) in {
            (401, "sign_in_failed"),
            (401, "sign_in_elsewhere"),
            (429, "too_many_tries"),
        }
    return status in operation.statuses - {401, 403}


def test_only_health_and_signing_in_are_open(operations: list[Operation]) -> None:
    assert {operation.name for operation in operations if operation.role == "none"} == OPEN


def test_every_operation_is_in_the_grid(operations: list[Operation]) -> None:
    assert len(operations) > 70
    assert {operation.role for operation in operations} == {*map(str, Role), "any", "none"}


def test_somebody_unknown_is_answered_with_401(
    guarded: StartedServer, operations: list[Operation]
) -> None:
    assert faults_of(guarded, operations, None, None) == []


@pytest.mark.parametrize("name", list(ROLES))
def test_a_user_may_do_what_the_roles_allow_and_nothing_else(
    guarded: StartedServer, operations: list[Operation], name: str
) -> None:
    assert faults_of(guarded, operations, token_of(guarded, name), ROLES[name]) == []


@pytest.mark.parametrize("name", list(ROLES))
def test_a_key_may_do_what_its_roles_allow_and_nothing_else(
    guarded: StartedServer, operations: list[Operation], name: str
) -> None:
    _, key = admin.create_key(settings_in(guarded.folder), f"key of {name}", ROLES[name], days=1)

    assert faults_of(guarded, operations, key, ROLES[name]) == []


@pytest.mark.parametrize(("name", "password", "roles"), LDAP_USERS)
def test_a_user_of_a_directory_may_do_what_the_groups_allow_and_nothing_else(
    of_directory: StartedServer,
    operations: list[Operation],
    name: str,
    password: str,
    roles: list[str],
) -> None:
    answer = of_directory.http.post(
        "/api/v1/auth/login", json={"username": name, "password": password}
    )

    assert answer.status_code == 201, answer.text
    assert faults_of(of_directory, operations, answer.json()["token"], roles) == []


@pytest.mark.parametrize("name", list(ROLES))
def test_a_user_of_an_issuer_may_do_what_the_claims_allow_and_nothing_else(
    of_issuer: StartedServer, provider: Provider, operations: list[Operation], name: str
) -> None:
    token = provider.sign_in(name, "scenarist", groups=ROLES[name])["id_token"]

    assert faults_of(of_issuer, operations, token, ROLES[name]) == []


def test_no_user_is_created_where_an_issuer_manages_them(
    of_issuer: StartedServer, provider: Provider
) -> None:
    token = provider.sign_in("adam", "scenarist", groups=["TAIPY_ADMIN"])["id_token"]
    body = {"username": "omar", "password": "sun over the plant", "roles": ["TAIPY_READER"]}

    answer = ask(of_issuer, token, "POST", "/api/v1/users", json=body)

    assert (answer.status_code, answer.json()["code"]) == (409, "users_elsewhere")


def test_a_token_of_an_issuer_that_is_signed_out_is_taken_no_more(
    of_issuer: StartedServer, provider: Provider
) -> None:
    token = provider.sign_in("omar", "scenarist", groups=["TAIPY_READER"])["id_token"]
    first = ask(of_issuer, token, "GET", "/api/v1/auth/me")

    out = ask(of_issuer, token, "POST", "/api/v1/auth/logout")
    again = ask(of_issuer, token, "GET", "/api/v1/auth/me")

    assert (first.status_code, out.status_code, again.status_code) == (200, 201, 401)
    assert again.json()["code"] == "token_revoked"


@pytest.mark.parametrize("path", ["/metrics", "/schema", "/schema/openapi.json"])
def test_what_a_setting_opens_is_open_and_closed_without_it(
    guarded: StartedServer, tmp_path: Path, path: str
) -> None:
    with with_users(tmp_path, "--open-metrics", "--open-description") as opened:
        assert opened.http.get(path).status_code == 200
        assert opened.http.get("/api/v1/sequences").status_code == 401

    assert guarded.http.get(path).status_code == 401
    assert ask(guarded, token_of(guarded, "rita"), "GET", path).status_code == 200
    assert ask(guarded, token_of(guarded, "nina"), "GET", path).status_code == 403

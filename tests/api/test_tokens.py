"""Credentials that are forged, over, torn or doubled: refused by a real server, and noted."""

import base64
import hmac
import json
import secrets
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from scenarist.db import users as user_rows
from scenarist.db.engine import Database
from scenarist.db.sessions import add as add_session
from scenarist.domain.users import Realm
from scenarist.identity.secret_keys import SecretKeys
from scenarist.identity.tokens import TokenSigner
from scenarist.server import admin
from servers import StartedServer
from signed_in import ask, audit_of, bearer, settings_in, token_of, with_users

PATH = "/api/v1/sequences"
A_CHAR_OF_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture(scope="module")
def adam(guarded: StartedServer) -> str:
    return token_of(guarded, "adam")


@pytest.fixture(scope="module")
def token(guarded: StartedServer) -> str:
    """A good token, which no test ends."""
    return token_of(guarded, "rita")


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def key_of(server: StartedServer) -> tuple[str, bytes]:
    """Return the key that the server signs with, and its name."""
    derived = SecretKeys.from_file(server.folder / "secret.key").derive("tokens")
    ((name, key),) = derived.items()
    return name, key


def signed(server: StartedServer, claims: dict[str, Any], algorithm: str = "HS256") -> str:
    """Sign any claims with the right key, whatever a library would say to that."""
    kid, key = key_of(server)
    text = f"{encoded({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{encoded(claims)}"
    signature = hmac.digest(key, text.encode(), algorithm.replace("HS", "sha"))
    return f"{text}.{encoded(signature)}"


def add_user(server: StartedServer, name: str, *roles: str) -> str:
    """Add a user for one test, and sign in."""
    admin.add_user(settings_in(server.folder), name, "long enough", roles)
    answer = server.http.post(
        "/api/v1/auth/login", json={"username": name, "password": "long enough"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


def check_refused(server: StartedServer, answer: httpx.Response, code: str) -> None:
    """Check a 401, and that nothing of what was shown is in it."""
    assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="scenarist"')
    assert ("invalid_token" in challenge) == (code != "credential_missing")
    shown = answer.request.headers.get("authorization", "").removeprefix("Bearer ")
    assert not shown or shown not in answer.text


def refused(server: StartedServer, credential: str, code: str = "token_invalid") -> None:
    """Check that a credential is refused, and that the audit says so."""
    answer = ask(server, None, "GET", PATH, headers={"Authorization": f"Bearer {credential}"})
    check_refused(server, answer, code)
    newest = newest_refusal(server)
    assert newest["operation"] == "listSequences"
    assert newest["reason"].startswith(answer.json()["detail"])
    assert credential not in newest["reason"]


def newest_refusal(server: StartedServer) -> dict[str, Any]:
    with closing(sqlite3.connect(server.folder / "scenarist.db")) as connection:
        row = connection.execute(
            "SELECT actor, key_id, operation, is_allowed, reason FROM audit "
            "WHERE is_allowed = 0 ORDER BY number DESC LIMIT 1"
        ).fetchone()
    return dict(zip(("actor", "key_id", "operation", "is_allowed", "reason"), row, strict=True))


def raw(server: StartedServer, *lines: bytes) -> tuple[int, bytes]:
    """Send a request as it is written here; return the status and the rest of the answer."""
    url = server.http.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        connection.sendall(b"\r\n".join((*lines, b"Host: test", b"Connection: close", b"", b"")))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head + body


def test_a_request_without_credentials_is_told_where_to_put_them(guarded: StartedServer) -> None:
    answer = guarded.http.get(PATH)

    assert answer.status_code == 401
    assert answer.json()["message"] == (
        "the request has no credentials; send the header Authorization with Bearer TOKEN"
    )


def test_a_token_that_expired_is_refused_though_its_session_is_there(
    guarded: StartedServer,
) -> None:
    now = datetime.now(UTC)
    keys = SecretKeys.from_file(guarded.folder / "secret.key")
    old = TokenSigner(keys, now=lambda: now - timedelta(hours=9)).issue(
        "rita", now - timedelta(seconds=1)
    )
    with Database(settings_in(guarded.folder).database) as database:
        rita = user_rows.find(database.reader, "rita", Realm.LOCAL)
        assert rita is not None
        number, later = rita.number, now + timedelta(hours=1)
        database.write(
            lambda connection: add_session(
                connection, old.id_hash, number, now=now, expires_at=later
            )
        )

    refused(guarded, old.text, "token_expired")


def test_a_session_that_is_over_is_refused_though_its_token_lasts(guarded: StartedServer) -> None:
    shown = add_user(guarded, "overtime", "reader")
    assert ask(guarded, shown, "GET", PATH).status_code == 200
    with closing(sqlite3.connect(guarded.folder / "scenarist.db")) as connection, connection:
        connection.execute("UPDATE sessions SET expires_at = 5 WHERE expires_at > 5 AND user_number"
                           " = (SELECT number FROM users WHERE name = 'overtime')")  # fmt: skip
        connection.execute("UPDATE users SET roles = roles WHERE name = 'overtime'")

    refused(guarded, shown, "token_expired")


def test_a_token_without_a_session_is_refused_though_it_is_signed(guarded: StartedServer) -> None:
    forged = TokenSigner(
        SecretKeys.from_file(guarded.folder / "secret.key"), now=lambda: datetime.now(UTC)
    ).issue("adam", datetime.now(UTC) + timedelta(hours=1))

    refused(guarded, forged.text, "token_revoked")


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "", None, "HS256 ", "none\0"]
)
@pytest.mark.parametrize("signature", ["kept", "dropped"])
def test_an_unsigned_token_is_refused(
    guarded: StartedServer, token: str, algorithm: str | None, signature: str
) -> None:
    header, payload, kept = token.split(".")
    unsigned = encoded({**decoded(header), "alg": algorithm})

    refused(guarded, f"{unsigned}.{payload}.{kept if signature == 'kept' else ''}")


def test_a_token_without_its_signature_is_refused(guarded: StartedServer, token: str) -> None:
    header, payload, _ = token.split(".")

    for cut in (f"{header}.{payload}.", f"{header}.{payload}", f"{payload}.{header}."):
        refused(guarded, cut)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused_though_the_key_is_right(
    guarded: StartedServer, token: str, algorithm: str
) -> None:
    refused(guarded, signed(guarded, claims_of(token), algorithm))


@pytest.mark.parametrize("algorithm", ["HS512", "RS256", "ES256", "PS256", "EdDSA", "hs256"])
def test_a_token_whose_header_says_another_algorithm_is_refused(
    guarded: StartedServer, token: str, algorithm: str
) -> None:
    header, payload, signature = token.split(".")
    other = encoded({**decoded(header), "alg": algorithm})

    refused(guarded, f"{other}.{payload}.{signature}")


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"kid": "../../secret.key"},
        {"kid": "' OR 1=1 --"},
        {"kid": ["x"]},
        {"kid": None},
        {"kid": "\ud800"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "http://127.0.0.1:9/keys"},
    ],
    ids=range(9),
)
def test_a_token_with_something_strange_in_its_header_is_refused(
    guarded: StartedServer, token: str, more: dict[str, Any]
) -> None:
    header, payload, signature = token.split(".")

    refused(guarded, f"{encoded({**decoded(header), **more})}.{payload}.{signature}")


def test_a_token_with_a_header_that_is_no_object_is_refused(
    guarded: StartedServer, token: str
) -> None:
    _, payload, signature = token.split(".")

    for header in (b"", b"null", b"5", b'"x"', b"[]", b"{", b"[" * 1400, b"\xff\xfe", b"{}"):
        refused(guarded, f"{encoded(header)}.{payload}.{signature}")


@pytest.mark.parametrize("key", ["another server", "no key at all"])
def test_a_token_signed_by_somebody_else_is_refused(
    guarded: StartedServer, token: str, key: str, tmp_path: Path
) -> None:
    kid, _ = key_of(guarded)
    ((_, foreign),) = SecretKeys.from_file(tmp_path / "secret.key").derive("tokens").items()
    chosen = foreign if key == "another server" else b"\0" * 32

    refused(guarded, jwt.encode(claims_of(token), chosen, headers={"kid": kid}))


def test_a_token_of_another_server_is_refused(guarded: StartedServer, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    other = TokenSigner(SecretKeys.from_file(tmp_path / "secret.key"), now=lambda: now)

    refused(guarded, other.issue("adam", now + timedelta(hours=1)).text)


def test_a_token_that_is_signed_for_another_use_is_refused(
    guarded: StartedServer, token: str
) -> None:
    kid, _ = key_of(guarded)
    keys = SecretKeys.from_file(guarded.folder / "secret.key")
    file = (guarded.folder / "secret.key").read_bytes().strip()

    for key in (keys.derive("secrets")[kid], file):
        refused(guarded, jwt.encode(claims_of(token), key, headers={"kid": kid}))


@pytest.mark.parametrize("issuer", ["Scenarist", "", "https://accounts.example.org", "scenarist "])
def test_a_token_of_another_issuer_is_refused_though_the_key_is_right(
    guarded: StartedServer, token: str, issuer: str
) -> None:
    refused(guarded, signed(guarded, {**claims_of(token), "iss": issuer}))


@pytest.mark.parametrize("change", [{"sub": "adam"}, {"exp": 2**33 - 1}, {"jti": "x"}, {"a": 1}])
def test_a_payload_that_was_changed_is_refused(
    guarded: StartedServer, token: str, change: dict[str, Any]
) -> None:
    header, _, signature = token.split(".")

    refused(guarded, f"{header}.{encoded({**claims_of(token), **change})}.{signature}")


def test_a_payload_of_another_token_is_refused(
    guarded: StartedServer, token: str, adam: str
) -> None:
    header, _, signature = token.split(".")

    refused(guarded, f"{header}.{adam.split('.')[1]}.{signature}")


def test_a_token_that_is_cut_anywhere_is_refused(guarded: StartedServer, token: str) -> None:
    statuses = {
        guarded.http.get(PATH, headers=bearer(token[:length])).status_code
        for length in range(1, len(token))
    }

    assert statuses == {401}
    assert guarded.http.get(PATH, headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_a_letter_changed_is_refused(
    guarded: StartedServer, token: str, part: int
) -> None:
    parts = token.split(".")
    text = parts[part]
    # The last letter of each part has bits that say nothing.
    for place in secrets.SystemRandom().sample(range(len(text) - 1), 12):
        other = secrets.choice(A_CHAR_OF_BASE64.replace(text[place], ""))
        parts[part] = text[:place] + other + text[place + 1 :]
        answer = guarded.http.get(PATH, headers=bearer(".".join(parts)))
        assert answer.status_code == 401, ".".join(parts)


@pytest.mark.parametrize("more", [".", ".x", "..", ".{}.{}.{}", "x", "=x", "%3D"])
def test_a_token_with_more_behind_it_is_refused(
    guarded: StartedServer, token: str, more: str
) -> None:
    assert guarded.http.get(PATH, headers=bearer(token + more)).status_code == 401


@pytest.mark.parametrize("size", [2_049, 20_000, 60_000])
def test_a_huge_token_is_refused(guarded: StartedServer, token: str, size: int) -> None:
    for huge in ("x" * size, token + "x" * (size - len(token)), "." * size, "scn_" + "x" * size):
        assert guarded.http.get(PATH, headers=bearer(huge)).status_code in {400, 401, 431}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer  ",
        b"Basic cml0YTpyZWFkaW5nIGlzIGVub3VnaA==",
        b"Token TOKEN",
        b"BearerTOKEN",
        b"Bearer TOKEN TOKEN",
        b"Bearer TOKEN,TOKEN",
        b"Bearer Bearer TOKEN",
        b"Bearer \"TOKEN\"",
        b"Bearer=TOKEN",
        b"Bearer: TOKEN",
        b"Digest username=rita",
        b"TOKEN",
        b"Bearer TOKEN\xff",
        "Bearer TOKENé".encode(),
        "Beärer TOKEN".encode("latin-1"),
        b"Bearer\tTOKEN",
        b"Bearer \xff\xfe\xfd",
        b"Bearer scn_\xff_\xfe",
    ],
    ids=range(21),
)  # fmt: skip
def test_a_header_that_is_no_bearer_token_is_refused(
    guarded: StartedServer, token: str, header: bytes
) -> None:
    line = b"Authorization: " + header.replace(b"TOKEN", token.encode())

    status, answer = raw(guarded, b"GET " + PATH.encode() + b" HTTP/1.1", line)

    assert status == 401
    assert b"www-authenticate: Bearer" in answer
    assert token.encode() not in answer


@pytest.mark.parametrize("scheme", [b"bearer", b"BEARER", b"BeArEr", b"Bearer  "])
def test_the_scheme_is_read_in_any_case(guarded: StartedServer, token: str, scheme: bytes) -> None:
    line = b"AUTHORIZATION: " + scheme + b" " + token.encode() + b"  "

    assert raw(guarded, b"GET " + PATH.encode() + b" HTTP/1.1", line)[0] == 200


@pytest.mark.parametrize("second", ["TOKEN", "nothing", "."])
@pytest.mark.parametrize("is_first", [True, False])
def test_two_headers_are_refused_whatever_they_say(
    guarded: StartedServer, token: str, second: str, is_first: bool
) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("authorization", f"Bearer {second}")]
    ordered = headers if is_first else headers[::-1]
    sent = [(name, text.replace("TOKEN", token)) for name, text in ordered]

    answer = guarded.http.get(PATH, headers=sent)

    assert (answer.status_code, answer.json()["code"]) == (401, "credential_malformed")


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "Authorization", "jwt"])
def test_a_token_in_the_query_opens_nothing(guarded: StartedServer, token: str, name: str) -> None:
    for shown in (token, f"Bearer {token}"):
        answer = guarded.http.get(PATH, params={name: shown})
        check_refused(guarded, answer, "credential_missing")
        assert token not in answer.text


def test_a_token_in_a_cookie_or_another_header_opens_nothing(
    guarded: StartedServer, token: str
) -> None:
    for headers in (
        {"Cookie": f"token={token}; Authorization=Bearer {token}"},
        {"X-Authorization": f"Bearer {token}"},
        {"Proxy-Authorization": f"Bearer {token}"},
        {"X-Forwarded-User": "adam", "Remote-User": "adam", "X-API-Key": token},
    ):
        assert guarded.http.get(PATH, headers=headers).status_code == 401


def test_a_token_that_was_signed_out_is_refused(guarded: StartedServer) -> None:
    shown = add_user(guarded, "leaver", "reader")

    assert ask(guarded, shown, "POST", "/api/v1/auth/logout").status_code == 201

    refused(guarded, shown, "token_revoked")
    assert ask(guarded, shown, "POST", "/api/v1/auth/logout").status_code == 401


def test_a_token_of_a_user_who_was_removed_is_refused(guarded: StartedServer, adam: str) -> None:
    shown = add_user(guarded, "gone", "reader")
    assert ask(guarded, shown, "GET", PATH).status_code == 200

    assert ask(guarded, adam, "DELETE", "/api/v1/users/gone").status_code == 200

    refused(guarded, shown, "token_revoked")


def test_a_token_of_a_user_who_lost_a_role_may_no_more_from_the_next_request_on(
    guarded: StartedServer, adam: str
) -> None:
    shown = add_user(guarded, "demoted", "editor")
    path = f"{PATH}/NOTHING"
    assert ask(guarded, shown, "DELETE", path).status_code == 404

    changed = {"roles": ["TAIPY_READER"]}
    assert ask(guarded, adam, "PATCH", "/api/v1/users/demoted", json=changed).status_code == 200

    answer = ask(guarded, shown, "DELETE", path)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert "TAIPY_EDITOR" in answer.json()["detail"]
    newest = audit_of(guarded, adam, actor="demoted", is_allowed="false")[0]
    assert (newest["operation"], newest["entity_id"]) == ("deleteSequence", "NOTHING")
    assert ask(guarded, shown, "GET", PATH).status_code == 200


def test_a_token_of_a_user_with_another_password_is_refused(
    guarded: StartedServer, adam: str
) -> None:
    shown = add_user(guarded, "renewed", "reader")
    assert ask(guarded, shown, "GET", PATH).status_code == 200

    changed = {"password": "entirely another one"}
    assert ask(guarded, adam, "PATCH", "/api/v1/users/renewed", json=changed).status_code == 200

    refused(guarded, shown, "token_revoked")


def test_what_the_database_keeps_of_a_session_is_no_credential(
    guarded: StartedServer, token: str
) -> None:
    with closing(sqlite3.connect(guarded.folder / "scenarist.db")) as connection:
        hashes = [row[0] for row in connection.execute("SELECT id_hash FROM sessions LIMIT 3")]

    for kept in hashes:
        refused(guarded, kept)
        refused(guarded, signed(guarded, {**claims_of(token), "jti": kept}), "token_revoked")


def test_a_key_that_expired_is_refused(guarded: StartedServer) -> None:
    key, text = admin.create_key(settings_in(guarded.folder), "expires", ["reader"], days=1)
    assert ask(guarded, text, "GET", PATH).status_code == 200
    with closing(sqlite3.connect(guarded.folder / "scenarist.db")) as connection, connection:
        connection.execute("UPDATE keys SET expires_at = 5 WHERE id = ?", (key.id,))

    refused(guarded, text, "token_expired")


def test_a_key_that_was_revoked_is_refused(guarded: StartedServer, adam: str) -> None:
    key, text = admin.create_key(settings_in(guarded.folder), "revoked", ["reader"], days=1)
    assert ask(guarded, text, "GET", PATH).status_code == 200

    assert ask(guarded, adam, "DELETE", f"/api/v1/keys/{key.id}").status_code == 200

    refused(guarded, text, "key_invalid")


def test_a_key_with_a_letter_changed_is_refused(guarded: StartedServer) -> None:
    _, text = admin.create_key(settings_in(guarded.folder), "letter", [], days=1)

    for place in range(0, len(text), 7):
        other = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        assert ask(guarded, other, "GET", "/api/v1/auth/me").status_code == 401
    assert ask(guarded, text, "GET", "/api/v1/auth/me").status_code == 200


def test_a_key_goes_with_its_maker_and_does_what_the_maker_may(
    guarded: StartedServer, adam: str
) -> None:
    shown = add_user(guarded, "maker", "admin")
    wanted = {"name": "of the maker", "roles": ["TAIPY_EDITOR"]}
    text = ask(guarded, shown, "POST", "/api/v1/keys", json=wanted).json()["token"]
    path = f"{PATH}/NOTHING"
    assert ask(guarded, text, "DELETE", path).status_code == 404

    ask(guarded, adam, "PATCH", "/api/v1/users/maker", json={"roles": ["TAIPY_READER"]})
    assert ask(guarded, text, "DELETE", path).status_code == 403
    ask(guarded, adam, "DELETE", "/api/v1/users/maker")

    refused(guarded, text, "key_invalid")


def test_a_refusal_of_a_key_names_it_in_the_audit(guarded: StartedServer, adam: str) -> None:
    key, text = admin.create_key(settings_in(guarded.folder), "only reads", ["reader"], days=1)

    assert ask(guarded, text, "POST", "/api/v1/keys", json={}).status_code == 403

    newest = audit_of(guarded, adam, key_id=key.id)[0]
    assert (newest["actor"], newest["operation"]) == ("only reads", "createKey")
    assert (newest["is_allowed"], newest["reason"]) == (
        False,
        "only reads lacks the role TAIPY_ADMIN",
    )


def test_the_server_made_no_mistake_with_any_of_this(guarded: StartedServer) -> None:
    assert [line for line in guarded.lines if line.get("level") == "error"] == []

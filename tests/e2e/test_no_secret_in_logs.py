"""Whatever a client shows or sends, the log of the server does not have it."""

import json
from pathlib import Path

import pytest

from signed_in import PASSWORDS, with_users

pytestmark = pytest.mark.e2e


def test_no_token_key_password_or_query_is_logged(tmp_path: Path) -> None:
    options = ("--access-log", "--log-level=debug")
    with with_users(tmp_path, *options) as server:
        http = server.http
        signed_in = http.post(
            "/api/v1/auth/login", json={"username": "adam", "password": PASSWORDS["adam"]}
        )
        token = signed_in.json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        key = http.post(
            "/api/v1/keys", json={"name": "machine", "roles": ["READER"]}, headers=headers
        )
        scenario = http.post("/api/v1/scenarios?config_id=broken", headers=headers).json()[
            "scenario"
        ]
        http.get("/api/v1/jobs", headers={"Authorization": f"Bearer {key.json()['token']}"})
        http.post(
            f"/api/v1/sequences/submit/{scenario['sequences']['all']['id']}",
            headers={**headers, "Prefer": "wait=30", "Idempotency-Key": "sesame-key"},
            json={"properties": {"note": "sesame-property"}},
        )
        for refused in (
            {"Authorization": "Bearer sesame-token"},
            {"Authorization": "Basic sesame-basic"},
            {"Authorization": "sesame-alone"},
            {"Cookie": "sesame-cookie", "X-Request-ID": "sesame name"},
        ):
            assert http.get("/api/v1/jobs?access_token=sesame-query", headers=refused).is_error
        http.post("/api/v1/auth/login", json={"username": "adam", "password": "sesame-password"})
        http.post("/api/v1/auth/login", content=b'{"username": "adam", "password": "sesame-half')
        server.stop()
        text = json.dumps(server.lines)

    assert signed_in.status_code == 201
    assert key.status_code == 201
    assert '"actor": "adam"' in text
    assert '"ending": "FAILED"' in text
    secrets = [token, key.json()["token"], *PASSWORDS.values(), "sesame"]
    assert [secret for secret in secrets if secret in text] == []

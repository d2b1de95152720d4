"""Signing in, users, keys and the audit through the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarist import Client
from scenarist.client import DeniedError, NotFoundError, ThrottledError, UnauthenticatedError
from scenarist.server import admin as administration
from servers import StartedServer
from signed_in import PASSWORDS, settings_in, with_users


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartedServer]:
    with with_users(tmp_path_factory.mktemp("guarded")) as server:
        yield server


@pytest.fixture
def admin(guarded: StartedServer) -> Iterator[Client]:
    with Client(guarded.address) as client:
        client.sign_in("adam", PASSWORDS["adam"])
        yield client


def test_who_signs_in_is_known_until_signing_out(guarded: StartedServer) -> None:
    with Client(guarded.address) as client:
        signed_in = client.sign_in("rita", PASSWORDS["rita"])

        assert signed_in.roles == ["TAIPY_READER"]
        assert client.me().username == "rita"
        with pytest.raises(DeniedError, match="TAIPY_EDITOR"):
            client.scenarios.create("chain")
        client.sign_out()
        with pytest.raises(UnauthenticatedError):
            client.me()
    with (
        Client(guarded.address, token=signed_in.token) as late,
        pytest.raises(UnauthenticatedError),
    ):
        late.me()


def test_a_wrong_password_is_refused(guarded: StartedServer) -> None:
    with Client(guarded.address) as client:
        for _ in range(5):
            with pytest.raises(UnauthenticatedError):
                client.sign_in("nobody", "whatever it may be")
        with pytest.raises(ThrottledError) as refusal:
            client.sign_in("nobody", "whatever it may be")

    assert refusal.value.retry_seconds is not None


def test_a_token_is_not_shown(guarded: StartedServer) -> None:
    with Client(guarded.address, token="very-secret") as client:
        assert "very-secret" not in repr(client) + str(vars(client))


def test_users_and_keys_come_and_go_and_the_audit_knows(admin: Client) -> None:
    user = admin.users.create("omar", "sun over the plant", ["TAIPY_READER"])
    changed = admin.users.change("omar", roles=["TAIPY_EXECUTOR"], password="rain on the plant")
    made = admin.keys.create("nightly", ["TAIPY_READER"])

    assert user.roles == ["TAIPY_READER"]
    assert changed == admin.users.get("omar")
    assert "omar" in [found.username for found in admin.users.list(sort="name")]
    assert made.key == admin.keys.get(made.key.id)
    assert made.key in list(admin.keys.list())
    admin.keys.delete(made.key.id)
    admin.users.delete("omar")
    with pytest.raises(NotFoundError):
        admin.users.get("omar")
    operations = [entry.operation for entry in admin.audit(entity_id="omar", is_allowed=True)]
    assert operations == ["deleteUser", "changeUser", "createUser"]


def test_ones_own_password_is_changed(admin: Client, guarded: StartedServer) -> None:
    admin.users.create("pia", "the first of them", ["TAIPY_READER"])
    with Client(guarded.address) as client:
        client.sign_in("pia", "the first of them")
        client.change_password("the first of them", "the second of them")
        assert client.sign_in("pia", "the second of them").username == "pia"


def test_a_key_is_the_token_of_a_program(tmp_path: Path) -> None:
    _, key = administration.create_key(settings_in(tmp_path), "nightly", ["executor"], days=1)
    with StartedServer(tmp_path, options=["--auth=local"]) as server:
        with Client(server.address, token=key) as known:
            assert list(known.scenarios.list()) == []
        with Client(server.address) as unknown, pytest.raises(UnauthenticatedError) as refusal:
            list(unknown.scenarios.list())

    assert refusal.value.status == 401

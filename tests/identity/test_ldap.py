"""Sign-in against real LDAP servers, each with the same people and groups."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from ldap_server import (
    BASE_DN,
    GROUP_ELSEWHERE,
    OPEN_DN,
    SERVICE_DN,
    SERVICE_PASSWORD,
    LdapServer,
    Ldaptor,
    OddServer,
    Relay,
    Slapd,
)
from scenarist.domain.errors import InvalidError, UnavailableError
from scenarist.domain.permissions import Identity, Role
from scenarist.identity.ldap import LdapDirectory

ROLES = {
    "Editors": [Role.EDITOR],
    "readers": [Role.READER],
    "runners": [Role.EXECUTOR],
    "planners": [Role.ADMIN],
}


@pytest.fixture(scope="module")
def slapd() -> Iterator[LdapServer]:
    if reason := Slapd.missing():
        pytest.skip(reason)
    with Slapd() as started:
        yield started


@pytest.fixture(scope="module")
def ldaptor() -> Iterator[LdapServer]:
    with Ldaptor() as started:
        yield started


@pytest.fixture(params=["slapd", "ldaptor"])
def server(request: pytest.FixtureRequest) -> LdapServer:
    started: LdapServer = request.getfixturevalue(request.param)
    return started


def directory_at(address: str, **settings: Any) -> LdapDirectory:
    service = {"bind_dn": SERVICE_DN, "bind_password": SERVICE_PASSWORD}
    return LdapDirectory(
        **{"server": address, "base_dn": BASE_DN, "roles": ROLES, **service, **settings}
    )


def roles_of(identity: Identity | None) -> set[Role]:
    assert identity is not None
    return set(identity.roles)


def test_somebody_with_the_right_password_is_known_with_the_roles_of_the_groups(
    server: LdapServer,
) -> None:
    assert directory_at(server.address).sign_in("ines", "right") == Identity(
        name="ines", roles=frozenset({Role.EDITOR, Role.READER})
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ines", "wrong"),
        ("ines", "Right"),
        ("ines", "right "),
        ("ines", "right\0"),
        ("ines", "\ud800"),
        ("nobody", "right"),
        ("reader", SERVICE_PASSWORD),
    ],
)
def test_a_wrong_password_and_an_unknown_name_let_nobody_in(
    server: LdapServer, name: str, password: str
) -> None:
    assert directory_at(server.address).sign_in(name, password) is None


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "in*",
        "ines)",
        "*)(uid=*",
        "ines)(|(uid=*",
        "nobody)(uid=ines",
        "\\2a",
        "\\69nes",
        "in\\65s",
        "{name}",
        "uid=ines",
        f"uid=ines,ou=people,{BASE_DN}",
    ],
)
def test_a_name_is_never_more_than_a_name(server: LdapServer, name: str) -> None:
    assert directory_at(server.address).sign_in(name, "right") is None


def test_a_name_may_hold_what_means_something_in_a_filter(server: LdapServer) -> None:
    assert directory_at(server.address).sign_in("a*(b)\\c", "right") == Identity(
        name="a*(b)\\c", roles=frozenset()
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ines", ""),
        ("", "right"),
        (" ", "right"),
        ("\0", "right"),
        ("ines\0", "right"),
        ("ines\n", "right"),
        ("in\u200bes", "right"),
        ("ines\ud800", "right"),
        ("i" * 129, "right"),
    ],
)
def test_what_is_no_name_or_no_password_is_refused_before_anything_is_asked(
    name: str, password: str
) -> None:
    nowhere = directory_at("ldap://127.0.0.1:1")

    assert nowhere.sign_in(name, password) is None


def test_a_name_and_a_password_may_be_of_any_script(server: LdapServer) -> None:
    identity = directory_at(server.address).sign_in("zoë", "пароль ﬁ 🔑")

    assert identity == Identity(name="zoë", roles=frozenset())


@pytest.mark.parametrize(
    ("typed", "name"), [("INES", "ines"), ("omar", "omar"), ("OMAR", "omar"), ("Omar", "omar")]
)
def test_the_name_is_the_one_of_the_directory_in_lower_case(
    server: LdapServer, typed: str, name: str
) -> None:
    identity = directory_at(server.address).sign_in(typed, "right")

    assert identity is not None
    assert identity.name == name


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("lea", {Role.EDITOR}),  # by member, with a comma in the DN
        ("ines", {Role.EDITOR, Role.READER}),  # by member and by uniqueMember
        ("omar", {Role.EXECUTOR}),  # by memberUid
        ("mia", {Role.ADMIN}),  # by memberOf alone
        ("nora", set()),  # by none that has roles
        ("guest", set()),  # by none
    ],
)
def test_groups_are_found_however_they_name_their_members(
    server: LdapServer, name: str, roles: set[Role]
) -> None:
    assert roles_of(directory_at(server.address).sign_in(name, "right")) == roles


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("ines", "editors"),
        ("ines", "  EDITORS "),
        ("ines", f"cn=Editors,ou=groups,{BASE_DN}"),
        ("ines", "CN = editors, OU=Groups , DC=Factory,DC=EXAMPLE"),
        ("nora", "plans,  All"),
        ("nora", "wardens"),
        ("nora", f"cn=Plans\\, all,ou=groups,{BASE_DN}"),
        ("nora", f"CN=plans\\2C \\61ll,ou=groups,{BASE_DN}"),
        ("mia", "Planners"),
        ("mia", GROUP_ELSEWHERE.upper()),
    ],
)
def test_a_group_is_meant_by_its_cn_or_its_dn_in_any_case(
    server: LdapServer, name: str, group: str
) -> None:
    directory = directory_at(server.address, roles={group: [Role.EDITOR]})

    assert roles_of(directory.sign_in(name, "right")) == {Role.EDITOR}


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("ines", "cn=Editors"),
        ("ines", f"cn=Editors,{BASE_DN}"),
        ("ines", "ou=groups"),
        ("ines", "groups"),
        ("nora", f"cn=Editors,ou=groups,{BASE_DN}"),  # it is the plain cn of another group
        ("nora", f"cn=Plans,cn=all,ou=groups,{BASE_DN}"),
        ("lea", "Costa, Lea"),
    ],
)
def test_nothing_else_is_taken_for_a_group(server: LdapServer, name: str, group: str) -> None:
    directory = directory_at(server.address, roles={group: [Role.ADMIN]})

    assert roles_of(directory.sign_in(name, "right")) == set()


def test_roles_of_one_group_under_two_spellings_add_up(server: LdapServer) -> None:
    directory = directory_at(
        server.address, roles={"editors": [Role.EDITOR], "EDITORS": [Role.EXECUTOR]}
    )

    assert roles_of(directory.sign_in("ines", "right")) == {Role.EDITOR, Role.EXECUTOR}


def test_two_entries_with_one_name_let_nobody_in_and_are_logged(server: LdapServer) -> None:
    with structlog.testing.capture_logs() as logged:
        identity = directory_at(server.address).sign_in("twin", "right")

    assert identity is None
    assert [(line["log_level"], line["name"], sorted(line["dns"])) for line in logged] == [
        (
            "warning",
            "twin",
            [f"uid=twin,ou=guests,{BASE_DN}", f"uid=twin,ou=people,{BASE_DN}"],
        )
    ]


@pytest.mark.parametrize(("name", "roles"), [("tom", set()), ("ines2", {Role.EXECUTOR})])
def test_of_two_names_in_an_entry_the_one_that_was_typed_counts(
    server: LdapServer, name: str, roles: set[Role]
) -> None:
    identity = directory_at(server.address).sign_in(name, "right")

    assert identity == Identity(name=name, roles=frozenset(roles))


@pytest.mark.parametrize(
    ("user_filter", "typed", "name"),
    [
        ("(uid={name})", "ines", "ines"),
        ("(&(objectClass=inetOrgPerson)(uid={name}))", "ines", "ines"),
        ("(|(uid={name})(mail={name}))", "Tom@Factory.example", "tom@factory.example"),
        ("(|(uid={name})(mail={name}@factory.example))", "tom", "tom"),
        ("(|(cn={name})(mail={name}@factory.example))", "tom", "two names"),
    ],
)
def test_the_name_comes_from_the_attribute_that_the_filter_compares(
    server: LdapServer, user_filter: str, typed: str, name: str
) -> None:
    identity = directory_at(server.address, user_filter=user_filter).sign_in(typed, "right")

    assert identity is not None
    assert identity.name == name


def test_an_entry_of_several_names_of_which_none_was_typed_lets_nobody_in(
    server: LdapServer,
) -> None:
    directory = directory_at(server.address, user_filter="(|(uid={name})(cn=two names))")

    assert directory.sign_in("somebody", "right") is None


def test_people_beside_the_base_are_unknown(server: LdapServer) -> None:
    directory = directory_at(server.address, base_dn=f"ou=guests,{BASE_DN}")

    assert directory.sign_in("ines", "right") is None
    assert directory.sign_in("twin", "right") == Identity(name="twin", roles=frozenset())


def test_somebody_in_an_active_directory_is_known_by_the_account_name(
    ldaptor: LdapServer,
) -> None:
    assert directory_at(ldaptor.address).sign_in("rui", "right") == Identity(
        name="rui", roles=frozenset({Role.ADMIN})
    )


def test_without_a_service_account_anybody_may_be_found_who_is_there_for_all_to_see(
    server: LdapServer,
) -> None:
    directory = directory_at(server.address, base_dn=OPEN_DN, bind_dn=None, bind_password=None)

    assert directory.sign_in("guest", "right") == Identity(name="guest", roles=frozenset())
    assert directory.sign_in("guest", "wrong") is None


def test_several_people_sign_in_at_once(server: LdapServer) -> None:
    directory = directory_at(server.address)
    names = ["ines", "Omar", "lea", "mia"] * 5

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: directory.sign_in(name, "right"), names))

    assert [identity and identity.name for identity in found] == ["ines", "omar", "lea", "mia"] * 5


@pytest.mark.parametrize("name", ["ines", "nobody", "twin"])
def test_a_wrong_password_is_asked_about_as_often_as_an_unknown_name(
    server: LdapServer, name: str
) -> None:
    with Relay(server.port) as relay:
        directory_at(f"ldap://127.0.0.1:{relay.port}").sign_in(name, "wrong")

        # As the service account, who is that, with the password, and goodbye.
        assert len(relay.asked()) == 4


@pytest.mark.parametrize(
    ("base_dn", "said"),
    [(f"ou=nowhere,{BASE_DN}", "noSuchObject"), ("dc=elsewhere,dc=example", "")],
)
def test_a_base_that_the_directory_does_not_have_makes_it_unavailable(
    server: LdapServer, base_dn: str, said: str
) -> None:
    directory = directory_at(server.address, base_dn=base_dn)

    with pytest.raises(UnavailableError, match=f"does not search under {base_dn}: {said}"):
        directory.sign_in("ines", "right")


def test_a_referral_is_not_followed(slapd: LdapServer) -> None:
    directory = directory_at(slapd.address, base_dn="dc=elsewhere,dc=example")

    with pytest.raises(UnavailableError, match=r"does not search under .*: referral"):
        directory.sign_in("ines", "right")


def test_a_wrong_password_of_the_service_account_is_said_and_not_repeated(
    server: LdapServer,
) -> None:
    directory = directory_at(server.address, bind_password="reads nothing")

    with pytest.raises(UnavailableError) as caught:
        directory.sign_in("ines", "right")

    assert str(caught.value) == (
        f"the directory {server.address} cannot be queried:"
        " it refuses the bind as cn=reader,dc=factory,dc=example: invalidCredentials"
    )
    assert "reads nothing" not in repr(directory)
    assert caught.value.__cause__ is None


def test_ldaps_is_spoken_with_a_server_that_the_authority_vouches_for(server: LdapServer) -> None:
    directory = directory_at(server.tls_address, ca_file=server.ca_file)

    assert roles_of(directory.sign_in("ines", "right")) == {Role.EDITOR, Role.READER}
    assert directory.sign_in("ines", "wrong") is None


def test_a_server_that_no_authority_vouches_for_is_not_asked(
    server: LdapServer, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))

    for ca_file in (None, str(other)):
        directory = directory_at(server.tls_address, ca_file=ca_file)
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            directory.sign_in("ines", "right")


def test_a_server_whose_certificate_is_for_another_host_is_not_asked(server: LdapServer) -> None:
    directory = directory_at(f"ldaps://localhost:{server.tls_port}", ca_file=server.ca_file)

    with pytest.raises(UnavailableError, match="certificate verify failed: Hostname mismatch"):
        directory.sign_in("ines", "right")


def test_start_tls_comes_before_anything_else_is_said(slapd: LdapServer) -> None:
    with Relay(slapd.port) as relay:
        directory = directory_at(f"ldap://127.0.0.1:{relay.port}", ca_file=slapd.ca_file)

        assert roles_of(directory.sign_in("ines", "right")) == {Role.EDITOR, Role.READER}

        said = b"".join(relay.asked())
        assert b"ines" not in said
        assert b"right" not in said
        assert SERVICE_PASSWORD.encode() not in said


def test_start_tls_asks_for_a_certificate_of_the_host_too(slapd: LdapServer) -> None:
    directory = directory_at(f"ldap://localhost:{slapd.port}", ca_file=slapd.ca_file)

    with pytest.raises(UnavailableError, match="certificate verify failed: Hostname mismatch"):
        directory.sign_in("ines", "right")


def test_a_server_elsewhere_that_does_not_start_tls_is_told_nothing(
    ldaptor: LdapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo

    def here(host: str, *arguments: Any, **options: Any) -> list[Any]:
        where = "127.0.0.1" if host == "directory.example" else host
        return look_up(where, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)

    with Relay(ldaptor.port) as relay:
        directory = directory_at(f"ldap://directory.example:{relay.port}")
        with pytest.raises(UnavailableError, match="it does not start TLS: protocolError"):
            directory.sign_in("ines", "right")

        said = b"".join(relay.asked())
        assert b"1.3.6.1.4.1.1466.20037" in said
        assert SERVICE_PASSWORD.encode() not in said


def test_a_server_that_is_away_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(UnavailableError) as caught:
        directory_at(f"ldap://127.0.0.1:{port}").sign_in("ines", "right")

    assert f"the directory ldap://127.0.0.1:{port} cannot be queried: " in str(caught.value)
    assert "refused" in str(caught.value)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_never_answers_is_not_waited_for_and_the_connection_is_closed(
    scheme: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        directory = directory_at(f"{scheme}://127.0.0.1:{port}", timeout_seconds=0.05)

        with pytest.raises(UnavailableError, match="timed out"):
            directory.sign_in("ines", "right")

        connection, _ = listener.accept()
        with connection:
            while connection.recv(1024):
                pass


def test_a_server_that_answers_too_slowly_is_not_waited_for() -> None:
    def dribble(connection: socket.socket, is_over: threading.Event) -> None:
        connection.sendall(b"\x30\x84\x7f\xff\xff\xff")
        while not is_over.wait(0.01):
            connection.sendall(b"\x00")

    with OddServer(dribble) as slow:
        directory = directory_at(f"ldap://127.0.0.1:{slow.port}", timeout_seconds=0.1)

        with pytest.raises(UnavailableError, match="timed out"):
            directory.sign_in("ines", "right")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "session terminated by server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 100, "its response is not LDAP"),
        (b"\x30\x03\x02\x01\x01", "its response is not LDAP"),
        (b"\x30\x84\x00", "session terminated by server"),
    ],
)
def test_what_answers_otherwise_than_a_directory_is_none(answer: bytes, said: str) -> None:
    def behave(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(1024)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1024):
            pass

    with OddServer(behave) as odd:
        with pytest.raises(UnavailableError, match=said):
            directory_at(f"ldap://127.0.0.1:{odd.port}").sign_in("ines", "right")

        odd.wait()


def test_a_number_where_a_text_should_be_is_not_taken_for_one() -> None:
    def answered(request: bytes, operation: bytes) -> bytes:
        number_and_operation = request[2 : 4 + request[3]] + operation
        return bytes([0x30, len(number_and_operation)]) + number_and_operation

    def behave(connection: socket.socket, _: threading.Event) -> None:
        success = b"\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
        connection.sendall(answered(connection.recv(1024), success))
        five = b"\x64\x10\x04\x00\x30\x0c\x30\x0a\x04\x03uid\x31\x03\x02\x01\x05"
        connection.sendall(answered(connection.recv(1024), five))

    with OddServer(behave) as odd:
        directory = directory_at(f"ldap://127.0.0.1:{odd.port}", bind_dn=None, bind_password=None)

        with pytest.raises(UnavailableError, match="its response is not LDAP"):
            directory.sign_in("ines", "right")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"server": "directory.example"}, "write ldaps://directory.example or ldap://"),
        ({"server": "http://directory.example"}, "server must name a host"),
        ({"server": "ldap://"}, "server must name a host"),
        ({"server": "ldap://directory.example:port"}, "server is not an address"),
        ({"server": "ldap://directory.example:0"}, "server must name a host"),
        ({"server": "ldap://[::1"}, "server is not an address"),
        ({"server": "ldap://a..b"}, "server is not an address"),
        ({"server": "ldap://directory.example/dc=example"}, "nothing else but its port"),
        ({"server": "ldap://directory.example?uid"}, "nothing else but its port"),
        ({"server": "ldap://one.example two.example"}, "server must name a host"),
        ({"base_dn": ""}, "base_dn '' is not a DN; write the DN"),
        ({"base_dn": "factory.example"}, "base_dn 'factory.example' is not a DN"),
        ({"base_dn": "dc=factory,example"}, "is not a DN"),
        ({"user_filter": "uid={name}"}, "does not select by name; write one that contains"),
        ({"user_filter": "(uid={name}"}, "does not select by name"),
        ({"user_filter": "(uid={name})(cn={name})"}, "does not select by name"),
        ({"user_filter": "(uid=ines)"}, "does not select by name"),
        ({"user_filter": "(uid={name}*)"}, "does not select by name"),
        ({"user_filter": "(mail={name}@factory.example)"}, "does not select by name"),
        ({"bind_dn": None}, "bind_dn and bind_password belong together"),
        ({"bind_password": ""}, "bind_dn and bind_password belong together"),
        ({"ca_file": "/no/such/file.pem"}, "ca_file '/no/such/file.pem' cannot be read"),
        ({"ca_file": __file__}, "name a file of certificates in PEM"),
        ({"timeout_seconds": 0}, "timeout_seconds must be more than 0"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_at_once(
    settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        directory_at(**{"address": "ldap://127.0.0.1", **settings})

    assert said in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidError) as caught:
        directory_at("ldap://reader:secret@directory.example")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["LDAPS://directory.example", "ldap://[::1]:389/"])
def test_an_address_may_be_written_in_other_ways(address: str) -> None:
    assert directory_at(address).sign_in("ines", "") is None

"""Starts real LDAP servers, which all hold the same people and groups."""

import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

import trustme

BASE_DN = "dc=factory,dc=example"
OPEN_DN = f"ou=open,{BASE_DN}"
"""What lies here may be read by anybody, and all else by the service account alone."""
SERVICE_DN = f"cn=reader,{BASE_DN}"
SERVICE_PASSWORD = "reads everything"
GROUP_ELSEWHERE = "cn=planners,dc=elsewhere,dc=example"
"""Known only from what an entry says of itself (memberOf)."""

Entry = dict[str, list[str]]


def _person(name: str, password: str, **more: list[str]) -> Entry:
    return {
        "objectClass": ["inetOrgPerson"],
        "cn": ["Somebody"],
        "sn": ["Somebody"],
        "uid": [name],
        "userPassword": [password],
        **more,
    }


ENTRIES: dict[str, Entry] = {
    BASE_DN: {"objectClass": ["dcObject", "organization"], "dc": ["factory"], "o": ["Factory"]},
    SERVICE_DN: {
        "objectClass": ["organizationalRole", "simpleSecurityObject"],
        "cn": ["reader"],
        "userPassword": [SERVICE_PASSWORD],
    },
    f"ou=people,{BASE_DN}": {"objectClass": ["organizationalUnit"], "ou": ["people"]},
    f"ou=guests,{BASE_DN}": {"objectClass": ["organizationalUnit"], "ou": ["guests"]},
    f"ou=groups,{BASE_DN}": {"objectClass": ["organizationalUnit"], "ou": ["groups"]},
    OPEN_DN: {"objectClass": ["organizationalUnit"], "ou": ["open"]},
    f"uid=ines,ou=people,{BASE_DN}": _person("ines", "right"),
    f"uid=Omar,ou=people,{BASE_DN}": _person("Omar", "right"),
    f"uid=nora,ou=people,{BASE_DN}": _person("nora", "right"),
    f"uid=zoë,ou=people,{BASE_DN}": _person("zoë", "пароль ﬁ 🔑"),
    f"cn=Costa\\, Lea,ou=people,{BASE_DN}": _person("lea", "right", cn=["Costa, Lea"]),
    f"cn=odd,ou=people,{BASE_DN}": _person("a*(b)\\c", "right", cn=["odd"]),
    f"cn=two names,ou=people,{BASE_DN}": _person(
        "tom", "right", cn=["two names"], uid=["tom", "ines2"], mail=["tom@factory.example"]
    ),
    f"uid=mia,ou=people,{BASE_DN}": _person("mia", "right", memberOf=[GROUP_ELSEWHERE]),
    f"uid=twin,ou=people,{BASE_DN}": _person("twin", "right"),
    f"uid=twin,ou=guests,{BASE_DN}": _person("twin", "right"),
    f"uid=guest,{OPEN_DN}": _person("guest", "right"),
    f"cn=Editors,ou=groups,{BASE_DN}": {
        "objectClass": ["groupOfNames"],
        "cn": ["Editors"],
        "member": [f"uid=ines,ou=people,{BASE_DN}", f"cn=Costa\\, Lea,ou=people,{BASE_DN}"],
    },
    f"cn=readers,ou=groups,{BASE_DN}": {
        "objectClass": ["groupOfUniqueNames"],
        "cn": ["readers"],
        "uniqueMember": [f"uid=ines,ou=people,{BASE_DN}"],
    },
    f"cn=runners,ou=groups,{BASE_DN}": {
        "objectClass": ["posixGroup"],
        "cn": ["runners"],
        "gidNumber": ["1000"],
        "memberUid": ["Omar", "ines2"],
    },
    f"cn=Plans\\, all,ou=groups,{BASE_DN}": {
        "objectClass": ["groupOfNames"],
        "cn": ["Plans, all"],
        "member": [f"uid=nora,ou=people,{BASE_DN}"],
    },
    # Of its plain names, none is in its DN, and one looks like the DN of another group.
    f"gidNumber=1001,ou=groups,{BASE_DN}": {
        "objectClass": ["posixGroup"],
        "cn": [f"cn=Editors,ou=groups,{BASE_DN}", "wardens"],
        "gidNumber": ["1001"],
        "memberUid": ["nora"],
    },
}

ACTIVE_DIRECTORY: dict[str, Entry] = {
    f"cn=Rui,ou=people,{BASE_DN}": {
        "objectClass": ["user"],
        "cn": ["Rui"],
        "sAMAccountName": ["Rui"],
        "userPassword": ["right"],
        "memberOf": [GROUP_ELSEWHERE],
    },
}
"""As Active Directory has it; OpenLDAP knows none of these attributes."""


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def _ldif(entries: dict[str, Entry]) -> str:
    lines = []
    for dn, entry in entries.items():
        lines.append(f"dn:: {_encoded(dn)}")
        for attribute, values in entry.items():
            lines += [f"{attribute}:: {_encoded(value)}" for value in values]
        lines.append("")
    return "\n".join(lines) + "\n"


class LdapServer(ABC):
    """A directory in a process of its own, with its files in one folder, on two free ports.

    Its certificate is for 127.0.0.1, and for no name.
    """

    entries: ClassVar = ENTRIES

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="scenarist-ldap-"))
        authority = trustme.CA()
        self.ca_file = str(self._folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        certificate = authority.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(str(self._folder / "cert.pem"))
        certificate.private_key_pem.write_to_path(str(self._folder / "key.pem"))
        (self._folder / "entries.ldif").write_text(_ldif(self.entries))
        self._process, self.port, self.tls_port = self._start()
        # Nobody else reads what it logs, and a full pipe would stop it.
        self._drain = threading.Thread(target=self._log.read, daemon=True)
        self._drain.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._drain.join()
        self._log.close()
        shutil.rmtree(self._folder)

    @property
    def address(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_address(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def _log(self) -> IO[str]:
        assert self._process.stderr is not None
        return self._process.stderr

    @abstractmethod
    def _start(self) -> tuple[subprocess.Popen[str], int, int]:
        """Return the process, which listens already, and its ports."""


class OddServer:
    """Listens on a free port, and does as it is told with the first connection.

    Args:
        behave: Gets the connection, and an event that is set when the test is over.
    """

    def __init__(self, behave: Callable[[socket.socket, threading.Event], None]) -> None:
        self._behave = behave
        self._is_over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self.wait()
        self._listener.close()

    def wait(self) -> None:
        """Wait until the other side has closed the connection."""
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            self._behave(connection, self._is_over)


class Relay(OddServer):
    """Passes one connection on to a server, and keeps what was asked on it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._asked: list[bytes] = []
        super().__init__(self._pass_on)

    def asked(self) -> list[bytes]:
        """Wait for the end of the connection; return each request, of which each has an answer.

        The last of them, which says goodbye, has none.
        """
        self.wait()
        return self._asked

    def _pass_on(self, client: socket.socket, _: threading.Event) -> None:
        with (
            socket.create_connection(("127.0.0.1", self._target)) as server,
            selectors.DefaultSelector() as both,
        ):
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _events in both.select():
                    source = client if key.data is server else server
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is client:
                        self._asked.append(data)
                    key.data.sendall(data)


class Slapd(LdapServer):
    """OpenLDAP's server, as a distribution has packed it."""

    @staticmethod
    def missing() -> str | None:
        """Return why it cannot be started on this machine; None when it can."""
        if _program("slapd") is None or _program("slapadd") is None:
            return "OpenLDAP's slapd is not installed"
        if _schemas() is None:
            return "OpenLDAP's schemas are not installed"
        return None

    def _start(self) -> tuple[subprocess.Popen[str], int, int]:
        settings = self._folder / "slapd.conf"
        settings.write_text(self._settings())
        (self._folder / "data").mkdir()
        subprocess.run(
            [_program("slapadd") or "", "-f", settings, "-l", self._folder / "entries.ldif"],
            check=True,
            capture_output=True,
        )
        said = ""
        # Somebody else may take a port in between.
        for _ in range(5):
            port, tls_port = _free_ports()
            addresses = f"ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{tls_port}/"
            process = subprocess.Popen(
                [_program("slapd") or "", "-f", settings, "-h", addresses, "-d", "none"],
                stderr=subprocess.PIPE,
                text=True,
            )
            assert process.stderr is not None
            for line in process.stderr:
                said += line
                if "slapd starting" in line:
                    return process, port, tls_port
            process.wait()
            process.stderr.close()
        raise AssertionError(said)

    def _settings(self) -> str:
        folder, schemas, modules = self._folder, _schemas(), _modules()
        lines = [
            *(
                f"include {schemas}/{name}.schema"
                for name in ("core", "cosine", "inetorgperson", "nis")
            ),
            *([f"modulepath {modules}", "moduleload back_mdb"] if modules else []),
            *(["moduleload memberof"] if modules else []),
            f"pidfile {folder}/slapd.pid",
            f"TLSCACertificateFile {folder}/ca.pem",
            f"TLSCertificateFile {folder}/cert.pem",
            f"TLSCertificateKeyFile {folder}/key.pem",
            "referral ldap://127.0.0.1:9/",
            "database mdb",
            f'suffix "{BASE_DN}"',
            f"directory {folder}/data",
            "maxsize 10485760",
            "access to attrs=userPassword by anonymous auth",
            f'access to dn.subtree="{OPEN_DN}" by * read',
            f'access to * by dn.exact="{SERVICE_DN}" read by anonymous auth',
        ]
        return "\n".join(lines) + "\n"


class Ldaptor(LdapServer):
    """Twisted's LDAP server. Everybody may read everything, and it does not start TLS midway."""

    entries = ENTRIES | ACTIVE_DIRECTORY

    def _start(self) -> tuple[subprocess.Popen[str], int, int]:
        process = subprocess.Popen(
            [sys.executable, __file__, self._folder], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("listening on "):
                port, tls_port = line.removeprefix("listening on ").split()
                return process, int(port), int(tls_port)
        raise AssertionError(said)


def _program(name: str) -> str | None:
    # Daemons are not in everybody's path.
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _schemas() -> Path | None:
    for folder in (Path("/etc/ldap/schema"), Path("/etc/openldap/schema")):
        if (folder / "core.schema").exists():
            return folder
    return None


def _modules() -> Path | None:
    for folder in (Path("/usr/lib/ldap"), Path("/usr/lib64/openldap"), Path("/usr/lib/openldap")):
        if any(folder.glob("back_mdb*")):
            return folder
    return None


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _serve(folder: Path) -> None:
    from ldaptor.inmemory import fromLDIFFile  # type: ignore[import-untyped]
    from ldaptor.interfaces import IConnectedLDAPEntry  # type: ignore[import-untyped]
    from ldaptor.protocols.ldap.ldapserver import LDAPServer  # type: ignore[import-untyped]
    from twisted.internet import protocol, reactor, ssl

    loop: Any = reactor
    certificates: Any = ssl.PrivateCertificate
    pem = (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    options = certificates.loadPEM(pem).options()

    class Factory(protocol.ServerFactory):
        protocol = LDAPServer

        def __init__(self, tree: object) -> None:
            self._tree = tree

        def __conform__(self, interface: object) -> object:
            return self._tree if interface is IConnectedLDAPEntry else None

    def listen(tree: object) -> None:
        ports = (
            loop.listenTCP(0, Factory(tree), interface="127.0.0.1"),
            loop.listenSSL(0, Factory(tree), options, interface="127.0.0.1"),
        )
        print("listening on", *(port.getHost().port for port in ports), file=sys.stderr, flush=True)

    with (folder / "entries.ldif").open("rb") as file:
        fromLDIFFile(file).addCallback(listen)
    loop.run()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))

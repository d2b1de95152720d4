"""Sign-in against an LDAP directory, such as OpenLDAP or Active Directory."""

import re
import secrets
import unicodedata
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from typing import Any

import structlog

from scenarist.domain.errors import InvalidError
from scenarist.domain.permissions import Identity, Role, roles_of_groups
from scenarist.identity.ldap_connections import Entry, LdapConnection, load_ldap3, parse_server

DEFAULT_USER_FILTER = "(|(uid={name})(sAMAccountName={name}))"

_REFUSALS = {
    "invalidCredentials",
    "inappropriateAuthentication",  # the entry has no password
    "insufficientAccessRights",
    "noSuchObject",
    "constraintViolation",  # too many wrong passwords
    "unwillingToPerform",  # the account is locked
}
_NAME_LENGTH = 128
_NAMING = re.compile(r"\(\s*([A-Za-z][\w.;-]*)\s*=\s*\{name\}\s*\)")
_PAIR = re.compile(r"\s*([A-Za-z\d][\w.-]*)\s*=((?:\\.|[^\\,+])*)([,+]|$)", re.DOTALL)
_ESCAPE = re.compile(r"((?:\\[0-9a-fA-F]{2})+)|\\(.)", re.DOTALL)

_log = structlog.get_logger(__name__)


class LdapDirectory:
    """An LDAP directory that verifies passwords and returns the groups of a user; thread-safe.

    Each sign-in uses a connection of its own: the service account looks up the name, the password
    is checked by a bind as the entry found, and the service account looks up the groups. Referrals
    are not followed.

    Args:
        server: ``ldaps://host[:port]``, or ``ldap://host[:port]``, where StartTLS encrypts the
            connection before anything is sent. Only a server on this machine (loopback) is
            contacted without encryption, and only if *ca_file* is not given.
        roles: Roles by a group's DN or its plain ``cn``, in any case. If users other than
            administrators can create groups, use the DN, which identifies the group.
        bind_dn: The service account; without one, the search is anonymous.
        user_filter: Must contain ``{name}``, at least once in the form ``(uid={name})``: the name
            of the Identity is the value of the attribute that is compared so.
        ca_file: Certificates (PEM) that are trusted instead of the system's.
        timeout_seconds: Timeout for connecting to each address of the host, and for each whole
            response.

    Raises:
        InvalidError: An argument is not valid, or the extra ``ldap`` is not installed.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each setting
        self,
        *,
        server: str,
        base_dn: str,
        roles: Mapping[str, Collection[Role]],
        bind_dn: str | None = None,
        bind_password: str | None = None,
        user_filter: str = DEFAULT_USER_FILTER,
        ca_file: str | None = None,
        timeout_seconds: float = 5.0,
    ) -> None:
        if bool(bind_dn) != bool(bind_password):
            raise InvalidError(
                "bind_dn and bind_password belong together; give both, or neither for an "
                "anonymous search"
            )
        if not timeout_seconds > 0:
            raise InvalidError("timeout_seconds must be more than 0, such as 5")
        if _normalize_dn(base_dn) is None:
            raise InvalidError(
                f"base_dn {base_dn!r} is not a DN; write the DN under which people and groups are, "
                "such as 'dc=example,dc=com'"
            )
        self._ldap3 = load_ldap3()
        self._server = parse_server(server, base_dn, ca_file, timeout_seconds)
        self._user_filter = user_filter
        self._naming = _find_naming_attributes(self._ldap3, user_filter)
        self._service = bind_dn or None
        self._service_password = (bind_password or "").encode()
        self._roles: dict[str, set[Role]] = {}
        for group, granted in roles.items():
            self._roles.setdefault(_normalize_dn(group) or _normalize(group), set()).update(granted)

    def sign_in(self, name: str, password: str) -> Identity | None:
        """Return the identity of a user; None if the name or the password is wrong.

        An unknown name costs as many queries as a wrong password.

        Raises:
            UnavailableError: The directory cannot be queried; a retry may succeed.
        """
        # A bind with an empty password succeeds without authentication (RFC 4513, 5.1.2).
        if not password or not name.strip() or not name.isprintable() or len(name) > _NAME_LENGTH:
            return None
        try:
            # Sent as it was typed: few directories prepare the stored value (RFC 4013).
            shown = password.encode()
        except UnicodeEncodeError:
            return None
        with closing(LdapConnection(self._ldap3, self._server)) as line:
            self._bind_service_account(line)
            entry, canonical = self._find_user(line, name)
            stranger = f"cn={secrets.token_hex(16)},{self._server.base_dn}"
            said = line.bind(entry["dn"] if entry else stranger, shown)
            if said != "success" and said not in _REFUSALS:
                raise line.make_error(f"it does not verify passwords: {said}")
            if entry is None or said != "success":
                return None
            self._bind_service_account(line)
            groups = self._find_groups(line, entry, canonical)
        return Identity(name=canonical.lower(), roles=roles_of_groups(groups, self._roles))

    def _bind_service_account(self, line: LdapConnection) -> None:
        said = line.bind(self._service, self._service_password)
        if said != "success":
            who = self._service or "an anonymous user"
            raise line.make_error(f"it refuses the bind as {who}: {said}")

    def _find_user(self, line: LdapConnection, typed: str) -> tuple[Entry | None, str]:
        """Return the only entry with a name, and the name as the directory spells it.

        If an entry has several names, the one that was typed counts: otherwise, somebody who may
        add a name to an entry could sign in as the owner of that name.
        """
        wish = self._user_filter.replace("{name}", _escape_filter_value(typed))
        attributes = list(dict.fromkeys([*self._naming, "uid", "memberOf"]))
        entries, is_all = line.search(wish, attributes, limit=2)
        names = [
            name for entry in entries for key in self._naming for name in _read_values(entry, key)
        ]
        matching = [name for name in names if _fold_case(name) == _fold_case(typed)]
        if len(entries) == 1 and is_all and (matching or len(names) == 1):
            return entries[0], (matching or names)[0]
        if entries:
            _log.warning("ldap name is unclear", name=typed, dns=[entry["dn"] for entry in entries])
        return None, typed

    def _find_groups(self, line: LdapConnection, entry: Entry, name: str) -> set[str]:
        dn = _escape_filter_value(entry["dn"])
        wish = f"(member={dn})(uniqueMember={dn})"
        uids = _read_values(entry, "uid")
        if name in uids or len(uids) == 1:
            wish += f"(memberUid={_escape_filter_value(name if name in uids else uids[0])})"
        entries, is_all = line.search(f"(|{wish})", ["cn"])
        if not is_all:
            _log.warning("ldap groups are too many", name=name, found=len(entries))
        groups = {_normalize(cn) for group in entries for cn in _read_values(group, "cn")}
        for group_dn in (*_read_values(entry, "memberOf"), *(group["dn"] for group in entries)):
            normal = _normalize_dn(group_dn) or ""
            groups.add(normal)
            if cn := re.match(r"cn=([^,+]*)", normal):
                groups.add(cn[1])
        return groups


def _find_naming_attributes(ldap3: Any, user_filter: str) -> list[str]:
    """Return the attributes that a filter compares with the name."""
    whole = user_filter.replace("{name}", "name")
    with suppress(ldap3.core.exceptions.LDAPExceptionError):
        ldap3.operation.search.parse_filter(whole, None, False, False, None, False)
        if naming := list(dict.fromkeys(_NAMING.findall(user_filter))):
            return naming
    raise InvalidError(
        f"user_filter {user_filter!r} does not select by name; write one that contains {{name}}, "
        f"such as '(&(objectClass=person)(uid={{name}}))'"
    )


def _read_values(entry: Entry, attribute: str) -> list[str]:
    return [raw.decode(errors="replace") for raw in entry["raw_attributes"].get(attribute) or ()]


def _escape_filter_value(value: str) -> str:
    """Escape a value for a filter (RFC 4515): everything but ASCII letters and digits."""
    octets = re.sub(rb"[^A-Za-z0-9]", lambda found: b"\\%02x" % ord(found[0]), value.encode())
    return octets.decode()


def _normalize_dn(dn: str) -> str | None:
    """Normalise a DN (RFC 4514), so that equal ones are the same text; None if it is not a DN."""
    pairs = list(_PAIR.finditer(dn))
    if not pairs or "".join(pair[0] for pair in pairs) != dn:
        return None
    return "".join(
        f"{attribute.lower()}={_normalize(_ESCAPE.sub(_unescape, value))}{end}"
        for attribute, value, end in map(re.Match.groups, pairs)
    )


def _normalize(value: str) -> str:
    """Normalise a value of a DN, or a plain cn, which then never looks like a DN."""
    return re.sub(r"[\\,+=]", lambda found: f"\\{ord(found[0]):02x}", _fold_case(value))


def _unescape(found: re.Match[str]) -> str:
    return found[2] or bytes.fromhex(found[1].replace("\\", "")).decode(errors="replace")


def _fold_case(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())

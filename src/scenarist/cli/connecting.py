"""Options of all commands that talk to a server, and the client they create."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Parameter

from scenarist.cli.options import Switch, Text

if TYPE_CHECKING:
    from scenarist.client import Client

DEFAULT_URL = "http://127.0.0.1:5000"


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Access:
    """The server to talk to, and the credentials.

    Args:
        url: The address of the server [SCENARIST_URL; the last login; http://127.0.0.1:5000].
        token: The token of a session, or a key [SCENARIST_TOKEN; the saved login at this server].
            Other users of this machine can see it when it is given here.
        json: Print JSON, for programs.
    """

    url: Text = None
    token: Text = None
    json: Switch = None


DEFAULT_ACCESS = Access()


def open_client(access: Access) -> "Client":
    """Create a client for the selected server, with the selected credentials."""
    from scenarist.cli import credentials
    from scenarist.client import Client

    url = resolve_url(access.url)
    token = access.token or os.environ.get("SCENARIST_TOKEN")
    if token is None:
        login = credentials.read().at.get(url)
        token = None if login is None else login.token
    return Client(url, token=token)


def resolve_url(url: str | None) -> str:
    """Return the address of the selected server.

    Raises:
        ClientError: It is not a valid address.
    """
    from scenarist.cli import credentials
    from scenarist.client.transport import check_address

    meant = url or os.environ.get("SCENARIST_URL") or credentials.read().last or DEFAULT_URL
    return check_address(meant)

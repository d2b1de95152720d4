"""Commands that sign in to a server and out of it."""

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client, resolve_url
from scenarist.cli.options import Switch, Text
from scenarist.cli.printing import print_fields, print_json, print_line, print_to_stderr
from scenarist.cli.prompts import ask_name, ask_password


def login(*, url: Text = None, user: Text = None, password_stdin: Switch = None) -> None:
    """Sign in to a server; commands for this server use the saved token until you log out.

    Args:
        url: The address of the server [SCENARIST_URL; the last login; http://127.0.0.1:5000].
        user: The name of the user [you are asked for it].
        password_stdin: Read the password from standard input instead of prompting for it.
    """
    from scenarist.cli import credentials
    from scenarist.client import Client

    address = resolve_url(url)
    with Client(address) as client:
        client.check_health()
        name = ask_name(user)
        signed_in = client.sign_in(name, ask_password(from_stdin=bool(password_stdin)))
    known = credentials.read()
    known.last = address
    known.at.pop(address, None)
    if signed_in.expires_at is None:
        credentials.store(known)
        print_line(signed_in.message)
        return
    known.at[address] = credentials.SavedLogin(
        username=signed_in.username, token=signed_in.token, expires_at=signed_in.expires_at
    )
    credentials.store(known)
    roles = ", ".join(signed_in.roles) or "no role"
    print_line(f"{signed_in.username} is signed in at {address}, with {roles}.")


def logout(*, url: Text = None) -> int:
    """Sign out of a server, and delete the saved token.

    Args:
        url: The address of the server [SCENARIST_URL; the last login; http://127.0.0.1:5000].
    """
    from scenarist.cli import credentials
    from scenarist.cli.exit_codes import UNREACHABLE
    from scenarist.client import Client, ClientError, UnauthenticatedError

    address = resolve_url(url)
    known = credentials.read()
    login = known.at.pop(address, None)
    if login is None:
        print_line(f"No login is saved for {address}.")
        return 0
    # Delete it first: if signing out fails, the session still expires by itself.
    credentials.store(known)
    try:
        with Client(address, token=login.token, retries=1) as client:
            client.sign_out()
    except UnauthenticatedError:
        pass  # the session has already ended
    except ClientError as error:
        print_to_stderr(
            f"scenarist: the saved token was deleted, but the session was not ended: {error}"
        )
        return UNREACHABLE
    print_line(f"{login.username} is signed out at {address}.")
    return 0


def whoami(*, access: Access = DEFAULT_ACCESS) -> None:
    """Show your user name and your roles on a server."""
    with open_client(access) as client:
        me = client.me()
    if access.json:
        print_json(me)
    else:
        print_fields({"user": me.username, "roles": me.roles, "key": me.key_id})

"""The file of logins: at which servers somebody is signed in, with which tokens."""

import os
from datetime import datetime
from pathlib import Path

import msgspec

from scenarist.domain.errors import InvalidError


class Login(msgspec.Struct, kw_only=True, frozen=True):
    username: str
    token: str
    expires_at: datetime | None


class Logins(msgspec.Struct, kw_only=True):
    """Tokens by the address of their server; each is shown to this one only.

    Args:
        last: The server that was logged in to last: the one that is meant when none is named.
    """

    last: str | None = None
    at: dict[str, Login] = msgspec.field(default_factory=dict)


def place() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder, "scenarist", "logins.json")


def read() -> Logins:
    """Read the file; where there is none, nobody is signed in anywhere.

    Raises:
        InvalidError: It is there, and is none of ours.
    """
    try:
        return msgspec.json.decode(place().read_bytes(), type=Logins)
    except FileNotFoundError:
        return Logins()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"{place()} cannot be read ({error}); remove it, and log in again"
        ) from error


def store(logins: Logins) -> None:
    """Write the file anew, for nobody else to read.

    Raises:
        InvalidError: It cannot be written.
    """
    target = place()
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(msgspec.json.encode(logins))
        partial.replace(target)
    except OSError as error:
        raise InvalidError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)

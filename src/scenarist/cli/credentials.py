"""Saved credentials: a file with the token of each server that the user is signed in to."""

import os
from datetime import datetime
from pathlib import Path

import msgspec

from scenarist.domain.errors import InvalidError


class SavedLogin(msgspec.Struct, kw_only=True, frozen=True):
    username: str
    token: str
    expires_at: datetime | None


class SavedLogins(msgspec.Struct, kw_only=True):
    """Tokens by the address of their server; each is sent to this server only.

    Args:
        last: The server of the last login, which is the default.
    """

    last: str | None = None
    at: dict[str, SavedLogin] = msgspec.field(default_factory=dict)


def get_path() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder, "scenarist", "logins.json")


def read() -> SavedLogins:
    """Read the file; without a file, there are no saved logins.

    Raises:
        InvalidError: The file cannot be read, or has another format.
    """
    try:
        return msgspec.json.decode(get_path().read_bytes(), type=SavedLogins)
    except FileNotFoundError:
        return SavedLogins()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(
            f"{get_path()} cannot be read ({error}); remove it, and log in again"
        ) from error


def store(logins: SavedLogins) -> None:
    """Replace the file, readable by its owner only.

    Raises:
        InvalidError: It cannot be written.
    """
    target = get_path()
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

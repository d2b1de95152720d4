"""Prompts on the terminal, and the same values from standard input."""

import getpass
import sys

from scenarist.domain.errors import InvalidError


def ask_name(name: str | None) -> str:
    """Return the name of a user, and prompt for it if it is not given.

    Raises:
        InvalidError: There is no terminal.
    """
    if name is not None:
        return name
    if not sys.stdin.isatty():
        raise InvalidError("there is no terminal to ask for the user; use --user")
    print("User: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def ask_password(*, from_stdin: bool) -> str:
    """Prompt for a password, or read it from standard input.

    Raises:
        InvalidError: There is no terminal, or the input is not text.
    """
    if from_stdin:
        return read_stdin_line()
    if not sys.stdin.isatty():
        raise InvalidError("there is no terminal to ask for the password; use --password-stdin")
    return getpass.getpass("Password: ")


def ask_new_password(*, from_stdin: bool) -> str:
    """Prompt for a new password twice, or read it from standard input.

    Raises:
        InvalidError: The two differ, there is no terminal, or the input is not text.
    """
    password = ask_password(from_stdin=from_stdin)
    if not from_stdin and getpass.getpass("Again: ") != password:
        raise InvalidError("the two passwords differ; nothing was changed")
    return password


def read_stdin_line() -> str:
    """Read a line as UTF-8, like the bodies of requests, whatever the locale of the terminal."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidError("the password on standard input is not text in UTF-8") from None

"""Asks whoever sits at the terminal, or reads what a program gives instead."""

import getpass
import sys

from scenarist.domain.errors import InvalidError


def ask_name(name: str | None) -> str:
    """Return the name of a user, asking for it when it is not said.

    Raises:
        InvalidError: Nobody can be asked.
    """
    if name is not None:
        return name
    if not sys.stdin.isatty():
        raise InvalidError("there is no terminal to ask for the user; use --user")
    print("User: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def ask_password(*, from_stdin: bool) -> str:
    """Ask for a password, or read it from standard input.

    Raises:
        InvalidError: Nobody can be asked, or what comes is no text.
    """
    if from_stdin:
        return line_of_stdin()
    if not sys.stdin.isatty():
        raise InvalidError("there is no terminal to ask for the password; use --password-stdin")
    return getpass.getpass("Password: ")


def ask_new_password(*, from_stdin: bool) -> str:
    """Ask for a new password twice, or read it from standard input.

    Raises:
        InvalidError: The two differ, nobody can be asked, or what comes is no text.
    """
    password = ask_password(from_stdin=from_stdin)
    if not from_stdin and getpass.getpass("Once more: ") != password:
        raise InvalidError("the two differ; nothing was changed")
    return password


def line_of_stdin() -> str:
    """Read UTF-8, as the bodies of requests are, whatever the terminal is set to."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidError("the password on standard input is not text in UTF-8") from None

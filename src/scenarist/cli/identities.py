"""Commands for users, keys for programs and the secret keys of the server."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from scenarist.cli.options import DatabaseUrl, Number, Switch, Text, read_option_settings
from scenarist.cli.prompts import ask_new_password

users = App(name="user", help="Manage the users in the database.")
keys = App(name="key", help="Manage keys for programs.")
secrets = App(name="secret", help="Manage the secret keys of the server.")

Roles = Annotated[list[str] | None, Parameter(name=["--role", "-r"], negative="")]


@users.command
def add(
    name: str, /, *, role: Roles = None, password_stdin: Switch = None, database: DatabaseUrl = None
) -> None:
    """Create a user, who can sign in immediately.

    Args:
        name: Letters (a to z), digits and . _ @ + -
        role: reader, editor, executor or admin. Can be repeated [reader].
        password_stdin: Read the password from standard input instead of prompting for it.
    """
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    password = ask_new_password(from_stdin=bool(password_stdin))
    user = admin.add_user(settings, name, password, role or ["reader"])
    print(f"User {user.name} can sign in, with {', '.join(sorted(user.roles)) or 'no role'}.")


@users.command(name="list")
def list_users(*, database: DatabaseUrl = None) -> None:
    """List the users in the database."""
    from scenarist.server import admin

    for user in admin.list_users(read_option_settings(database=database)):
        notes = " (declared in the configuration file)" if user.is_declared else ""
        notes += "" if user.password_hash else " (without a password)"
        print(f"{user.name}: {', '.join(sorted(user.roles)) or 'no role'}{notes}")


@users.command
def passwd(name: str, /, *, password_stdin: Switch = None, database: DatabaseUrl = None) -> None:
    """Change the password of a user, and end the user's sessions.

    Args:
        name: The user.
        password_stdin: Read the password from standard input instead of prompting for it.
    """
    from scenarist.server import admin

    settings = read_option_settings(database=database)
    password = ask_new_password(from_stdin=bool(password_stdin))
    admin.set_password(settings, name, password)
    print(f"User {name.lower()} has a new password.")


@users.command
def roles(name: str, /, *, role: Roles = None, database: DatabaseUrl = None) -> None:
    """Replace the roles of a user.

    Args:
        name: The user.
        role: reader, editor, executor or admin. Can be repeated [no role].
    """
    from scenarist.server import admin

    user = admin.set_roles(read_option_settings(database=database), name, role or [])
    print(f"User {user.name} has {', '.join(sorted(user.roles)) or 'no role'}.")


@users.command
def remove(name: str, /, *, database: DatabaseUrl = None) -> None:
    """Delete a user, with the user's sessions and the keys that the user has created.

    Args:
        name: The user.
    """
    from scenarist.server import admin

    admin.remove_user(read_option_settings(database=database), name)
    print(f"User {name.lower()} is deleted.")


@users.command(name="hash")
def hash_password(*, password_stdin: Switch = None) -> None:
    """Print the hash of a password for the section [AUTHENTICATION.passwords].

    Args:
        password_stdin: Read the password from standard input instead of prompting for it.
    """
    from scenarist.server import admin

    print(admin.hash_password(ask_new_password(from_stdin=bool(password_stdin))))


@keys.command
def create(
    name: str, /, *, role: Roles = None, days: Number = None, database: DatabaseUrl = None
) -> None:
    """Create a key for a program, and print it once.

    Args:
        name: The name of the key.
        role: reader, editor, executor or admin. Can be repeated [reader].
        days: The number of days until it expires, at most 400 [90].
    """
    from scenarist.server import admin

    key, text = admin.create_key(
        read_option_settings(database=database), name, role or ["reader"], days=days
    )
    print(text)
    print(
        f"Key {key.id} expires on {key.expires_at.date()}. Save the line above: it is not shown "
        "again.",
        file=sys.stderr,
    )


@keys.command(name="list")
def list_keys(*, database: DatabaseUrl = None) -> None:
    """List the keys for programs, without the keys themselves."""
    from scenarist.server import admin

    for key in admin.list_keys(read_option_settings(database=database)):
        print(
            f"{key.id} {key.name}: {', '.join(sorted(key.roles)) or 'no role'}, created by "
            f"{key.made_by}, expires on {key.expires_at.date()}"
        )


@keys.command
def revoke(name: str, /, *, database: DatabaseUrl = None) -> None:
    """Revoke a key; the next request that uses it is refused.

    Args:
        name: Its name or its identifier.
    """
    from scenarist.server import admin

    admin.revoke_key(read_option_settings(database=database), name)
    print(f"Key {name} is revoked.")


@secrets.command
def new() -> None:
    """Print a new secret key, for the variable SCENARIST_SECRET_KEY."""
    from scenarist.server import admin

    print(admin.generate_secret_key())


@secrets.command
def rotate(
    *, forget_old: Switch = None, database: DatabaseUrl = None, secret_key_file: Text = None
) -> None:
    """Add a new secret key to the file; running servers pick it up by themselves.

    Args:
        forget_old: Remove the old keys, so that everybody has to sign in again.
        secret_key_file: The file of secret keys [secret.key next to the database].
    """
    from scenarist.server import admin

    settings = read_option_settings(database=database, secret_key_file=secret_key_file)
    admin.rotate_secret_key(settings, forget_old=bool(forget_old))
    print("There is a new secret key" + (", and the old ones are removed." if forget_old else "."))

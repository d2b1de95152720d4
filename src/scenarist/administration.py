"""What the command line does on the database itself: users, keys, secret keys, pruning."""

import getpass
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from scenarist.config import Application
from scenarist.db import audit, migrate
from scenarist.db import sessions as session_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.engine import Database
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.retention import Pruned
from scenarist.domain.users import Key, Realm, User, checked_password
from scenarist.folders import prepare_file, secret_key_file, secret_keys, storage_of
from scenarist.identity import secret_keys as key_files
from scenarist.identity.passwords import Passwords
from scenarist.identity.sealing import Seal
from scenarist.services.declarations import declared_now
from scenarist.services.drift import find_drift
from scenarist.services.keys import KeyService
from scenarist.services.placing import keep_secrets
from scenarist.services.pruning import PruningService
from scenarist.services.users import UserChange, UserService
from scenarist.settings import Settings

_ALL = PageRequest(limit=1_000_000)


def add_user(settings: Settings, name: str, password: str, roles: Sequence[str]) -> User:
    """Create a user in the database.

    Raises:
        InvalidError: The name, the password or a role cannot be.
        ConflictError: There is a user of that name.
    """
    with _users(settings, make=True) as users:
        return users.create(_operator("user add"), name, password, roles)


def list_users(settings: Settings) -> list[User]:
    with _users(settings) as users:
        return users.list_page(_operator("user list"), _ALL).items


def set_password(settings: Settings, name: str, password: str) -> None:
    """Give a user another password; the sessions of the user end.

    Raises:
        NotFoundError: There is no such user.
        InvalidError: The password cannot be.
    """
    with _users(settings) as users:
        users.change(_operator("user passwd"), name, UserChange(password=password))


def set_roles(settings: Settings, name: str, roles: Sequence[str]) -> User:
    """Give a user other roles.

    Raises:
        NotFoundError: There is no such user.
        InvalidError: A role cannot be.
        ConflictError: The configuration file says the roles, or nobody could administer any more.
    """
    with _users(settings) as users:
        return users.change(_operator("user roles"), name, UserChange(roles=roles))


def remove_user(settings: Settings, name: str) -> None:
    """Delete a user, with the sessions and the keys that the user has made.

    Raises:
        NotFoundError: There is no such user.
        ConflictError: The configuration file declares the user, or nobody could administer any
            more.
    """
    with _users(settings) as users:
        users.delete(_operator("user remove"), name)


def password_hash(password: str) -> str:
    """Return what stands for a password in a configuration file.

    Raises:
        InvalidError: The password cannot be.
    """
    return Passwords().hash(checked_password(password))


def create_key(
    settings: Settings, name: str, roles: Sequence[str], *, days: int | None
) -> tuple[Key, str]:
    """Make a key that goes with nobody; return it with its text.

    Raises:
        InvalidError: The name, a role or the number of days cannot be.
        ConflictError: There is a key of that name.
    """
    now = datetime.now(UTC)
    if days is not None and not 0 < days < 100_000:
        raise InvalidError(f"a key cannot live for {days} days")
    expires_at = None if days is None else now + timedelta(days=days)
    with open_database(settings, make=True) as database:
        made = KeyService(database, now=lambda: now).create(
            _operator("key create"), name, roles, expires_at=expires_at
        )
    return made.key, made.text


def list_keys(settings: Settings) -> list[Key]:
    with open_database(settings) as database:
        return KeyService(database, now=_now).list_page(_operator("key list"), _ALL).items


def revoke_key(settings: Settings, name: str) -> None:
    """Revoke the key of a name, or of an identifier.

    Raises:
        NotFoundError: There is none.
    """
    with open_database(settings) as database:
        keys = KeyService(database, now=_now)
        try:
            keys.delete(_operator("key revoke"), name)
        except NotFoundError:
            keys.delete_named(_operator("key revoke"), name)


def rotate_secret_key(settings: Settings, *, forget_old: bool) -> None:
    """Put a new key first into the file of secret keys, and seal anew what the database holds.

    Args:
        forget_old: Take the old keys out, so that every session ends.

    Raises:
        InvalidError: The key is given by a setting, or there is no file yet.
        UnavailableError: The file cannot be written, or a sealed secret cannot be opened.
    """
    if settings.secret_key is not None:
        raise InvalidError(
            "the secret key is given by the setting secret_key; put the new one before the old "
            "there, with a blank between them"
        )
    with open_database(settings) as database:
        file = secret_key_file(settings, database)
        if not file.exists():
            raise InvalidError(
                f"there is no file of secret keys {file} yet; the first start of the server makes "
                "it, or name another one with --secret-key-file"
            )
        secret_keys(settings, database)
        key_files.rotate(file)
        seal = Seal(secret_keys(settings, database))

        def work(connection: Connection) -> None:
            subscriber_rows.change_secrets(connection, lambda kept: seal.close(seal.open(kept)))
            operation = "secret rotate --forget-old" if forget_old else "secret rotate"
            audit.add_done(connection, _operator(operation), None, _now())

        database.write(work)
        if forget_old:
            key_files.keep_newest(file)
            # Servers that run remember whom they let in; they look again once this is committed.
            database.write(session_rows.end_all)


def prune(settings: Settings, *, is_dry_run: bool) -> Pruned:
    """Delete what the retention of the settings does not keep; a dry run only counts it.

    Raises:
        InvalidError: Everything is kept for ever.
        NotFoundError: There is no database.
        UnavailableError: The database or the storage folder is in trouble; says why.
    """
    if settings.retention.is_for_ever:
        raise InvalidError(
            "nothing was said to go; name how much is kept, such as --keep-jobs-days 30"
        )
    with open_database(settings) as database:
        service = PruningService(database, folder=storage_of(settings), now=_now, pause=time.sleep)
        return service.prune(_operator("db prune"), settings.retention, is_dry_run=is_dry_run)


def shrink(settings: Settings) -> int:
    """Give the space that is free within a SQLite file back; return how many bytes it was.

    Raises:
        NotFoundError: There is no database.
        ConflictError: It is no file.
        UnavailableError: It is in use by another process all the time, or the disk is full.
    """
    with open_database(settings) as database:
        return database.shrink()


def differences(settings: Settings, application: Application) -> list[str]:
    """Return how the records of the database differ from an application, a sentence each.

    Raises:
        NotFoundError: There is no database.
        UnavailableError: It is not of this version, or cannot be used; says why.
    """
    with Database(settings.database) as database:
        if database.file is not None and not database.file.exists():
            raise NotFoundError(
                f"there is no database {database.file}; name the one of the server with --database"
            )
        if not migrate.is_current(database):
            raise UnavailableError(
                f"{database.name} is of another version of Scenarist; bring it up to this one with "
                "scenarist db upgrade first"
            )
        keep_secrets(application.registry)
        declared = declared_now(application)
        return find_drift(database.reader, application.registry, declared).lines


def new_secret_key() -> str:
    return key_files.new_key()


@contextmanager
def open_database(settings: Settings, *, make: bool = False) -> Iterator[Database]:
    """Open the database beside a server that may be running on it, with the tables it needs.

    Args:
        make: Make it when there is none yet.

    Raises:
        NotFoundError: There is none.
        UnavailableError: It cannot be used; says why.
    """
    with Database(settings.database) as database:
        if not make and database.file is not None and not database.file.exists():
            raise NotFoundError(
                f"there is no database {database.file}; name the one of the server with --database"
            )
        if database.file is not None:
            prepare_file(database.file)
        migrate.upgrade(database)
        yield database


def upgrade_database(settings: Settings) -> str | None:
    """Apply the migrations that the database lacks; return its revision."""
    with open_database(settings, make=True) as database:
        return migrate.current(database)


def database_revision(settings: Settings) -> str | None:
    """Return the revision of the database; None when there is none yet."""
    database = Database(settings.database)
    if database.file is not None and not database.file.exists():
        return None
    with database:
        return migrate.current(database)


@contextmanager
def _users(settings: Settings, *, make: bool = False) -> Iterator[UserService]:
    with open_database(settings, make=make) as database:
        yield UserService(database, Passwords(), now=_now, realm=Realm.LOCAL)


def _operator(operation: str) -> Actor:
    """Return who stands behind the command line: whoever can write the database."""
    origin = Origin(f"login {_login()}", operation)
    return Actor("(command line)", frozenset({Role.ADMIN}), origin=origin)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"number {os.getuid()}"  # as in a container, where nobody has that number


def _now() -> datetime:
    return datetime.now(UTC)

"""Operations of the command line on the database: users, keys, secret keys, pruning."""

import getpass
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from scenarist.config import Application
from scenarist.db import audit, migrate
from scenarist.db import sessions as session_rows
from scenarist.db import subscribers as subscriber_rows
from scenarist.db.engine import Database
from scenarist.db.jobs import caching
from scenarist.domain.errors import InvalidError, NotFoundError, UnavailableError
from scenarist.domain.import_report import ImportReport
from scenarist.domain.listings import PageRequest
from scenarist.domain.permissions import Actor, Origin, Role
from scenarist.domain.retention import PruneCounts
from scenarist.domain.users import Key, Realm, User, validate_password
from scenarist.identity import secret_keys as key_files
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.passwords import Passwords
from scenarist.server import importing
from scenarist.server.importing import ImportRequest
from scenarist.server.paths import (
    find_secret_key_file,
    get_storage_location,
    open_secret_keys,
    prepare_database_file,
    prepare_storage,
)
from scenarist.server.preflight import check_application
from scenarist.server.settings import Settings
from scenarist.services.declarations import load_declared
from scenarist.services.drift import find_drift
from scenarist.services.keys import KeyService
from scenarist.services.placement import export_secrets
from scenarist.services.pruning import PruningService
from scenarist.services.users import UserChange, UserService

_ALL = PageRequest(limit=1_000_000)


def add_user(settings: Settings, name: str, password: str, roles: Sequence[str]) -> User:
    """Create a user in the database.

    Raises:
        InvalidError: The name, the password or a role is not valid.
        ConflictError: A user with this name exists.
    """
    with _open_users(settings, make=True) as users:
        return users.create(_build_operator("user add"), name, password, roles)


def list_users(settings: Settings) -> list[User]:
    with _open_users(settings) as users:
        return users.list_page(_build_operator("user list"), _ALL).items


def set_password(settings: Settings, name: str, password: str) -> None:
    """Change the password of a user, and end the user's sessions.

    Raises:
        NotFoundError: There is no such user.
        InvalidError: The password is not valid.
    """
    with _open_users(settings) as users:
        users.change(_build_operator("user passwd"), name, UserChange(password=password))


def set_roles(settings: Settings, name: str, roles: Sequence[str]) -> User:
    """Replace the roles of a user.

    Raises:
        NotFoundError: There is no such user.
        InvalidError: A role is not valid.
        ConflictError: The configuration file declares the roles, or no administrator would be left.
    """
    with _open_users(settings) as users:
        return users.change(_build_operator("user roles"), name, UserChange(roles=roles))


def remove_user(settings: Settings, name: str) -> None:
    """Delete a user, with the user's sessions and the keys that the user has created.

    Raises:
        NotFoundError: There is no such user.
        ConflictError: The configuration file declares the user, or no administrator would be left.
    """
    with _open_users(settings) as users:
        users.delete(_build_operator("user remove"), name)


def hash_password(password: str) -> str:
    """Return the hash of a password for a configuration file.

    Raises:
        InvalidError: The password is not valid.
    """
    return Passwords().hash(validate_password(password))


def create_key(
    settings: Settings, name: str, roles: Sequence[str], *, days: int | None
) -> tuple[Key, str]:
    """Create a key that does not end with any user; return it with its text.

    Raises:
        InvalidError: The name, a role or the number of days is not valid.
        ConflictError: A key with this name exists.
    """
    now = datetime.now(UTC)
    if days is not None and not 0 < days < 100_000:
        raise InvalidError(f"a key cannot be valid for {days} days")
    expires_at = None if days is None else now + timedelta(days=days)
    with open_database(settings, make=True) as database:
        made = KeyService(database, now=lambda: now).create(
            _build_operator("key create"), name, roles, expires_at=expires_at
        )
    return made.key, made.text


def list_keys(settings: Settings) -> list[Key]:
    with open_database(settings) as database:
        return KeyService(database, now=_now).list_page(_build_operator("key list"), _ALL).items


def revoke_key(settings: Settings, name: str) -> None:
    """Revoke a key by its name or its identifier.

    Raises:
        NotFoundError: There is no such key.
    """
    with open_database(settings) as database:
        keys = KeyService(database, now=_now)
        try:
            keys.delete(_build_operator("key revoke"), name)
        except NotFoundError:
            keys.delete_named(_build_operator("key revoke"), name)


def rotate_secret_key(settings: Settings, *, forget_old: bool) -> None:
    """Add a new key in front of the file of secret keys, and encrypt stored secrets with it.

    Args:
        forget_old: Remove the old keys, which ends every session.

    Raises:
        InvalidError: The key comes from a setting, or there is no file yet.
        UnavailableError: The file cannot be written, or a stored secret cannot be decrypted.
    """
    if settings.secret_key is not None:
        raise InvalidError(
            "the secret key is given by the setting secret_key; put the new one before the old "
            "one there, separated by a blank"
        )
    with open_database(settings) as database:
        file = find_secret_key_file(settings, database)
        if not file.exists():
            raise InvalidError(
                f"there is no file of secret keys {file} yet; the first start of the server "
                "creates it, or name another one with --secret-key-file"
            )
        open_secret_keys(settings, database)
        key_files.rotate(file)
        cipher = SecretCipher(open_secret_keys(settings, database))

        def work(connection: Connection) -> None:
            subscriber_rows.change_secrets(
                connection, lambda kept: cipher.encrypt(cipher.decrypt(kept))
            )
            operation = "secret rotate --forget-old" if forget_old else "secret rotate"
            audit.record_allowed(connection, _build_operator(operation), None, _now())

        database.write(work)
        if forget_old:
            key_files.keep_newest(file)
            # Running servers cache credentials; they check them again once this is committed.
            database.write(session_rows.remove_all)


def prune(settings: Settings, *, is_dry_run: bool) -> PruneCounts:
    """Delete what the retention settings do not keep; a dry run only counts it.

    Raises:
        InvalidError: The settings keep everything forever.
        NotFoundError: There is no database.
        UnavailableError: The database or the storage folder cannot be used; says why.
    """
    if settings.retention.is_unlimited:
        raise InvalidError(
            "nothing to delete was specified; say how much is kept, for example with "
            "--keep-jobs-days 30"
        )
    with open_database(settings) as database:
        service = PruningService(
            database, folder=get_storage_location(settings), now=_now, pause=time.sleep
        )
        return service.prune(_build_operator("db prune"), settings.retention, is_dry_run=is_dry_run)


def clear_cache(settings: Settings) -> int:
    """Forget all outputs that jobs could take from the cache; return how many there were.

    Raises:
        NotFoundError: There is no database.
        UnavailableError: The database cannot be used; says why.
    """

    def work(connection: Connection) -> int:
        audit.record_allowed(connection, _build_operator("cache clear"), None, _now())
        return caching.clear(connection)

    with open_database(settings) as database:
        return database.write(work)


def shrink(settings: Settings) -> int:
    """Return unused space in a SQLite file to the file system; return the number of bytes.

    Raises:
        NotFoundError: There is no database.
        ConflictError: The database is not a file.
        UnavailableError: Another process keeps using it, or the disk is full.
    """
    with open_database(settings) as database:
        return database.shrink()


def find_drift_lines(settings: Settings, application: Application) -> list[str]:
    """Return how the records of the database differ from an application, one sentence each.

    Raises:
        NotFoundError: There is no database.
        UnavailableError: It has another schema version, or cannot be used; says why.
    """
    with Database(settings.database) as database:
        if database.file is not None and not database.file.exists():
            raise NotFoundError(
                f"there is no database {database.file}; name the server's database with --database"
            )
        _require_current(database)
        export_secrets(application.registry)
        declared = load_declared(application)
        return find_drift(database.reader, application.registry, declared).lines


def import_taipy(
    settings: Settings, application: Application, request: ImportRequest
) -> ImportReport:
    """Import what an application of Taipy left; a dry run only reports what would be imported.

    Raises:
        NotFoundError: There is no such folder or version.
        InvalidError: The folder is none of an application of Taipy, or the application here has
            errors; the message lists them.
        ConflictError: Another process has deleted entities of this import meanwhile.
        UnavailableError: The database or the storage cannot be used; says why.
    """
    records = request.read()
    check_application(application)
    if request.is_dry_run:
        opened, folder = _open_to_compare(settings), get_storage_location(settings)
    else:
        opened, folder = open_database(settings, make=True), prepare_storage(settings)
    with (
        opened as database,
        importing.open_import_service(
            database, settings, application, folder=folder, now=_now
        ) as service,
    ):
        actor = _build_operator("import taipy")
        return service.run(actor, records, is_dry_run=request.is_dry_run)


def generate_secret_key() -> str:
    return key_files.generate_key()


@contextmanager
def open_database(settings: Settings, *, make: bool = False) -> Iterator[Database]:
    """Open the database, also while a server is using it, and apply missing migrations.

    Args:
        make: Create it if it does not exist.

    Raises:
        NotFoundError: It does not exist.
        UnavailableError: It cannot be used; says why.
    """
    with Database(settings.database) as database:
        if not make and database.file is not None and not database.file.exists():
            raise NotFoundError(
                f"there is no database {database.file}; name the server's database with --database"
            )
        if database.file is not None:
            prepare_database_file(database.file)
        migrate.upgrade(database)
        yield database


@contextmanager
def _open_to_compare(settings: Settings) -> Iterator[Database]:
    """Open the database as it is, or an empty one if it does not exist.

    Raises:
        UnavailableError: It has another schema version, or cannot be used; says why.
    """
    with Database(settings.database) as database:
        if database.file is None or database.file.exists():
            _require_current(database)
            yield database
            return
    with TemporaryDirectory() as folder, Database(f"sqlite:///{folder}/empty.db") as empty:
        migrate.upgrade(empty)
        yield empty


def _require_current(database: Database) -> None:
    if not migrate.is_current(database):
        raise UnavailableError(
            f"{database.name} is of another version of Scenarist; upgrade it with scenarist db "
            "upgrade first"
        )


def upgrade_database(settings: Settings) -> str | None:
    """Apply missing migrations to the database; return its revision."""
    with open_database(settings, make=True) as database:
        return migrate.find_revision(database)


def get_database_revision(settings: Settings) -> str | None:
    """Return the revision of the database; None if it does not exist."""
    database = Database(settings.database)
    if database.file is not None and not database.file.exists():
        return None
    with database:
        return migrate.find_revision(database)


@contextmanager
def _open_users(settings: Settings, *, make: bool = False) -> Iterator[UserService]:
    with open_database(settings, make=make) as database:
        yield UserService(database, Passwords(), now=_now, realm=Realm.LOCAL)


def _build_operator(operation: str) -> Actor:
    """Return the actor of the command line: an administrator, since it can write the database."""
    origin = Origin(f"login {_login()}", operation)
    return Actor("(command line)", frozenset({Role.ADMIN}), origin=origin)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"number {os.getuid()}"  # as in a container, where no user has this number


def _now() -> datetime:
    return datetime.now(UTC)

"""Whether anything has changed that makes a credential good no more."""

from scenarist.db.engine import Database

_NUMBER = "SELECT number FROM credential_changes"


def generation(database: Database) -> int:
    """Return a number that grows when a user, a session, a key or a token loses something."""
    return int(database.look(_NUMBER))

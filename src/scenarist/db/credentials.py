"""Generation of the stored credentials: grows when one of them may have become invalid."""

from scenarist.db.engine import Database

_NUMBER = "SELECT number FROM credential_changes"


def read_generation(database: Database) -> int:
    """Return a number that grows when a user, a session, a key or a token loses a right."""
    return int(database.query_scalar(_NUMBER))

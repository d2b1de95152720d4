"""Pipelining of statements, where a network lies between (PostgreSQL)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection


@contextmanager
def pipeline(connection: Connection) -> Iterator[None]:
    """Pipeline the statements of the block: wait for all results at its end, not for each one.

    The block cannot read rows; an INSERT for which SQLAlchemy would return a number must be
    ``inline()``. An error is raised by a later statement, or by the driver at the end, so the
    block cannot tell a conflict apart from other errors.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    with driver.pipeline():
        yield

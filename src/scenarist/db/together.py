"""Sends statements together, where a network lies between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """Do not wait for the answer to each statement of the block, but for all at its end.

    No rows can be read within it; an INSERT that SQLAlchemy would have return a number must be
    ``inline()``. What goes wrong is raised by a later statement, or by the driver at the end: a
    conflict cannot be told apart from others here.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    with driver.pipeline():
        yield

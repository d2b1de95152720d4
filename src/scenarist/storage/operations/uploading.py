"""Accepting an upload in a worker process, in which the memory for reading it is limited."""

import os
from typing import Any

import msgspec

from scenarist.domain.environment import resolve
from scenarist.storage.base import WriteTarget
from scenarist.storage.operations.transfers import store_upload


def accept_upload(path: str, target: dict[str, Any]) -> dict[str, Any]:
    """Store the bytes of a file as the value of a data node, after reading them as a check.

    Args:
        target: A `WriteTarget` as plain data, with references to the environment not yet resolved.

    Returns:
        The `WrittenValue` as plain data; it is not published yet.

    Raises:
        InvalidError: The bytes are not in the storage's format; says what is wrong.
    """
    whole = {**target, "properties": resolve(target["properties"], os.environ)}
    with open(path, "rb") as file:
        written = store_upload(file.read(), msgspec.convert(whole, WriteTarget))
    plain: dict[str, Any] = msgspec.to_builtins(written)
    return plain

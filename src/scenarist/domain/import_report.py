"""What an import of another application's entities did, and what it left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """An entry of what is imported, or a part of one, and what is to be said about it."""

    entry: str
    text: str


@dataclass(frozen=True, slots=True)
class ImportCount:
    """Numbers of entities of a kind.

    Args:
        present: Those that the database had already.
    """

    added: int
    present: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportReport:
    """What an import has added, or would add.

    Args:
        version: The version of the application that was imported.
        release: The release of Taipy that wrote it; empty if it is not known.
        counts: By the name of the kind.
        left_out: What is not imported, with the reason.
        notes: What is imported but differs from the source, or will not work as it did there.
    """

    version: str
    release: str
    counts: Mapping[str, ImportCount]
    left_out: Sequence[Remark]
    notes: Sequence[Remark]

"""Upgrades: the changes that bring a scenario to the structure that its config declares now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique

from scenarist.domain.vocabulary import EntityKind


@unique
class UpgradeAction(StrEnum):
    """What happens to a task, a data node or a sequence of the scenario."""

    CREATED = "CREATED"
    ATTACHED = "ATTACHED"  #: exists already: shared, or part of the scenario once before
    REPLACED = "REPLACED"  #: by another one of the same config
    DETACHED = "DETACHED"  #: no longer part of the scenario; it stays readable
    CHANGED = "CHANGED"  #: stays part of the scenario with something about it changed


@dataclass(frozen=True, kw_only=True, slots=True)
class StructureChange:
    """One change of an upgrade.

    Args:
        kind: TASK, DATA_NODE or SEQUENCE.
        name: The config id, or the name of the sequence.
        id: None if it does not exist yet.
        former_id: The entity that is replaced.
        because: Why, in a sentence.
    """

    action: UpgradeAction
    kind: EntityKind
    name: str
    id: str | None
    former_id: str | None = None
    because: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioUpgrade:
    """All changes of an upgrade; without any there is nothing to do.

    Args:
        kept: The identifiers of what stays as it is, by kind.
        notes: What differs from the config and stays so, in sentences.
    """

    changes: Sequence[StructureChange]
    kept: Mapping[EntityKind, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def describe(self) -> str:
        """Return how many changes there are of each action, in words."""
        counts = Counter(change.action for change in self.changes)
        return ", ".join(f"{count} {action.lower()}" for action, count in counts.items())

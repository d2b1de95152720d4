"""What differs in the values of one data node config in several scenarios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from scenarist.db.comparisons import NewestValue
from scenarist.domain.errors import ScenaristError
from scenarist.domain.identifiers import DataNodeId, EditId
from scenarist.domain.locations import describe_replacement, is_replaced_in_place
from scenarist.storage.operations.differences import Differences

_MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the values of one data node config that are compared in detail at most."""

FindDifferences = Callable[[Sequence[NewestValue]], Differences]
"""Compares values with the first of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputInScenario:
    """The value of a data node in one scenario.

    Args:
        value: As JSON text; None if there is none, or if it is large.
        is_same: Whether it equals that of the base; None if that is not known.
        reason: Why there is no value, or why it is not known whether it is the same.
    """

    data_node_id: DataNodeId | None
    edit_id: EditId | None = None
    value: str | None = None
    is_same: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSideBySide:
    """An input in several scenarios, by scenario.

    Args:
        order: The scenarios whose values were compared in detail, in the order of *details*.
        details: What differs in these values; None if nothing does, or if that is not known.
    """

    name: str
    title: str | None = None
    unit: str | None = None
    values: Mapping[str, InputInScenario]
    order: Sequence[str] = ()
    details: Differences | None = None

    @property
    def differs(self) -> bool | None:
        """Whether any value is not that of the base; None if that is not known."""
        same = {value.is_same for value in self.values.values()}
        return True if False in same else None if None in same else False


class ValuesToCompare:
    """The values of one data node config in several scenarios.

    Args:
        values: By scenario; None for one that has no such data node.
        base: The scenario with which the others are compared.
        made_in: Scenarios in which a task writes the data node, so that it is no input there.
    """

    def __init__(
        self,
        name: str,
        values: Mapping[str, NewestValue | None],
        *,
        base: str,
        made_in: Sequence[str] = (),
    ) -> None:
        self.name = name
        self._base = base
        self._made_in = made_in
        self._values = values
        self.reasons = {each: _explain_missing(name, value) for each, value in values.items()}
        readable = [
            (each, value)
            for each, value in values.items()
            if value is not None and self.reasons[each] is None
        ]
        readable.sort(key=lambda item: item[0] != base)
        self.readable: Mapping[str, NewestValue] = dict(readable)

    @property
    def needs_reading(self) -> bool:
        """Whether only reading the values tells whether they are the same."""
        return (
            self._base in self.readable
            and len(self.readable) > 1
            and not all(self._is_surely_same(each) for each in self.readable)
        )

    @property
    def is_rendered(self) -> bool:
        """Whether the database has all values as JSON."""
        return all(value.is_rendered and _is_kept_here(value) for value in self.readable.values())

    def compare(self, find: FindDifferences) -> InputSideBySide:
        """Compare the values; one that cannot be compared says why.

        Args:
            find: Called only if `needs_reading`.
        """
        reason: str | None = None
        found: Differences | None = None
        if self.needs_reading:
            size = sum(value.size or 0 for value in self.readable.values())
            if size > _MOST_BYTES:
                reason = f"the values have {size} bytes together, too many to compare in detail"
            else:
                try:
                    found = find(list(self.readable.values()))
                except ScenaristError as error:
                    reason = error.message
        same = {each: self._find_sameness(each, found) for each in self._values}
        return InputSideBySide(
            name=self.name,
            values={each: self._describe(each, same[each], reason) for each in self._values},
            order=list(self.readable) if found is not None and found.count else (),
            details=found if found is not None and found.count else None,
        )

    def _find_sameness(self, scenario_id: str, found: Differences | None) -> bool | None:
        if scenario_id in self.readable and self._base in self.readable:
            if found is not None:
                return found.same[list(self.readable).index(scenario_id)]
            return True if self._is_surely_same(scenario_id) else None
        # One of the two has no value, or another data node has replaced it.
        one, other = self._values[scenario_id], self._values[self._base]
        if one is not None and other is not None and one.data_node_id == other.data_node_id:
            return True
        if _is_replaced(one) or _is_replaced(other):
            return None
        return _is_empty(one) and _is_empty(other)

    def _is_surely_same(self, scenario_id: str) -> bool:
        """Whether a value is that of the base, as of a shared data node, or has the same bytes."""
        one, other = self.readable[scenario_id], self.readable[self._base]
        if one.data_node_id == other.data_node_id:
            return True
        if not (_is_kept_here(one) and _is_kept_here(other)):
            return False
        return one.digest is not None and (one.digest, one.storage_type, one.properties) == (
            other.digest,
            other.storage_type,
            other.properties,
        )

    def _describe(
        self, scenario_id: str, is_same: bool | None, not_compared: str | None
    ) -> InputInScenario:
        value, reason = self._values[scenario_id], self.reasons[scenario_id]
        if reason is None and is_same is None:
            reason = not_compared or self.reasons[self._base]
        if reason is None and scenario_id in self._made_in:
            reason = "a task of the scenario writes it, so it is no input there"
        if value is None:
            return InputInScenario(data_node_id=None, is_same=is_same, reason=reason)
        shown = InputInScenario(
            data_node_id=value.data_node_id,
            edit_id=value.edit_id,
            is_same=is_same,
            reason=reason,
        )
        is_shown = value.is_rendered and _is_kept_here(value)
        return replace(shown, value=value.short) if is_shown else shown


def _explain_missing(name: str, value: NewestValue | None) -> str | None:
    """Return why a scenario has no value; None if it has one."""
    if value is None:
        return f"the scenario has no data node {name!r}"
    if not value.is_written:
        return f"data node {value.data_node_id} has no value yet"
    if value.replaced_by is not None:
        return describe_replacement(value.data_node_id, value.replaced_by)
    return None


def _is_empty(value: NewestValue | None) -> bool:
    return value is None or not value.is_written


def _is_replaced(value: NewestValue | None) -> bool:
    return value is not None and value.is_written and value.replaced_by is not None


def _is_kept_here(value: NewestValue) -> bool:
    """Whether nobody else can change the value where it is stored."""
    return not is_replaced_in_place(value.storage_type, value.properties)

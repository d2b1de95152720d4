"""The lists and tables that an entry hands out. To change one is to declare its value again."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from scenarist.domain.errors import ConflictError

ItemT = TypeVar("ItemT")

Declare = Callable[[list[Any]], None]
"""Declares the items of a list, and has the entry `DeclaredList.take` them."""


def _refuse(_items: list[Any]) -> None:
    raise ConflictError("this list belongs to no declared entry; declare the entry first")


class DeclaredList(list[ItemT]):
    """Items of a scenario in their order, such as its tasks.

    A change declares them again, so that mistakes are found by the check. It raises a
    `ConflictError` while updates are blocked.
    """

    __slots__ = ("_declare",)

    def __init__(self, items: Iterable[ItemT] = (), declare: Declare = _refuse) -> None:
        super().__init__(items)
        self._declare = declare

    def take(self, items: Iterable[ItemT]) -> None:
        """Replace the items with declared ones."""
        list.__setitem__(self, slice(None), items)

    def __reduce__(self) -> Any:  # a copy belongs to no entry
        return list, (list(self),)


def _make_change(name: str) -> Callable[..., Any]:
    method = getattr(list, name)

    @wraps(method)
    def change(self: DeclaredList[Any], *arguments: Any, **options: Any) -> Any:
        items = list(self)
        result = method(items, *arguments, **options)
        self._declare(items)
        return self if result is items else result

    return change


for _name in (
    *("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"),
    *("__delitem__", "__iadd__", "__imul__", "__setitem__"),
):
    setattr(DeclaredList, _name, _make_change(_name))


class NamedValues(dict[str, Any]):
    """The sequences, comparators or outcomes of a scenario by name. A change declares them again.

    Args:
        declare: Declares one of them, or removes it if its value is None, and has the entry
            `take` all of them.
        make_missing: Makes the list of a name that is missing; without it that is a KeyError.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        declare: Callable[[str, object], None],
        make_missing: Callable[[str], DeclaredList[Any]] | None = None,
    ) -> None:
        super().__init__(values)
        self._declare = declare
        self._make_missing = make_missing

    def take(self, values: Mapping[str, Any]) -> None:
        """Replace the values with declared ones. A list that was handed out goes on in use."""
        taken = dict(values)
        for name, found in values.items():
            present = self.get(name)
            if isinstance(present, DeclaredList) and present is not found:
                present.take(found)
                taken[name] = present
        super().clear()
        super().update(taken)

    def __missing__(self, name: str) -> Any:
        if self._make_missing is None:
            raise KeyError(name)
        return self._make_missing(name)

    def __setitem__(self, name: str, value: object) -> None:
        self._declare(name, value)

    def __delitem__(self, name: str) -> None:
        self.pop(name)

    def __ior__(self, values: Any) -> Any:  # type: ignore[misc]  # __or__ gives a plain dict
        self.update(values)
        return self

    def update(self, *values: Any, **named: Any) -> None:
        for name, value in dict(*values, **named).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = [] if default is None else default
        return self[name]

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        self._declare(name, None)
        return value

    def popitem(self) -> tuple[str, Any]:
        name = next(reversed(self))
        return name, self.pop(name)

    def clear(self) -> None:
        for name in list(self):
            del self[name]

    def __reduce__(self) -> Any:  # a copy belongs to no entry
        return dict, (dict(self),)


class HandedOutCopy:
    """A slot of an entry that hands out a copy of its list or table.

    Changes of the copy have no effect on the entry, as with Taipy.
    """

    def __init__(self, slot: Any) -> None:
        self._slot = slot

    def __get__(self, entry: object, owner: type | None = None) -> Any:
        return self if entry is None else self._slot.__get__(entry, owner).copy()

    def __set__(self, entry: object, value: object) -> None:
        self._slot.__set__(entry, value)

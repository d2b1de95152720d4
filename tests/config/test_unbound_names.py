"""Which names of a module come from a star import."""

import pytest

from scenarist.config.unbound_names import find_unbound_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Config.load('a')", {"Config"}),
        ("def f(x):\n    return Scope.GLOBAL, x", {"Scope"}),
        ("class A:\n    scope = Scope.GLOBAL", {"Scope"}),
        ("print(len([n for n in range(3)]), __name__, __file__)", set()),
        ("import os as system\nsystem.getcwd()", set()),
        ("for n in range(3): pass\nprint(n)", set()),
        ("def f():\n    global made\n    made = 1\nf(); made", set()),
        ("lambda x, *rest: (x, rest, Frequency)", {"Frequency"}),
    ],
)
def test_names_that_are_used_but_never_bound_are_found(text: str, names: set[str]) -> None:
    assert find_unbound_names(text) == names

"""The names that a module takes from ``from … import *``, found in its text."""

import builtins
import symtable


def find_unbound_names(text: str) -> set[str]:
    """Return the global names that a module uses but never binds, except those of Python.

    Args:
        text: The module, which can be parsed.
    """
    module = symtable.symtable(text, "module", "exec")
    bound: set[str] = set()
    used: set[str] = set()
    tables = [module]
    for table in tables:
        tables += table.get_children()
        for item in table.get_symbols():
            if table is module or item.is_global():
                (bound if _is_bound(item) else used).add(item.get_name())
    return {name for name in used - bound - set(dir(builtins)) if not _is_of_python(name)}


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def _is_of_python(name: str) -> bool:
    """Return whether Python gives each module a value of this name, such as ``__file__``."""
    return name.startswith("__") and name.endswith("__")

"""The names that a module takes from ``from … import *``, found in its text."""

import builtins
import symtable


def find_unbound_names(text: str) -> set[str]:
    """Return the global names that a module uses but never binds, except those of Python.

    Args:
        text: The module, which can be parsed.
    """
    module = symtable.symtable(text, "module", "exec")
    bound = {item.get_name() for item in module.get_symbols() if _is_bound(item)}
    used: set[str] = set()
    tables = [module]
    for table in tables:
        tables += table.get_children()
        used.update(
            item.get_name()
            for item in table.get_symbols()
            if item.is_referenced() and (table is module or item.is_global())
        )
    return used - bound - set(dir(builtins))


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()

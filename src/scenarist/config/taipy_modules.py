"""The changes that a module written for Taipy needs, found in its text."""

import ast
import inspect
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from operator import attrgetter
from pathlib import Path

from scenarist.config.keys import DATA_NODE_KEYS, SCENARIO_KEYS, SECTION_KEYS, TASK_KEYS
from scenarist.config.registry import ConfigRegistry
from scenarist.config.taipy_names import (
    EQUIVALENTS,
    GUI_MODULES,
    KEYWORDS_INSTEAD,
    MODULES,
    find_config_instead,
    find_instead,
    find_member_fault,
    list_star_names,
)
from scenarist.config.unbound_names import find_unbound_names
from scenarist.domain.errors import InvalidError

_MAX_MODULES = 500
_DECLARING_PREFIXES = ("configure_", "set_default_", "load", "override")
_GUARDED = (
    "declarations under 'if __name__ == \"__main__\":' run only when the file is run as a program; "
    "move them out of it"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModuleChange:
    """A change that a module needs.

    Args:
        lines: The lines that it concerns.
        is_import: Whether it is a changed import line, which `rewrite_imports` makes.
        is_needed: Whether the module cannot be served without it. Otherwise it concerns code that
            does not run where the module is served.
    """

    file: Path
    lines: tuple[int, ...]
    message: str
    is_import: bool = False
    is_needed: bool = True


def find_changes(file: Path, folders: Sequence[Path]) -> list[ModuleChange]:
    """Return the changes that a module, and those that it imports from folders, need.

    Raises:
        InvalidError: The module cannot be read or parsed.
    """
    changes = _Module(file).find_changes()
    seen, to_visit = {file}, [file]
    while to_visit and len(seen) < _MAX_MODULES:
        for found in _iter_own_modules(to_visit.pop(), folders):
            if found not in seen:
                seen.add(found)
                to_visit.append(found)
                changes += _find_in_other(found)
    return changes


def describe_changes(file: Path, folders: Sequence[Path]) -> str:
    """Return the changes as lines of text, for an application that cannot be served without them.

    Empty if there are none.
    """
    try:
        changes = [change for change in find_changes(file, folders) if change.is_needed]
    except InvalidError:
        return ""
    if not any(change.is_import for change in changes):
        return ""
    lines = "".join(f"\n  {format_change(change)}" for change in changes)
    return f"; it is written for Taipy, and needs these changes:{lines}"


def rewrite_imports(file: Path) -> bytes:
    """Return a module with the imports of Taipy changed to those of Scenarist.

    Names that Scenarist does not have are left out. The encoding stays, with its byte order mark.

    Raises:
        InvalidError: The module cannot be read or parsed.
    """
    module = _Module(file)
    data = module.text.encode()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for statement in sorted(module.imports, key=attrgetter("lineno", "col_offset"), reverse=True):
        begin = starts[statement.lineno - 1] + statement.col_offset
        end = starts[(statement.end_lineno or 1) - 1] + (statement.end_col_offset or 0)
        indent = data[starts[statement.lineno - 1] : begin]
        is_first = not indent.strip()
        is_alone = not statement.col_offset and not data[end:].lstrip(b" \t").startswith(b";")
        parts = module.replace_import(statement) or ([] if is_alone else ["pass"])
        separator = "\n" + indent.decode() if is_first else "; "
        data = data[:begin] + separator.join(parts).encode() + data[end:]
    return data.decode().encode(module.encoding)


def format_change(change: ModuleChange) -> str:
    """Return a change as a line of text: file, lines, what to change."""
    file = shorten_path(change.file)
    lines = ", ".join(map(str, change.lines))
    place = f"{file}:{lines}"
    note = "" if change.is_needed else " (does not run where the module is served)"
    return f"{place}: {change.message}{note}"


def shorten_path(file: Path) -> str:
    """Return the path of a file from the current folder, if it is below it."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _find_in_other(file: Path) -> list[ModuleChange]:
    try:
        return _Module(file).find_changes()
    except InvalidError:
        return []  # importing it will fail and say why


def _iter_own_modules(file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of the modules below folders that a module imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for item in ast.walk(tree):
        bases = folders
        if isinstance(item, ast.ImportFrom) and item.level:
            bases = [file.parents[item.level - 1]]
        for name in _iter_imported_names(item):
            stems = [base.joinpath(*name.split(".")) for base in bases]
            files = [(stem.with_name(f"{stem.name}.py"), stem / "__init__.py") for stem in stems]
            yield from (found.resolve() for pair in files for found in pair if found.is_file())


def _iter_imported_names(item: ast.AST) -> Iterator[str]:
    """Yield the names that an import statement may take modules from, without leading dots."""
    if isinstance(item, ast.Import):
        yield from (alias.name for alias in item.names)
    elif isinstance(item, ast.ImportFrom):
        yield from (f"{item.module or ''}.{alias.name}".strip(".") for alias in item.names)
        if item.module:
            yield item.module


@dataclass(slots=True)
class _Use:
    """Places of a name of Taipy."""

    lines: list[int] = field(default_factory=list)
    is_needed: bool = False


class _Module(ast.NodeVisitor):
    """A module: its imports of Taipy, and what it uses of them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            data = file.read_bytes()
            self.encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
            self.text = data.decode(self.encoding)
            self._tree = ast.parse(self.text)
        except OSError as error:
            raise InvalidError(f"{file}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            name = error.encoding.upper()
            raise InvalidError(f"{file}: is not valid {name} at byte {error.start}") from None
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise InvalidError(f"{file}:{line}: {type(error).__name__}: {error}") from None
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self._idle_imports: set[ast.AST] = set()
        self._bound: dict[str, tuple[str, ...]] = {}  # names of this module → path in Taipy
        self._given: dict[ast.AST, set[str]] = {}  # names that * gives this module
        self._used: set[str] = set()  # names of this module that are used for what is here too
        self._uses: dict[str, _Use] = {}  # by message
        self._runs = True
        self._is_in_guard = False
        self._has_lazy_annotations = False
        self._collect_imports()
        self.visit(self._tree)

    def find_changes(self) -> list[ModuleChange]:
        imports = [
            ModuleChange(
                file=self._file,
                lines=(statement.lineno,),
                message=(
                    f"{ast.unparse(statement)} → "
                    f"{'; '.join(self.replace_import(statement)) or 'remove the line'}"
                ),
                is_import=True,
                is_needed=statement not in self._idle_imports,
            )
            for statement in self.imports
        ]
        uses = [
            ModuleChange(
                file=self._file,
                lines=tuple(sorted(set(use.lines))),
                message=message,
                is_needed=use.is_needed,
            )
            for message, use in self._uses.items()
        ]
        return sorted([*imports, *uses], key=lambda change: change.lines)

    def replace_import(self, statement: ast.Import | ast.ImportFrom) -> list[str]:
        """Return the import statements that take the place of one; none if it is not needed."""
        made: dict[str, list[str]] = {}
        given = [ast.alias(name) for name in sorted(self._used & self._given.get(statement, set()))]
        for alias in given if statement in self._given else statement.names:
            path = _path_of(statement, alias)
            name = alias.asname or alias.name.partition(".")[0]
            if path is None:
                made.setdefault("", []).append(f"import {ast.unparse(alias)}")
            elif path[-1] in EQUIVALENTS and isinstance(statement, ast.ImportFrom):
                module, own = EQUIVALENTS[path[-1]]
                text = own if own == name else f"{own} as {name}"
                made.setdefault(f"from {module} import ", []).append(text)
            elif name in self._used:
                made.setdefault("", []).append(f"import scenarist as {name}")
        plain = made.pop("", [])
        return [*plain, *(start + ", ".join(sorted(names)) for start, names in made.items())]

    def _collect_imports(self) -> None:
        for item in ast.walk(self._tree):
            if not isinstance(item, ast.Import | ast.ImportFrom):
                continue
            if isinstance(item, ast.ImportFrom) and item.module == "__future__":
                self._has_lazy_annotations |= any(one.name == "annotations" for one in item.names)
            if any(_path_of(item, alias) is not None for alias in item.names):
                self.imports.append(item)
                self._bind(item)

    def _bind(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            path = _path_of(statement, alias)
            if path is not None and alias.name == "*":
                self._bind_star(statement, path[:-1])
            elif path is not None and isinstance(statement, ast.Import) and alias.asname is None:
                self._bound["taipy"] = ("taipy",)
            elif path is not None:
                self._bound[alias.asname or alias.name] = path

    def _bind_star(self, statement: ast.Import | ast.ImportFrom, module: tuple[str, ...]) -> None:
        is_gui = not GUI_MODULES.isdisjoint(module)
        given = list_star_names(is_gui=is_gui) & find_unbound_names(self.text) - set(self._bound)
        self._given[statement] = set(given)
        self._bound.update({name: (*module, name) for name in given})
        if not given and not is_gui:  # other modules may take names from this one
            self._add(statement.lineno, "import the names that are used instead of *")

    def visit_Import(self, node: ast.Import) -> None:
        if not self._runs:
            self._idle_imports.add(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if not self._runs:
            self._idle_imports.add(node)

    def visit_If(self, node: ast.If) -> None:
        if not _is_main_guard(node.test):
            self.generic_visit(node)
            return
        is_outer, self._is_in_guard = self._is_in_guard, True
        self._visit_unless_served(node.body)
        self._is_in_guard = is_outer
        for item in node.orelse:
            self.visit(item)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._has_lazy_annotations:
            self._visit_unless_served([node.annotation])
        else:
            self.visit(node.annotation)
        for item in (node.target, node.value):
            if item is not None:
                self.visit(item)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_unless_served([node.body])

    def visit_Attribute(self, node: ast.Attribute) -> None:
        path = self._find_path(node)
        if path is None:
            self.generic_visit(node)
        else:
            self._add_use(node, path)

    def visit_Name(self, node: ast.Name) -> None:
        path = self._bound.get(node.id)
        if path is not None and isinstance(node.ctx, ast.Load):
            self._add_use(node, path)

    def visit_Call(self, node: ast.Call) -> None:
        path = self._find_path(node.func)
        if path is not None and path[-2:-1] == ("Config",):
            self._check_arguments(node, path[-1])
            if self._is_in_guard and path[-1].startswith(_DECLARING_PREFIXES):
                self._add(node.lineno, _GUARDED, is_needed=True)
        self.generic_visit(node)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = node.args
        at_once: list[ast.AST | None] = [
            *node.decorator_list,
            *arguments.defaults,
            *arguments.kw_defaults,
        ]
        annotated = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        annotated += [item for item in (arguments.vararg, arguments.kwarg) if item is not None]
        annotations: list[ast.AST | None] = [*(item.annotation for item in annotated), node.returns]
        if self._has_lazy_annotations:
            self._visit_unless_served([item for item in annotations if item is not None])
        else:
            at_once += annotations
        for item in at_once:
            if item is not None:
                self.visit(item)
        self._visit_unless_served(node.body)

    def _visit_unless_served(self, nodes: Iterable[ast.AST]) -> None:
        """Visit code that does not run when the module is imported."""
        runs, self._runs = self._runs, False
        for node in nodes:
            self.visit(node)
        self._runs = runs

    def _find_path(self, node: ast.AST) -> tuple[str, ...] | None:
        """Return the path in Taipy of a name or attribute."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self._bound:
            return None
        return (*self._bound[node.id], *reversed(names))

    def _add_use(self, node: ast.expr, path: tuple[str, ...]) -> None:
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        alias = root.id if isinstance(root, ast.Name) else ""
        first = len(self._bound[alias]) - 1  # what is imported, or a module of it
        places = (at for at in range(first, len(path)) if path[at] not in MODULES)
        place = next(places, len(path) - 1)
        name, rest = path[place], path[place + 1 :]
        is_gui = not GUI_MODULES.isdisjoint(path[:place])
        if is_gui or name not in EQUIVALENTS:
            shown = ast.unparse(node)
            self._add(node.lineno, f"{shown}: {find_instead(name, is_gui=is_gui)}")
            return
        self._used.add(alias)
        if place > first + 1:
            home, own = EQUIVALENTS[name]
            self._add(node.lineno, f"write {own}, after from {home} import {own}")
        if not rest:
            return
        fault = (
            _find_config_fault(rest[0]) if name == "Config" else find_member_fault(name, rest[0])
        )
        if fault is not None:
            self._add(node.lineno, f"{name}.{rest[0]}: {fault}")

    def _check_arguments(self, node: ast.Call, function: str) -> None:
        known = _find_parameters(function)
        for keyword in node.keywords:
            name = keyword.arg
            if name is None or known is None or name in known:
                continue
            fault = KEYWORDS_INSTEAD.get(name)
            if fault is None:
                fault = f"put it under properties: properties={{{name!r}: …}}"
            self._add(keyword.value.lineno, f"{name} in {function}: {fault}")
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            if isinstance(value, ast.Lambda):
                self._add(
                    value.lineno,
                    f"lambda in {function}: workers find functions by name; define a function",
                )

    def _add(self, line: int, message: str, *, is_needed: bool = False) -> None:
        use = self._uses.setdefault(message, _Use())
        use.lines.append(line)
        use.is_needed |= self._runs or is_needed


def _path_of(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[str, ...] | None:
    """Return the path of what is imported, if that is of Taipy."""
    if isinstance(statement, ast.ImportFrom):
        if statement.level:
            return None
        path = (*(statement.module or "").split("."), alias.name)
    else:
        path = tuple(alias.name.split("."))
    return path if path[0] == "taipy" else None


def _find_parameters(function: str) -> set[str] | None:
    """Return the names of the arguments that a configure function takes; None if it is none."""
    found = getattr(ConfigRegistry, function, None)
    if found is None or not function.startswith(("configure_", "set_default_")):
        return None
    names = set(inspect.signature(found).parameters) | {"properties"}
    if function == "configure_global_app":
        names.update(SECTION_KEYS["TAIPY"])
    elif function.endswith(("data_node", "data_node_from", "data_node_configuration")):
        kind = function.removeprefix("configure_").removesuffix("_data_node")
        keys = DATA_NODE_KEYS.get(kind) or [key for keys in DATA_NODE_KEYS.values() for key in keys]
        names.update(keys, ("scope", "validity_period", "storage_type"))
    else:
        names.update(TASK_KEYS, SCENARIO_KEYS, *SECTION_KEYS.values())
    return names


def _find_config_fault(attribute: str) -> str | None:
    """Return what to write instead of an attribute of ``Config``; None if Scenarist has it."""
    if attribute.startswith("_") or hasattr(ConfigRegistry, attribute):
        return None
    return find_config_instead(attribute) or "Config has no such attribute here; remove it"


def _is_main_guard(test: ast.expr) -> bool:
    names = {item.id for item in ast.walk(test) if isinstance(item, ast.Name)}
    values = {item.value for item in ast.walk(test) if isinstance(item, ast.Constant)}
    return "__name__" in names and "__main__" in values

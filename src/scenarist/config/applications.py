"""Loading of the application named on the command line: a module, Python file or TOML file."""

import ast
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scenarist.config.functions import import_module, loading_module
from scenarist.config.registry import Config, ConfigRegistry
from scenarist.config.taipy_modules import describe_changes
from scenarist.domain.errors import InvalidError
from scenarist.system.search_path import extend_search_path

OVERRIDE_VARIABLES = ("SCENARIST_CONFIG_PATH", "TAIPY_CONFIG_PATH")
_GUARD = {"__name__", "__main__"}
_DECLARING_PREFIXES = ("configure_", "set_default_")
_LIBRARIES = (
    "bson",
    "fsspec",
    "msgspec",
    "numpy",
    "openpyxl",
    "pandas",
    "polars",
    "psycopg",
    "pyarrow",
    "pymongo",
    "s3fs",
    "scenarist",
    "sqlalchemy",
    "structlog",
)
"""Libraries that workers and storages import if they are installed."""


@dataclass(frozen=True, slots=True)
class Application:
    """A loaded application: its declarations, and where its functions are found.

    Args:
        search_path: The folders that a worker process needs on ``sys.path`` to find its functions:
            its own folder, the current one, and those that its module added.
        name: The name that it was loaded by.
        file: The file of its module; None for a TOML file.
        current_folder: The folder in which it was loaded, if that is not its own.
    """

    registry: ConfigRegistry
    search_path: tuple[str, ...]
    name: str = ""
    file: str | None = None
    current_folder: str | None = None

    @property
    def own_folders(self) -> tuple[str, ...]:
        """The search path without the folder in which it happened to be loaded."""
        return tuple(folder for folder in self.search_path if folder != self.current_folder)


def load_app(app: str) -> Application:
    """Load ``package.module``, ``path/app.py`` or ``path/config.toml``.

    Modules are looked up in its folder (for a module, the current folder) after Python's standard
    library, and then in the current folder. The file that SCENARIST_CONFIG_PATH (or
    TAIPY_CONFIG_PATH) names is applied last.

    Raises:
        InvalidError: The application cannot be loaded. The message says why, with file and line.
    """
    is_file = app.endswith((".py", ".toml")) or os.sep in app
    if (is_file or set(app) == {"."}) and Path(app).is_dir():
        raise InvalidError(f"{app} is a folder; name a file in it, such as {Path(app, 'app.py')}")
    folder = str(Path(app).resolve().parent if is_file else Path.cwd())
    current = _find_current_folder()
    own = [folder] if current is None or current == folder else [folder, current]
    extend_search_path(own)
    before = set(sys.path) - set(own)
    is_module = not app.endswith(".toml")
    module: ModuleType | None = None
    with loading_module((Path(app).stem if is_file else app) if is_module else None):
        if is_module:
            module = _import_application(app, folder, is_file=is_file)
            registry = _find_registry(module, app)
        else:
            registry = ConfigRegistry()
            registry.load(app)
        for name in OVERRIDE_VARIABLES:
            if override := os.environ.get(name):
                registry.override(override)
                break
    search_path = tuple(_resolve_path_entry(entry) for entry in sys.path if entry not in before)
    return Application(
        registry,
        search_path,
        app,
        getattr(module, "__file__", None),
        current if current != folder else None,
    )


def _find_current_folder() -> str | None:
    """Return the current folder; None if it is gone, or if it would hide a library."""
    try:
        current = str(Path.cwd())
    except OSError:
        return None
    hides = any(name in _LIBRARIES for name, _ in find_shadowing_modules([current]))
    return None if hides and current not in sys.path and "" not in sys.path else current


def _import_application(app: str, folder: str, *, is_file: bool) -> ModuleType:
    try:
        return _import_file(Path(app).resolve()) if is_file else import_module(app)
    except InvalidError as error:
        hint = _make_shadowing_hint(error.message, folder)
        if f"'{Path(app).stem}' is not a package" in error.message and is_file:
            hint = f"; it hides the package of that name, so {_name_module(app)}"
        if "'taipy" in error.message and (file := find_source(app)) is not None:
            hint = describe_changes(file, [Path(folder)])
        raise InvalidError(error.message + hint) from error


def _name_module(app: str) -> str:
    """Return the advice to name a file as a module, or to rename it if that is not possible."""
    with suppress(ValueError):
        path = Path(app).resolve().relative_to(Path.cwd())
        if len(path.parts) > 1:
            return f"serve it as the module {'.'.join(path.with_suffix('').parts)}"
    return "rename the file"


def find_source(app: str) -> Path | None:
    """Return the Python file of an application, without importing it; None if there is none."""
    file = Path(app) if app.endswith(".py") else Path(*app.split(".")).with_suffix(".py")
    return file.resolve() if file.is_file() else None


def find_declaration_faults(application: Application) -> Iterator[str]:
    """Yield the reason if an application declares nothing, or hides its scenarios in a guard."""
    registry = application.registry
    if registry.scenarios:
        return
    is_empty = not registry.tasks and not registry.data_nodes
    missing = "nothing" if is_empty else "no scenario"
    guard = (
        None if application.file is None else _find_main_guard(application.file, is_empty=is_empty)
    )
    if guard is not None:
        yield (
            f"declares {missing}, because the code under 'if __name__ == \"__main__\":' (line "
            f"{guard}) runs only when the file is run as a program; move the declarations out of it"
        )
    elif changes := _describe_changes(application):
        yield f"declares {missing} here{changes}"
    elif is_empty:
        yield (
            "declares no data node, no task and no scenario; declare them at module level, so that "
            "importing it declares them"
        )


def _describe_changes(application: Application) -> str:
    """Return the changes that a module needs which declares with Taipy's own ``Config``."""
    if application.file is None or "taipy" not in sys.modules:
        return ""
    return describe_changes(Path(application.file), [*map(Path, application.search_path)])


def find_shadowing_modules(search_path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find modules named like a standard library module or a library that Scenarist uses."""
    for folder in search_path:
        for entry in sorted(Path(folder).glob("*")):
            is_module = entry.suffix == ".py" or (entry / "__init__.py").is_file()
            if is_module and (entry.stem in sys.stdlib_module_names or entry.stem in _LIBRARIES):
                yield entry.stem, str(entry)


def find_shadowing_faults(search_path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find the `find_shadowing_modules` that conflict with an import.

    Returns:
        File and message: what is wrong, and how to fix it.
    """
    for name, file in find_shadowing_modules(search_path):
        if name in _LIBRARIES:
            yield file, f"hides the library {name!r}, which Scenarist uses; rename it"
        elif importer := _find_importer(name, Path(file).parent):
            yield (
                file,
                f"has the name of Python's own module {name!r}, which {importer} imports "
                "instead; rename it",
            )


def _find_importer(name: str, folder: Path) -> str | None:
    """Return file and line of a module in the folder that imports a module of this name."""
    for file in sorted(folder.glob("*.py")):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError):
            continue
        for item in ast.walk(tree):
            names = [alias.name for alias in item.names] if isinstance(item, ast.Import) else []
            if isinstance(item, ast.ImportFrom) and item.level == 0 and item.module:
                names = [item.module]
            if name in (found.partition(".")[0] for found in names):
                return f"{file.name}:{getattr(item, 'lineno', 1)}"
    return None


def _make_shadowing_hint(message: str, folder: str) -> str:
    """Return a hint for an import error, if Python's own module was imported instead of a file."""
    for name, file in find_shadowing_modules([folder]):
        if f"'{name}'" in message:
            return f"; {name!r} is Python's own module, not {file}: rename that file"
    return ""


def _resolve_path_entry(entry: str) -> str:
    """Return the absolute folder that an entry of ``sys.path`` meant when it was first used."""
    finder = sys.path_importer_cache.get(entry)
    return str(getattr(finder, "path", None) or os.path.abspath(entry))


def _find_main_guard(file: str, *, is_empty: bool) -> int | None:
    """Return the line of ``if __name__ == "__main__":``, if its body contains declarations.

    Args:
        is_empty: Whether the application declares nothing, so that any such block explains it.
    """
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError):
        return None
    for statement in tree.body:
        if isinstance(statement, ast.If) and _collect_words(statement.test) >= _GUARD:
            names = (item.attr for item in ast.walk(statement) if isinstance(item, ast.Attribute))
            if is_empty or any(name.startswith(_DECLARING_PREFIXES) for name in names):
                return statement.lineno
    return None


def _collect_words(test: ast.expr) -> set[object]:
    names = {item.id for item in ast.walk(test) if isinstance(item, ast.Name)}
    return names | {item.value for item in ast.walk(test) if isinstance(item, ast.Constant)}


def _import_file(file: Path) -> ModuleType:
    name = file.stem
    if not file.is_file():
        raise InvalidError(f"there is no file {file}")
    if "." in name:
        raise InvalidError(
            f"{file}: Python cannot import a file with a dot in its name; rename it to "
            f"{name.replace('.', '_')}.py"
        )
    module = sys.modules.get(name) or import_module(name)
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != file:
        raise InvalidError(
            f"{file}: another module is already imported as {name!r} "
            f"({found or 'built in'}); rename the file"
        )
    return module


def _find_registry(module: ModuleType, app: str) -> ConfigRegistry:
    """Return the registry that a module defines, else the default one."""
    own = {
        id(value): name
        for name, value in vars(module).items()
        if isinstance(value, ConfigRegistry) and value is not Config
    }
    # A module may import the default registry without using it.
    if own and (Config.data_nodes or Config.tasks or Config.scenarios):
        own[id(Config)] = "Config"
    if len(own) > 1:
        names = ", ".join(own.values())
        raise InvalidError(f"{app} defines several registries ({names}); keep one of them")
    return getattr(module, next(iter(own.values()))) if own else Config

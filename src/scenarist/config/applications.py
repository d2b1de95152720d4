"""Loading the application that a command line names: a module, a Python file or a TOML file."""

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scenarist.config.functions import import_module
from scenarist.config.registry import Config, ConfigRegistry
from scenarist.domain.errors import InvalidError

_OVERRIDES = ("SCENARIST_CONFIG_PATH", "TAIPY_CONFIG_PATH")


@dataclass(frozen=True, slots=True)
class Application:
    """What an application declares.

    Args:
        search_path: The folders that a worker process needs on ``sys.path`` to find its functions.
    """

    registry: ConfigRegistry
    search_path: tuple[str, ...]


def load_app(app: str) -> Application:
    """Load ``package.module``, ``path/app.py`` or ``path/config.toml``.

    Its folder (the current one for a module) comes first on ``sys.path``. The file that
    SCENARIST_CONFIG_PATH (or TAIPY_CONFIG_PATH) names is applied last.

    Raises:
        InvalidError: The application does not load; says why, with file and line.
    """
    if app.endswith(".toml"):
        folder = _search_first(Path(app).resolve().parent)
        registry = ConfigRegistry()
        registry.load(app)
    elif app.endswith(".py") or os.sep in app:
        file = Path(app).resolve()
        folder = _search_first(file.parent)
        registry = _registry_of(_import_file(file), app)
    else:
        folder = _search_first(Path.cwd())
        registry = _registry_of(import_module(app), app)
    for name in _OVERRIDES:
        if override := os.environ.get(name):
            registry.override(override)
            break
    return Application(registry, (folder,))


def _search_first(folder: Path) -> str:
    text = str(folder)
    if sys.path[:1] != [text]:
        sys.path.insert(0, text)
    importlib.invalidate_caches()
    return text


def _import_file(file: Path) -> ModuleType:
    name = file.stem
    if not file.is_file():
        raise InvalidError(f"there is no file {file}")
    if not name.isidentifier():
        raise InvalidError(f"{file}: worker processes import it by name; rename it, like my_app.py")
    module = sys.modules.get(name) or import_module(name)
    found = getattr(module, "__file__", None)
    if found is None or Path(found).resolve() != file:
        raise InvalidError(
            f"{file}: another module is already imported as {name!r} "
            f"({found or 'built in'}); rename the file"
        )
    return module


def _registry_of(module: ModuleType, app: str) -> ConfigRegistry:
    """Return the registry that a module defines for itself, else the default one."""
    own = {
        id(value): name
        for name, value in vars(module).items()
        if isinstance(value, ConfigRegistry) and value is not Config
    }
    if len(own) > 1:
        names = ", ".join(own.values())
        raise InvalidError(f"{app} defines several registries ({names}); keep one of them")
    return getattr(module, next(iter(own.values()))) if own else Config

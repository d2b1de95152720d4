"""The files that an application is made of, for noticing that one of them has changed."""

import os
import sys
from pathlib import Path

from scenarist.config.applications import OVERRIDE_VARIABLES, Application
from scenarist.config.code_digests import CodeDigests, iter_storage_functions
from scenarist.config.functions import is_own_file


def list_code_files(application: Application) -> list[str]:
    """Return the files of a loaded application: its modules, also those of functions, and TOML."""
    registry = application.registry
    functions = [
        *(task.function for task in registry.tasks.values()),
        *(
            function
            for scenario in registry.scenarios.values()
            for names in scenario.comparators.values()
            for function in names
        ),
        *(
            name
            for node in registry.data_nodes.values()
            for name in iter_storage_functions(node.properties)
        ),
    ]
    files = CodeDigests(application.search_path).files_of(map(str, functions))
    files |= {file for module in list(sys.modules.values()) if (file := _file_of(module))}
    named = [application.name if application.name.endswith(".toml") else application.file]
    named += [os.environ.get(name) for name in OVERRIDE_VARIABLES]
    own = {file for file in files if _is_below(file, application.search_path)}
    return sorted(own | {str(Path(file).resolve()) for file in named if file})


def _file_of(module: object) -> str | None:
    file = getattr(module, "__file__", None)
    return str(Path(file).resolve()) if isinstance(file, str) and is_own_file(file) else None


def _is_below(file: str, folders: tuple[str, ...]) -> bool:
    return is_own_file(file) and any(
        Path(file).is_relative_to(Path(folder).resolve()) for folder in folders
    )

"""Reports what a module or TOML file of Taipy needs to be served, and changes its imports."""

import re
import sys
from pathlib import Path

from scenarist.config import ConfigProblem, load_app
from scenarist.config.applications import find_declaration_faults, find_source
from scenarist.config.taipy_modules import find_changes, format_change, rewrite_imports
from scenarist.config.taipy_stand_in import standing_in_for_taipy
from scenarist.domain.errors import InvalidError
from scenarist.domain.redaction import redact
from scenarist.system.search_path import extend_search_path

_FAMILIES = ("DATA_NODE", "TASK", "SCENARIO")
_ENTRY = re.compile(r".*: ([A-Z_]+)(?:\.([^.]+))?(?:\.(.+))?", re.DOTALL)


def report_changes(application: str, *, write: str | None, may_overwrite: bool) -> None:
    """Print every change that an application of Taipy needs.

    Args:
        write: Also write the module with changed import lines to this file; ``-`` prints it, and
            the report goes to standard error.

    Raises:
        InvalidError: There are changes other than those of import lines, or the module cannot be
            written.
    """
    report = sys.stderr if write == "-" else sys.stdout
    is_module = not application.endswith(".toml")
    if not is_module:
        if write is not None:
            raise InvalidError("a TOML file has no import lines; leave out --write")
        lines = _find_file_changes(application)
        rest = len(lines)
    else:
        file = find_source(application)
        if file is None:
            raise InvalidError(f"there is no file {application}")
        lines, rest = _find_module_changes(application, file)
        if write is not None:
            _write_module(file, write, may_overwrite=may_overwrite)
    for line in lines:
        print(redact(line), file=report)
    if rest:
        changes = "1 change" if rest == 1 else f"{rest} changes"
        note = " that --write does not make" if is_module else ""
        raise InvalidError(f"{application} needs {changes}{note}")
    print(f"{application} needs {'no other' if lines else 'no'} change.", file=report)


def _find_module_changes(application: str, file: Path) -> tuple[list[str], int]:
    """Return the changes as text, and the number of those that remain after the import lines."""
    folders = list(dict.fromkeys([file.parent, Path.cwd()]))
    changes = find_changes(file, folders)
    lines = [format_change(change) for change in changes]
    rest = sum(change.is_needed and not change.is_import for change in changes)
    if rest:
        return lines, rest
    problems = _check_declarations(application, folders)
    if "Config" not in file.read_text():  # a module of functions that another one uses
        problems = [problem for problem in problems if problem.where != application]
    return [*lines, *(f"{problem.where}: {problem.message}" for problem in problems)], len(problems)


def _check_declarations(application: str, folders: list[Path]) -> list[ConfigProblem]:
    """Return the mistakes of a module, as if its import lines were changed."""
    extend_search_path([str(folder) for folder in folders])
    with standing_in_for_taipy():
        try:
            loaded = load_app(application)
        except InvalidError as error:
            return [ConfigProblem(application, error.message)]
        faults = [ConfigProblem(application, fault) for fault in find_declaration_faults(loaded)]
        return [*loaded.registry.check(), *faults]


def _find_file_changes(file: str) -> list[str]:
    loaded = load_app(file)
    text = Path(file).read_text("utf-8")
    faults = [ConfigProblem(file, fault) for fault in find_declaration_faults(loaded)]
    problems = [*loaded.registry.check(), *faults]
    return [
        f"{file}:{_find_line(text, problem.where)}: {problem.where.removeprefix(f'{file}: ')}: "
        f"{problem.message}"
        for problem in problems
    ]


def _find_line(text: str, where: str) -> int:
    """Return the line of an entry's key in a TOML file, or that of the entry; else 1."""
    match = _ENTRY.fullmatch(where)
    if match is None:
        return 1
    family, id, key = match.groups()
    if family not in _FAMILIES:
        id, key = None, id
    wanted = [part for part in (family, id) if part]
    found = 1
    path: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            path = [part.strip().strip("'\"") for part in header[1].split(".")]
            if found == 1 and path[: len(wanted)] == wanted:
                found = number
        elif path[: len(wanted)] == wanted and key:
            name = line.partition("=")[0].strip().strip("'\"")
            if name and key in {name, ".".join([*path[len(wanted) :], name])}:
                return number
    return found


def _write_module(file: Path, write: str, *, may_overwrite: bool) -> None:
    text = rewrite_imports(file)
    if write == "-":
        print(text, end="")
        return
    try:
        with open(write, "w" if may_overwrite else "x", encoding="utf-8", newline="") as target:
            target.write(text)
    except FileExistsError:
        raise InvalidError(
            f"{write} exists; write to another file, or add --overwrite to replace it"
        ) from None
    except OSError as error:
        raise InvalidError(f"{write} cannot be written: {error.strerror}") from error

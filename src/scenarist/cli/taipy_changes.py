"""Reports what a module or TOML file of Taipy needs to be served, and changes its imports."""

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

from scenarist.config import ConfigProblem, load_app
from scenarist.config.applications import find_declaration_faults, find_source
from scenarist.config.taipy_modules import (
    ModuleChange,
    find_changes,
    format_change,
    rewrite_imports,
    shorten_path,
)
from scenarist.config.taipy_stand_in import find_statement_lines, standing_in_for_taipy
from scenarist.domain.errors import InvalidError
from scenarist.domain.redaction import redact
from scenarist.system.search_path import extend_search_path

_FAMILIES = ("DATA_NODE", "TASK", "SCENARIO")
_PLACE = re.compile(r"(.+\.py):(\d+): ")
_ARGUMENT_FAULTS = ("there is no key ", "a lambda ")
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
        found = _find_file_changes(application)
        for line in found:
            print(redact(line), file=report)
        has_changes, rest = bool(found), len(found)
    else:
        file = find_source(application)
        if file is None:
            raise InvalidError(f"there is no file {application}")
        has_changes, rest = _report_module(
            application, file, report, write=write, may_overwrite=may_overwrite
        )
    if rest:
        count = "1 change" if rest == 1 else f"{rest} changes"
        note = " that --write does not make" if is_module else ""
        raise InvalidError(f"{application} needs {count}{note}")
    print(f"{application} needs {'no other' if has_changes else 'no'} change.", file=report)


def _report_module(
    application: str, file: Path, report: TextIO, *, write: str | None, may_overwrite: bool
) -> tuple[bool, int]:
    """Print the changes of a module; return whether there are any, and how many are left."""
    folders = list(dict.fromkeys([file.parent, Path.cwd()]))
    changes = find_changes(file, folders)
    if write is not None:
        _write_module(file, write, may_overwrite=may_overwrite)
    for change in changes:
        print(redact(format_change(change)), file=report)
    # Loading executes the module: what its text needs is told by then, whatever it does.
    report.flush()
    with redirect_stdout(report):  # what the module prints is no part of the written one
        problems, notes = _check_declarations(application, file, folders, changes)
    for line in (*(f"{problem.where}: {problem.message}" for problem in problems), *notes):
        print(redact(line), file=report)
    return bool(changes or problems), sum(map(_is_left, changes)) + len(problems)


def _is_left(change: ModuleChange) -> bool:
    """Whether a change is still needed after those of the import lines."""
    return change.is_needed and not change.is_import


def _check_declarations(
    application: str, file: Path, folders: list[Path], changes: Sequence[ModuleChange]
) -> tuple[list[ConfigProblem], list[str]]:
    """Return the mistakes of a module as if its import lines were changed, and what is unknown.

    Mistakes that the changes name already are left out.
    """
    listed: dict[Path, frozenset[int]] = {file: frozenset()}
    for change in changes:
        lines = change.lines if _is_left(change) else ()
        listed[change.file] = listed.get(change.file, frozenset()).union(lines)
    extend_search_path([str(folder) for folder in folders])
    with standing_in_for_taipy(listed) as left_out:
        try:
            loaded = load_app(application)
        except InvalidError as error:
            if left_out:  # it lacks what would have been declared
                return [], [_describe_rest(application, left_out)]
            return [ConfigProblem(application, error.message)], []
        problems = [
            problem for problem in loaded.registry.check() if not _is_listed(problem, listed)
        ]
    # A module of functions that another one uses declares nothing.
    if not left_out and b"Config" in file.read_bytes():
        faults = find_declaration_faults(loaded)
        problems += [ConfigProblem(application, fault) for fault in faults]
    return problems, [_describe_rest(application, left_out)] if left_out else []


def _describe_rest(application: str, left_out: Mapping[Path, int]) -> str:
    places = ", ".join(f"{shorten_path(path)}:{line}" for path, line in left_out.items())
    return (
        f"{application}: {places}, and what depends on it, could not be loaded; run this again "
        "after the changes above, as further ones may be found there"
    )


def _is_listed(problem: ConfigProblem, listed: Mapping[Path, frozenset[int]]) -> bool:
    """Whether a mistake of an argument is one of the listed changes."""
    match = _PLACE.match(problem.where)
    if match is None or not problem.message.startswith(_ARGUMENT_FAULTS):
        return False
    file = Path(match[1]).resolve()
    if not listed.get(file):
        return False
    statement = find_statement_lines(ast.parse(file.read_bytes()), int(match[2]))
    return not listed[file].isdisjoint(statement)


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
    data = rewrite_imports(file)
    if write == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        with open(write, "wb" if may_overwrite else "xb") as target:
            target.write(data)
    except FileExistsError:
        raise InvalidError(
            f"{write} exists; write to another file, or add --overwrite to replace it"
        ) from None
    except OSError as error:
        raise InvalidError(f"{write} cannot be written: {error.strerror}") from error

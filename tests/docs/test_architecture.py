"""docs/architecture.md, CONTRIBUTING.md and the glossary: what they name exists in the source."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import scenarist

ROOT = Path(__file__).parents[2]
PACKAGE = Path(scenarist.__file__).parent
PAGE = ROOT / "docs" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
GLOSSARY = ROOT / "docs" / "glossary.md"

# Words of the page in the form of a name that are none of the source.
NOT_NAMES = {"Host", "in_doubt"}
BELOW_ALL = {"domain", "observability", "system"}
MODULES = {file.relative_to(PACKAGE).as_posix(): file for file in PACKAGE.rglob("*.py")}
PACKAGES = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
TOKEN = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def text_of(page: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def is_path(token: str) -> bool:
    return " " not in token and bool(re.fullmatch(r"[\w./-]+/|[\w./-]+\.(py|js|toml|md)", token))


def exists(path: str) -> bool:
    return any((base / path).exists() for base in (PACKAGE, ROOT))


@cache
def names_in(module: str) -> frozenset[str]:
    """The functions, classes, methods and constants of a module, as the page writes them."""
    return frozenset(iter_names(ast.parse(MODULES[module].read_text()).body))


def iter_names(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from iter_names(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def rows() -> list[list[str]]:
    """The cells of all rows of tables."""
    lines = [line for line in text_of(PAGE).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def steps() -> Iterator[tuple[list[str], list[str]]]:
    """The files of each row, and the names that the next cell says are in one of them."""
    for cells in rows():
        for left, right in pairwise(cells):
            files = [token for token in TOKEN.findall(left) if token in MODULES]
            if files and TOKEN.sub("", left).strip(" ,") == "":
                names = [token for token in TOKEN.findall(right) if NAME.fullmatch(token)]
                yield files + [token for token in TOKEN.findall(right) if token in MODULES], names


def imports() -> dict[str, set[str]]:
    """The packages that each package imports, in reality."""
    found: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for path, file in MODULES.items():
        package = path.split("/")[0]
        for node in ast.walk(ast.parse(file.read_text())):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{alias.name}" for alias in node.names]
            parts = [name.split(".") for name in named if name.startswith("scenarist.")]
            if package in found:
                found[package] |= {part[1] for part in parts} & PACKAGES - {package}
    return found


def contract(kind: str) -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return next(item for item in contracts if item["type"] == kind)


def package_rows() -> dict[str, tuple[int, set[str]]]:
    """The layer of each package, and what the page says that it imports."""
    found = {}
    for cells in rows():
        if len(cells) == 4 and cells[0].isdigit():
            found[cells[1].strip("`")] = (int(cells[0]), set(TOKEN.findall(cells[3])))
    return found


def layers() -> list[set[str]]:
    return [set(re.split(r" [|:] ", layer)) for layer in contract("layers")["layers"]]


@pytest.mark.parametrize("page", [PAGE, CONTRIBUTING], ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = {token for token in TOKEN.findall(text_of(page)) if is_path(token)}

    assert {path for path in named if not exists(path) and "NNNN" not in path} == set()


def test_the_functions_and_classes_are_in_the_files_beside_them() -> None:
    checked = list(steps())

    assert len(checked) > 70
    missing = {
        name: files
        for files, names in checked
        for name in names
        if not any(has_name(file, name) for file in files)
    }
    assert missing == {}


def has_name(module: str, name: str) -> bool:
    return any(one == name or one.endswith(f".{name}") for one in names_in(module))


def test_every_name_on_the_page_is_a_name_of_the_source() -> None:
    names = {
        token
        for token in TOKEN.findall(text_of(PAGE))
        if NAME.fullmatch(token) and not is_path(token) and token not in NOT_NAMES | PACKAGES
    }
    known = {one for module in MODULES for one in names_in(module)}
    known |= {one.rpartition(".")[2] for one in known}

    assert names - known == set()


def test_the_table_has_every_package_in_its_layer() -> None:
    numbered = {name: number for number, layer in enumerate(layers(), 1) for name in layer}

    assert {name: number for name, (number, _) in package_rows().items()} == numbered
    assert set(numbered) == PACKAGES


def test_the_table_says_what_each_package_imports() -> None:
    said = {name: listed for name, (_, listed) in package_rows().items()}
    real = {name: found - BELOW_ALL for name, found in imports().items()}
    said["server"] = PACKAGES - BELOW_ALL - said["server"] - {"server"}  # "everything but …"

    assert said == real


def test_every_module_that_the_glossary_names_exists() -> None:
    _, words_of_the_source = GLOSSARY.read_text().split("## Words of the source")
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", words_of_the_source))
    paths = {name.replace(".", "/") for name in named}

    assert len(named) > 30
    assert {path for path in paths if not exists(path) and f"{path}.py" not in MODULES} == set()

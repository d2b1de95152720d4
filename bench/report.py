"""The table of the figures, on the screen and in a file."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

LIBRARIES = ("scenarist", "litestar", "uvicorn", "sqlalchemy", "msgspec", "pebble")
LOAD_AT_START = os.getloadavg()[0]
"""Well above zero, other work was in the way of all figures."""

_HERE = Path(__file__).parent.parent
HEADER = ("#", "work", "ours", "compared with", "ratio", "bar", "holds")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One figure, what it is compared with, and its bar."""

    number: str
    work: str
    ours: str
    beside: str
    ratio: float | None
    bar: str
    holds: bool
    note: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        holds = "yes" if self.holds else "NO"
        return self.number, self.work, self.ours, self.beside, ratio, self.bar, holds


def median_ratio(ours: Sequence[float], beside: Sequence[float]) -> float:
    """Compare round by round, so that a slow moment of the machine weighs on both sides."""
    return median(mine / theirs for mine, theirs in zip(ours, beside, strict=True))


def failed(number: str, error: Exception) -> Row:
    return Row(
        number=number,
        work="not measured",
        ours="",
        beside="",
        ratio=None,
        bar="",
        holds=False,
        note=f"{type(error).__name__}: {error}".replace(f"{_HERE}/", "").strip(),
    )


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table whose columns also line up on a screen."""
    widths = [max(len(line[index]) for line in (header, *lines)) for index in range(len(header))]
    padded = [
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in (header, ["-" * width for width in widths], *lines)
    ]
    return "\n".join(f"| {line} |" for line in padded)


def machine() -> str:
    """Say what was measured on, without naming the machine."""
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"Machine: {os.cpu_count()} cores, {memory:.0f} GB memory, "
        f"{platform.system()} {platform.release()} on {platform.machine()}.\n"
        f"Date: {datetime.now(UTC):%Y-%m-%d}. "
        f"Load average before the first measurement: {LOAD_AT_START:.2f}."
    )


def libraries() -> str:
    found = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"Python {platform.python_version()}, {found}."


def report(rows: Sequence[Row]) -> str:
    table = markdown_table(HEADER, [row.cells for row in rows])
    notes = "\n".join(f"- {row.number}, {row.work}: {row.note}." for row in rows if row.note)
    return f"{table}\n\nNotes:\n\n{notes}\n"


def write_results(file: Path, rows: Sequence[Row]) -> None:
    file.write_text(
        "# What the server costs\n\n"
        "Written by `make bench`. Every figure stands beside something that was measured in the "
        "same run, in turn with it. Figures are medians of the rounds, and a ratio is the "
        "median of the ratios of each round.\n\n"
        f"{machine()}\n{libraries()}\n\n{report(rows)}"
    )

"""Runs commands as somebody at a terminal does."""

import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenarist.cli import main
from signed_in import settings_in


@dataclass(frozen=True)
class Done:
    """What a command has printed, what it has said besides, and its exit code."""

    printed: str
    said: str
    code: int


class Terminal:
    """Runs commands within this process, which takes a tenth of the time."""

    def __init__(self, caught: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._caught = caught
        self._patch = patch

    def run(self, folder: Path, *arguments: str, typed: str | bytes = "") -> Done:
        """Run a command on the database of a folder."""
        entered = typed.encode() if isinstance(typed, str) else typed
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(entered)))
        self._patch.setenv("SCENARIST_DATABASE", settings_in(folder).database)
        self._caught.readouterr()
        code: Any = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        printed, said = self._caught.readouterr()
        return Done(printed, said, code or 0)

    def printed_by(self, folder: Path, *arguments: str, typed: str | bytes = "") -> str:
        """Run a command that succeeds and has nothing more to say."""
        done = self.run(folder, *arguments, typed=typed)
        assert (done.said, done.code) == ("", 0)
        return done.printed

    def mistake(self, folder: Path, *arguments: str, typed: str | bytes = "", code: int = 1) -> str:
        """Run a command that cannot work; return the one line that says so."""
        done = self.run(folder, *arguments, typed=typed)
        assert (done.printed, done.code) == ("", code)
        assert done.said.count("\n") == 1
        assert done.said.startswith("scenarist: ")
        return done.said.removeprefix("scenarist: ").strip()


def run_apart(folder: Path, *arguments: str, typed: str = "", **environment: str) -> Done:
    """Run a command as somebody at a shell does."""
    done = subprocess.run(
        [sys.executable, "-m", "scenarist", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "SCENARIST_DATABASE": settings_in(folder).database, **environment},
        check=False,
    )
    return Done(done.stdout, done.stderr, done.returncode)

"""Refuses an application that cannot work, before anything is started."""

import subprocess
import sys

from scenarist.config import Application
from scenarist.domain.errors import InvalidError


def check(application: Application) -> None:
    """Refuse an application that cannot work.

    Raises:
        InvalidError: Lists every mistake, each with where it stands and how to mend it.
    """
    problems = application.registry.check()
    if problems:
        lines = "\n".join(f"  {problem.where}: {problem.message}" for problem in problems)
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        raise InvalidError(
            f"the configuration has {count}:\n{lines}",
            errors=[{"field": item.where, "message": item.message} for item in problems],
        )


def check_apart(app: str) -> None:
    """Check an application in a process of its own.

    The check imports the functions of tasks, and what they need stays out of the server.

    Raises:
        InvalidError: As `check`.
    """
    command = [sys.executable, "-m", "scenarist", "check", app]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise InvalidError(done.stderr.strip().removeprefix("scenarist: "))

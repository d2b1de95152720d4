"""The workshop, in a server that is killed at one of its commits, or whose files cannot grow.

DIE_AT, such as ``before 3`` or ``after 3``, counts the commits from when there is a file ``armed``
in the server's folder. LARGEST_FILE is what a file may have at most, in bytes.
"""

import itertools
import os
import resource
import signal
from pathlib import Path
from typing import Any

from apps.workshop import registry as registry
from scenarist.db.dialects.postgresql import PostgreSqlDialect
from scenarist.db.dialects.sqlite import SqliteDialect

_numbers = itertools.count(1)


def die_at(when: str, which: int) -> None:
    for backend in (SqliteDialect, PostgreSqlDialect):
        commit: Any = backend.commit

        def commit_or_die(*arguments: Any, commit: Any = commit) -> None:
            number = next(_numbers) if Path("armed").exists() else 0
            if (when, number) == ("before", which):
                os.kill(os.getpid(), signal.SIGKILL)
            commit(*arguments)
            if (when, number) == ("after", which):
                os.kill(os.getpid(), signal.SIGKILL)

        backend.commit = commit_or_die  # type: ignore[assignment, method-assign]


if "DIE_AT" in os.environ:
    point, _, place = os.environ["DIE_AT"].partition(" ")
    die_at(point, int(place))
if "LARGEST_FILE" in os.environ:
    limit = int(os.environ["LARGEST_FILE"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
